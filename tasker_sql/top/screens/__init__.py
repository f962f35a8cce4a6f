"""What each screen shows: a pure function of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tasker_sql.top.screens.actions import actions
from tasker_sql.top.screens.database import database
from tasker_sql.top.screens.failures import failures
from tasker_sql.top.screens.lists import claims, problems, queues, tasks
from tasker_sql.top.screens.task import step, task
from tasker_sql.top.screens.workers import workers
from tasker_sql.top.snapshot import Snapshot
from tasker_sql.top.table import View

SCREENS: Final[Mapping[str, Callable[[Snapshot], View]]] = {
    "problems": problems,
    "queues": queues,
    "tasks": tasks,
    "claims": claims,
    "workers": workers,
    "failures": failures,
    "database": database,
    "acts": actions,
    "task": task,
    "step": step,
}
TABS: Final = (*SCREENS,)[:7]
ALONE: Final = (*SCREENS,)[:8]  # those that are not about one task


def view(seen: Snapshot) -> View:
    """What the snapshot's screen shows."""
    return SCREENS[seen.place.screen](seen)
