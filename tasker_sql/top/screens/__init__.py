"""What each screen shows: a pure function of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tasker_sql.top.screens.acts import acts
from tasker_sql.top.screens.database import database
from tasker_sql.top.screens.failures import failures
from tasker_sql.top.screens.lists import claims, problems, queues, tasks
from tasker_sql.top.screens.step import step
from tasker_sql.top.screens.task import task
from tasker_sql.top.screens.workers import workers
from tasker_sql.top.snapshot import Snapshot
from tasker_sql.top.table import View

TABS: Final = ("problems", "queues", "tasks", "claims", "workers", "failures", "database")
ALONE: Final = (*TABS, "acts")  # those that are not about one task
SCREENS: Final[Mapping[str, Callable[[Snapshot], View]]] = {
    "problems": problems,
    "queues": queues,
    "tasks": tasks,
    "task": task,
    "step": step,
    "claims": claims,
    "workers": workers,
    "failures": failures,
    "database": database,
    "acts": acts,
}


def view(seen: Snapshot) -> View:
    """What the snapshot's screen shows."""
    return SCREENS[seen.place.screen](seen)
