"""What must hold before a runner starts: connections enough, and no pooler that would break it;
and the handlers that it lacks."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import closing
from typing import Final

from tasker_sql.client import Client, Connection
from tasker_sql.config import ConfigError
from tasker_sql.errors import TaskerError, UnavailableError

SMALLEST: Final = 4  # that database.pool_size may be
MOST_TEMPLATES: Final = 200  # that are looked at

LIMITS: Final = b"""
with session as (  -- but those of checks like this one, which are about to end
  select activity.datname, activity.usename
    from pg_catalog.pg_stat_activity as activity
   where activity.backend_type = 'client backend' and activity.pid <> pg_catalog.pg_backend_pid()
     and activity.application_name not like all ('{tasker-sql/% check,tasker-sql/% schema}')
),
own as (  -- the database and the role; superusers meet no limits of either
  select role.rolname, role.rolconnlimit, database.datname, database.datconnlimit
    from pg_catalog.pg_roles as role, pg_catalog.pg_database as database
   where role.rolname = session_user and not role.rolsuper
     and database.datname = pg_catalog.current_database()
)
select 'the server', pg_catalog.current_setting('max_connections')::integer
         - pg_catalog.current_setting('superuser_reserved_connections')::integer
         - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::integer,
       (select count(*) from session), 'a higher max_connections'
union all
select 'database ' || own.datname, own.datconnlimit,
       (select count(*) from session where session.datname = own.datname),
       pg_catalog.format('alter database %I connection limit', own.datname)
  from own where own.datconnlimit >= 0
union all
select 'role ' || own.rolname, own.rolconnlimit,
       (select count(*) from session where session.usename = own.rolname),
       pg_catalog.format('alter role %I connection limit', own.rolname)
  from own where own.rolconnlimit >= 0
"""
PID: Final = b"select pg_catalog.pg_backend_pid()"
HANDLERS: Final = b"""
select step.value ->> 'namespace', step.value ->> 'handler'
  from (select listed.* from tasker.list_templates() as listed where listed.is_latest limit %s)
    as newest
 cross join lateral tasker.get_template(newest.namespace, newest.name, newest.version) as template
 cross join lateral pg_catalog.jsonb_array_elements(template.steps) as step
 where not step.value ? 'wait' and step.value ->> 'handler' not like 'sql:%%'
 group by 1, 2
"""

log = logging.getLogger(__name__)


def check_limits(client: Client, needed: int, pool_size: int) -> None:
    """Raises ConfigError when the server, the database or the role allows fewer connections than
    are needed. Warns when so many are not free now: another runner may be about to end."""
    with client.transaction() as connection:
        found = connection.execute(LIMITS).fetchall()
    for who, allowed, used, setting in found:
        if allowed < needed:
            size = pool_size - (needed - allowed)
            cure = f"{setting} {needed}" if setting.startswith("alter") else setting
            if size >= SMALLEST:
                cure = f"a database.pool_size of {size} or less is needed, or {cure}"
            raise ConfigError(
                f"this runner may open {needed} connections, and {who} allows {allowed}: {cure}"
            )
        if allowed - used < needed:
            log.warning(
                "this runner may open %d connections; %s allows %d, and others have %d of them now",
                *(needed, who, allowed, used),
            )


def check_handlers(client: Client, namespaces: Collection[str], known: Collection[str]) -> None:
    """Warns of handlers that steps of these namespaces (none: of all) name, and that are not among
    the known: this runner leaves these steps to other workers."""
    lacking = defaultdict[str, set[str]](set)
    with client.transaction() as connection:
        for namespace, handler in connection.execute(HANDLERS, [MOST_TEMPLATES]).fetchall():
            if handler not in known:
                lacking[namespace].add(handler)
    for served in sorted(lacking.keys() & (namespaces or lacking.keys())):
        log.warning(
            "templates of the namespace %s name handlers that this runner does not have (%s): "
            "their steps wait for other workers",
            *(served, ", ".join(sorted(lacking[served]))),
        )


def check_pooler(connect: Callable[[], Client], allowed: bool) -> None:
    """Raises ConfigError for a pooler that hands sessions on after each statement, and, unless it
    is `allowed`, after each transaction: LISTEN and prepared statements break there.

    A pooler invents the pid that a client gets at its start. One that hands sessions on gives
    the session of an idle client to the next transaction of another one, or gives that client
    another one afterwards.
    """
    with closing(connect()) as client, closing(connect()) as other:
        try:
            with client.transaction() as connection:
                before, invented = _pid(connection), connection.info.backend_pid
            if before == invented:
                return
            with other.transaction() as connection:
                handed_on = _pid(connection) == before
                with client.transaction() as again:
                    handed_on = handed_on or _pid(again) != before
        except (TaskerError, UnavailableError) as error:
            if "statement pooling" not in str(error):
                raise
            raise ConfigError(
                f"a pooler that pools statements stands before the server ({error}), and a runner "
                "needs transactions: let it pool transactions, or connect to the server itself"
            ) from error
    if handed_on and not allowed:
        raise ConfigError(
            "a pooler that pools transactions stands before the server, which breaks LISTEN and "
            "prepared statements: start with --pgbouncer (key database.pgbouncer), or connect to "
            "the server itself"
        )


def _pid(connection: Connection) -> int:
    """Of the session that applies the next statement."""
    found: int = connection.execute(PID).fetchone()[0]  # type: ignore[index]
    return found
