"""Limits on connections, of the server, of the database and of the role, seen before the start."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from running import configured
from servers import rows

from tasker_sql.config import ConfigError
from tasker_sql.ops.orchestrator import OrchestrationCore

pytestmark = pytest.mark.newest


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """One that may not do more than others. Limits are not for superusers."""
    name = f"limited_{uuid.uuid4().hex[:12]}"
    rows(database, f"create role {name} login in role postgres")
    try:
        yield name
    finally:
        rows(database, f"drop role {name}")


def core(database: str, role: str, pool_size: int = 20) -> OrchestrationCore:
    dsn = make_conninfo(database, user=role)
    return OrchestrationCore(configured(dsn, more={"database.pool_size": pool_size}))


def test_a_role_that_may_open_fewer_is_refused(database: str, role: str) -> None:
    rows(database, f"alter role {role} connection limit 22")
    with pytest.raises(ConfigError) as raised:
        core(database, role).check()
    assert str(raised.value) == (
        f"this runner may open 23 connections, and role {role} allows 22: a database.pool_size of "
        f"19 or less is needed, or alter role {role} connection limit 23"
    )
    core(database, role, pool_size=19).check()
    rows(database, f"alter role {role} connection limit 4")
    with pytest.raises(ConfigError, match=f"allows 4: alter role {role} connection limit 23$"):
        core(database, role).check()


def test_a_database_that_takes_fewer_is_refused(database: str, role: str) -> None:
    name = conninfo_to_dict(database)["dbname"]
    rows(database, f"alter database {name} connection limit 10")
    with pytest.raises(ConfigError, match=f"database {name} allows 10: .* connection limit 23$"):
        core(database, role).check()
    rows(database, f"alter database {name} connection limit 23")
    core(database, role).check()


def test_superusers_meet_no_limits_but_the_servers(database: str) -> None:
    name = conninfo_to_dict(database)["dbname"]
    rows(database, f"alter database {name} connection limit 3")
    OrchestrationCore(configured(database)).check()
    with pytest.raises(ConfigError, match=r"the server allows 97: a database\.pool_size of 94 or"):
        OrchestrationCore(configured(database, more={"database.pool_size": 95})).check()


def test_connections_that_others_have_now_are_told(
    database: str, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    """They may end, as those of an old runner do; so it starts."""
    rows(database, f"alter role {role} connection limit 23")
    core(database, role).check()
    assert "others have" not in caplog.text
    with psycopg.connect(make_conninfo(database, user=role)):
        core(database, role).check()
    reason = f"role {role} allows 23, and others have 1 of them now"
    assert f"this runner may open 23 connections; {reason}" in caplog.text
