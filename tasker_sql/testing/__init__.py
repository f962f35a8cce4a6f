"""Tests of handlers and workflows, with pytest.

    from tasker_sql.testing import make_step

    def test_one_handler():
        assert check_email(make_step(context={"email": "a@b.c"})) == {"ok": True}

    def test_a_workflow(tasker):
        tasker.register("signup.yaml")
        task = tasker.client.create_task("crm", "signup", {"email": "a@b.c"})
        tasker.drain()
        assert tasker.client.result(task) == {"id": 7}

pytest finds this module by itself and loads it in every run, so it imports what it needs when a
test asks for it. `docs/testing.md` says more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

if TYPE_CHECKING:
    from tasker_sql.testing.databases import Databases
    from tasker_sql.testing.kit import Tasker
    from tasker_sql.worker.handlers import Step

__all__ = ["Tasker", "make_step", "tasker"]

TASK_UUID = UUID("01900000-0000-7000-8000-000000000000")
STEP_UUID = UUID("01900000-0000-7000-8000-000000000001")


def make_step(
    context: Any = None,
    results: Mapping[str, Any] | None = None,
    attempt: int = 1,
    *,
    name: str = "step",
    max_attempts: int | None = None,
    config: Mapping[str, Any] | None = None,
    task_uuid: UUID = TASK_UUID,
    step_uuid: UUID = STEP_UUID,
    state: Any = None,
) -> Step:
    """A step to call a handler with.

    `state` is what the attempt before saved; `step.checkpoint` changes it.

    Context, results and config become what a handler would get of them: a model or a dataclass is
    an object then, a date a text. Raises ValueError for what is not JSON.
    """
    from tasker_sql.jsonb import decode, encode
    from tasker_sql.worker.handlers import Step
    from tasker_sql.worker.progress import Progress

    most = max(3, attempt) if max_attempts is None else max_attempts
    if not 1 <= attempt <= most:
        raise ValueError(f"attempt is {attempt}; need a number from 1 to max_attempts, {most}")
    given = [decode(encode(one or {})) for one in (context, results, config)]
    for what, one in zip(("context", "results", "config"), given, strict=True):
        if not isinstance(one, dict):
            raise ValueError(f"{what} is {one!r}; need an object, as {{'order': 7}}")
    progress = Progress(decode(encode(state)))
    first = (task_uuid, step_uuid, name, attempt, most)
    return Step(*first, given[0], given[1], given[2], progress=progress)


@pytest.fixture(scope="session")
def _tasker_databases() -> Iterator[Databases]:
    from tasker_sql.testing import databases

    with databases.opened() as found:
        yield found


@pytest.fixture
def tasker(request: pytest.FixtureRequest, _tasker_databases: Databases) -> Iterator[Tasker]:
    """A database of tasker-sql of its own for a test, and what runs the steps in it.

    `.client`, `.url`, `.register(file, dict or workflow)`, `.drain()`, `.advance(timedelta)`.
    """
    from tasker_sql.testing.kit import Tasker

    with _tasker_databases.database() as url, Tasker(url, request.path.parent) as made:
        yield made


def __getattr__(name: str) -> Any:
    if name == "Tasker":
        from tasker_sql.testing.kit import Tasker

        return Tasker
    raise AttributeError(f"module 'tasker_sql.testing' has no attribute {name!r}")
