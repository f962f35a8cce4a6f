"""What the shell offers after Tab. Where there is no database, or it takes long: nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Final
from uuid import UUID

from tasker_sql import config
from tasker_sql.client import Client
from tasker_sql.schema import database
from tasker_sql.top.backend import connected

WITHIN: Final = 1.0  # seconds for an answer
MOST: Final = 30  # tasks
OPEN: Final = ("in_progress", "blocked_by_failures", "pending")

Offers = Callable[[str], list[str]]


def asked(ask: Callable[[Client, str], Iterable[str]]) -> Offers:
    """Offers what the database answers."""

    def offers(incomplete: str) -> list[str]:
        try:
            url = database.running()
            if url is None:
                return []
            client = connected(url, "completion", connect_timeout=1, read_timeout=WITHIN)
            with closing(client):
                found = list(ask(client, incomplete))
        except Exception:  # a traceback would spoil the line that is being typed
            return []
        return [word for word in found if word.startswith(incomplete) and word.isprintable()]

    return offers


def _open_tasks(client: Client) -> list[str]:
    """The newest first; a uuid begins with the time."""
    found = (task for state in OPEN for task in client.list_tasks({"state": state}, MOST))
    return sorted((str(task.task_uuid) for task in found if task.task_uuid), reverse=True)[:MOST]


@asked
def tasks(client: Client, _: str) -> Iterator[str]:
    """The open ones, then the newest."""
    newest = (str(task.task_uuid) for task in client.list_tasks({}, MOST) if task.task_uuid)
    yield from dict.fromkeys([*_open_tasks(client), *newest])


@asked
def steps(client: Client, incomplete: str) -> Iterator[str]:
    """Tasks; once one is clear, TASK/NAME of its steps."""
    task, slash, _ = incomplete.partition("/")
    fit = [task] if slash else [one for one in _open_tasks(client) if one.startswith(task)]
    if len(fit) > 1:
        yield from fit
    for one in fit if len(fit) == 1 else ():
        yield from (f"{one}/{step.name}" for step in client.get_task_steps(UUID(one)))


def _templates(client: Client) -> Iterator[tuple[str, str]]:
    return ((one.namespace, one.name) for one in client.list_templates() if one.is_latest)


waits = asked(lambda client, _: (str(one.step_uuid) for one in client.open_waits() if one.signals))
open_tasks = asked(lambda client, _: _open_tasks(client))
namespaces = asked(lambda client, _: (one.name for one in client.list_namespaces()))
templates = asked(lambda client, _: map("/".join, _templates(client)))
template_names = asked(lambda client, _: (name for _, name in _templates(client)))
schedules = asked(
    lambda client, _: (f"{one.namespace}/{one.name}" for one in client.list_schedules())
)
runners = asked(lambda client, _: (one.name for one in client.known_runners() if one.is_live))
workers = asked(lambda client, _: (one.name for one in client.known_workers() if one.claims))
step_names = asked(lambda client, _: sorted({one.name for one in client.dead_letters()}))
fingerprints = asked(lambda client, _: sorted({one.fingerprint for one in client.dead_letters()}))
limits = asked(lambda client, _: (limit.name for limit in client.list_limits()))


def config_keys(incomplete: str) -> list[str]:
    return list(filter(lambda path: path.startswith(incomplete), config.keys()))
