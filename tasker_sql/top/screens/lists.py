"""Problems, queues, tasks and claims."""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

from tasker_sql.rows import Problem
from tasker_sql.top.queries import MOST
from tasker_sql.top.rows import ClaimLine, QueueLine, TaskLine
from tasker_sql.top.snapshot import Location, Snapshot, place_of
from tasker_sql.top.statements import (
    WHY,
    Verb,
    cure_verbs,
    many_verb,
    requeue,
    statement,
    task_verbs,
)
from tasker_sql.top.table import Column, Row, View, details, view_of

UUID_TEXT: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
SHOWS_MORE: Final = {
    "queue_missing": "queues",
    "no_worker": "queues",
    "queue_behind": "queues",
    "slots_full": "claims",
    "messages_unprocessed": "queues",
    "paused": "queues",
    "stale_claim": "claims",
    "runner_lost": "workers",
    "breaker_open": "workers",
    "timers_overdue": "failures",
    "dead_letters": "failures",
    "requests_refused": "failures",
    "late_writes": "failures",
    "vacuum_held_back": "database",
    "bloat": "database",
    "blocked_by": "database",
    "read_only": "database",
    "too_many_connections": "database",
    "disk_full": "database",
    "handler_missing": "queues",
    "pool_unhealthy": "workers",
    "reports_refused": "workers",
    "permission_missing": "workers",
    "schema_changed": "workers",
}


def problems(seen: Snapshot) -> View:
    """What to act on, the worst first, among equals the newest."""
    columns = (
        Column("severity"),
        Column("code", rank=2),
        Column("subject"),
        Column("since", right=True, rank=1),
        Column("problem", stretches=True),
        Column("cure", rank=3),
    )
    rows = [
        Row(
            f"{one.code} {one.subject} {number if not one.subject else ''}",
            (one.severity, one.code, one.subject, one.since, _marked(one), one.cure),
            details(one, (one.severity, _marked(one)), ("cure", one.cure), skip="severity problem"),
            _more_of(one),
            (*cure_verbs(one.cure), *_acknowledge(one)),
            _sought(one),
        )
        for number, one in enumerate(seen.of(Problem))
    ]
    return view_of(seen, "problems", columns, rows, "No problems now.")


def _marked(one: Problem) -> str:
    known = f"(acknowledged by {one.acknowledged_by}) " if one.acknowledged_by else ""
    return known + one.problem


def _acknowledge(one: Problem) -> tuple[Verb, ...]:
    known = statement("acknowledge_problem", one.code, one.subject, WHY)
    return () if one.acknowledged_by else (Verb("A", "acknowledge", known),)


def _more_of(one: Problem) -> Location | None:
    """Where there is more about a problem: the task or step that it names, else a screen."""
    if found := UUID_TEXT.search(one.subject) or UUID_TEXT.search(one.cure or ""):
        return place_of(UUID(found[0]))
    return Location(SHOWS_MORE[one.code]) if one.code in SHOWS_MORE else None


def _sought(one: Problem) -> str:
    """What distinguishes the row of a problem's subject on the screen with more about it."""
    fingerprint = re.search(r"--fingerprint (\w+)", one.cure or "")
    return fingerprint[1] if fingerprint else one.subject.split()[-1]


def queues(seen: Snapshot) -> View:
    """How much waits where, since when, and who takes it."""
    columns = (
        Column("queue"),
        Column("priority", rank=3),
        Column("state"),
        Column("depth", right=True),
        Column("oldest", right=True),
        Column("runners", right=True),
        Column("slots", right=True, rank=1),
        Column("note", stretches=True),
    )
    rows = [_queue(one) for one in seen.of(QueueLine)]
    return view_of(seen, "queues", columns, rows, "No queues.")


def _queue(one: QueueLine) -> Row:
    state, note = "ok", None
    if one.missing:
        state, note = "missing", "the table of this queue is gone; the next sweep makes it again"
    elif one.paused_at:
        state, note = "paused", f"by {one.paused_by}: {one.pause_reason}"
    elif one.live_runners == 0 and one.depth:
        state = "unserved"
        note = "no live runner of tasker-sql serves it (other workers are seen in claims alone)"
    pause = "resume" if one.paused_at else "pause"
    verb = statement(f"{pause}_namespace", one.namespace, WHY)
    about = "about " if one.depth_is_exact is False else ""
    return Row(
        one.queue_name,
        (
            *(one.queue_name, one.priority, state, one.depth, one.oldest_age),
            *(one.live_runners, one.slots, note),
        ),
        details(
            one,
            ("queue", one.queue_name),
            (state, note),
            ("depth", None if one.depth is None else f"{about}{one.depth:,}"),
            skip="queue_name depth_is_exact missing paused_by pause_reason",
        ),
        verbs=(Verb("P", f"{pause} {one.namespace}", verb),) if one.namespace else (),
    )


def tasks(seen: Snapshot) -> View:
    """The newest tasks."""
    columns = (
        Column("task", rank=3),
        Column("template"),
        Column("state"),
        Column("done", right=True),
        Column("created", right=True),
        Column("took", right=True, rank=2),
        Column("steps", stretches=True),
    )
    rows = [_task(one, seen) for one in seen.of(TaskLine)]
    title = f"tasks: the newest {MOST}" if len(rows) == MOST else "tasks"
    return view_of(seen, title, columns, rows, "No tasks yet.")


def _task(one: TaskLine, seen: Snapshot) -> Row:
    name = f"{one.namespace}/{one.name}"
    counts = {
        "running": one.in_progress_steps,
        "enqueued": one.enqueued_steps,
        "retrying": one.waiting_for_retry_steps,
        "failed": one.failed_steps,
    }
    is_own = one.paused and not (one.template_paused or one.namespace_paused)
    paused = (
        "its namespace is paused: see queues"
        if one.namespace_paused
        else "its template is paused"
        if one.template_paused
        else "it is paused"
    )
    took = (one.finished_at or seen.status.at) - one.created_at
    return Row(
        str(one.task_uuid),
        (
            *(one.task_uuid, name, "paused" if one.paused and not one.finished_at else one.state),
            *(f"{one.completed_steps}/{one.total_steps}", one.created_at, took),
            ", ".join(f"{count} {kind}" for kind, count in counts.items() if count),
        ),
        details(
            one,
            ("task", one.task_uuid),
            ("template", f"{name}@{one.version}"),
            ("state", one.state),
            ("paused", paused if one.paused else None),
            skip="task_uuid namespace name version template_paused namespace_paused total_steps "
            "completed_steps in_progress_steps enqueued_steps waiting_for_retry_steps failed_steps",
        ),
        Location("task", one.task_uuid),
        (
            *task_verbs(one.task_uuid, one.state, "resume" if is_own else "pause"),
            _template_verb(one),
        ),
    )


def _template_verb(one: TaskLine) -> Verb:
    pause = "resume" if one.template_paused else "pause"
    what = statement(f"{pause}_template", one.namespace, one.name, WHY)
    return Verb("T", f"{pause} {one.name}", what)


def claims(seen: Snapshot) -> View:
    """Who works on what, whose lease ends first on top."""
    columns = (
        Column("worker", stretches=True),
        Column("namespace"),
        Column("lease"),
        Column("ends", right=True),
        Column("claimed", right=True),
        Column("steps", right=True),
        Column("first step", rank=1),
    )
    rows = [_claim(one) for one in seen.of(ClaimLine)]
    return view_of(seen, "claims", columns, rows, "No claims: nobody works on anything.")


def _claim(one: ClaimLine) -> Row:
    first: Any = next(iter(one.step_uuids), None)
    verb = (
        requeue(first)
        if len(one.step_uuids) == 1
        else many_verb("Q", f"requeue all of {one.worker}", "requeue_step", {"worker": one.worker})
    )
    return Row(
        f"{one.worker} {one.claimed_at} {first}",
        (
            *(one.worker, one.namespace, "expired" if one.is_expired else "held"),
            *(one.lease_until, one.claimed_at, one.step_count, first),
        ),
        details(
            one,
            ("worker", one.worker),
            ("expired", "the next sweep takes its steps back" if one.is_expired else None),
            skip="is_expired step_count",
        ),
        first and place_of(first),
        (verb,),
    )
