"""Problems, queues, tasks and claims."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tasker_sql.rows import Problem
from tasker_sql.top.answers import Claim, Queue, TaskLine
from tasker_sql.top.questions import MOST
from tasker_sql.top.snapshot import Place, Snapshot, place_of
from tasker_sql.top.statements import (
    WHY,
    Verb,
    cure_verbs,
    many_verb,
    requeue,
    statement,
    task_verbs,
)
from tasker_sql.top.table import Column, Row, View, view_of
from tasker_sql.top.words import clock

UUID_TEXT: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def problems(seen: Snapshot) -> View:
    """What to act on, the worst first."""

    def line(number: int, one: Problem) -> Row:
        known = f"(acknowledged by {one.acknowledged_by}) " if one.acknowledged_by else ""
        return Row(
            f"{one.code} {one.subject} {number if not one.subject else ''}",
            (one.severity, one.code, one.subject, one.since, known + one.problem, one.cure),
            (
                (one.severity, known + one.problem),
                ("code", one.code),
                ("cure", one.cure),
                ("subject", one.subject),
                ("since", clock(one.since)),
            ),
            _more_of(one),
            cure_verbs(one.cure),
            _seeks(one),
        )

    columns = (
        Column("severity"),
        Column("code", rank=2),
        Column("subject"),
        Column("since", right=True, rank=1),
        Column("problem", stretches=True),
        Column("cure", rank=3),
    )
    rows = [line(number, one) for number, one in enumerate(seen.of(Problem))]
    return view_of(seen, "problems", columns, rows, "No problems now.")


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


def _more_of(one: Problem) -> Place | None:
    """Where there is more about a problem: the task or step that it names, else a screen."""
    if found := UUID_TEXT.search(one.subject) or UUID_TEXT.search(one.cure or ""):
        return place_of(UUID(found[0]))
    return Place(SHOWS_MORE[one.code]) if one.code in SHOWS_MORE else None


def _seeks(one: Problem) -> str:
    """What tells the row of a problem's subject on the screen with more about it."""
    fingerprint = re.search(r"--fingerprint (\w+)", one.cure or "")
    return fingerprint[1] if fingerprint else one.subject.split()[-1]


def queues(seen: Snapshot) -> View:
    """How much waits where, since when, and who takes it."""

    def state(one: Queue) -> str:
        if one.missing:
            return "missing"
        if one.paused_at:
            return "paused"
        return "unserved" if one.live_runners == 0 and one.depth else "ok"

    def line(one: Queue) -> Row:
        pause = "resume" if one.paused_at else "pause"
        paused = f"by {one.paused_by}: {one.pause_reason}" if one.paused_at else None
        nobody = (
            "no live runner of tasker-sql serves it (other workers are seen in claims alone)"
            if state(one) == "unserved"
            else None
        )
        depth = f"about {one.depth:,}" if one.depth and not one.depth_is_exact else one.depth
        return Row(
            one.queue_name,
            (
                *(one.queue_name, one.priority, state(one), one.depth, one.oldest_age),
                *(one.live_runners, one.slots, paused or nobody),
            ),
            (
                ("queue", one.queue_name),
                ("waiting", depth),
                ("oldest has waited", one.oldest_age),
                ("paused", paused and f"{clock(one.paused_at)} {paused}"),
                ("unserved", nobody),
                ("missing", "the table of this queue is gone; the next sweep makes it again")
                if one.missing
                else ("slots", one.slots),
            ),
            verbs=(Verb("P", f"{pause} {one.namespace}", _namespace(pause, one.namespace)),)
            if one.namespace
            else (),
        )

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
    return view_of(seen, "queues", columns, [line(one) for one in seen.of(Queue)], "No queues.")


def _namespace(verb: str, namespace: str) -> str:
    return statement(f"{verb}_namespace", namespace, WHY)


def tasks(seen: Snapshot) -> View:
    """The newest tasks."""

    def line(one: TaskLine) -> Row:
        name = f"{one.namespace}/{one.name}"
        counts = {
            "running": one.in_progress_steps,
            "enqueued": one.enqueued_steps,
            "retrying": one.waiting_for_retry_steps,
            "failed": one.failed_steps,
        }
        is_own = one.paused and not (one.template_paused or one.namespace_paused)
        pause = "resume" if is_own else "pause"
        state = "paused" if one.paused and one.finished_at is None else one.state
        return Row(
            str(one.task_uuid),
            (
                *(one.task_uuid, name, state),
                *(f"{one.completed_steps}/{one.total_steps}", one.created_at),
                (one.finished_at or seen.status.at) - one.created_at,
                ", ".join(f"{count} {kind}" for kind, count in counts.items() if count),
            ),
            (
                ("task", str(one.task_uuid)),
                ("template", f"{name}@{one.version}"),
                ("state", one.state),
                ("paused", _paused(one)),
                ("created", clock(one.created_at)),
                ("finished", clock(one.finished_at)),
            ),
            Place("task", one.task_uuid),
            (*task_verbs(one.task_uuid, one.state, pause), template_verb(one)),
        )

    columns = (
        Column("task", rank=3),
        Column("template"),
        Column("state"),
        Column("done", right=True),
        Column("created", right=True),
        Column("took", right=True, rank=2),
        Column("steps", stretches=True),
    )
    rows = [line(one) for one in seen.of(TaskLine)]
    title = f"tasks: the newest {MOST}" if len(rows) == MOST else "tasks"
    return view_of(seen, title, columns, rows, "No tasks yet.")


def _paused(one: TaskLine) -> str | None:
    if one.namespace_paused:
        return "its namespace is paused: see queues"
    if one.template_paused:
        return "its template is paused"
    return "it is paused" if one.paused else None


def _claim_verbs(one: Claim) -> tuple[Verb, ...]:
    if len(one.step_uuids) == 1:
        return (requeue(one.step_uuids[0]),)
    wanted = {"worker": one.worker}
    return (many_verb("Q", f"requeue all of {one.worker}", "requeue_step", wanted),)


def _some(uuids: Sequence[UUID]) -> str:
    more = f", and {len(uuids) - 3:,} more" if len(uuids) > 3 else ""
    return ", ".join(map(str, uuids[:3])) + more


def template_verb(one: TaskLine) -> Verb:
    pause = "resume" if one.template_paused else "pause"
    what = statement(f"{pause}_template", one.namespace, one.name, WHY)
    return Verb("T", f"{pause} {one.name}", what)


def claims(seen: Snapshot) -> View:
    """Who works on what, whose lease ends first on top."""

    def line(one: Claim) -> Row:
        left = one.lease_until - seen.status.at
        return Row(
            f"{one.worker} {one.claimed_at} {one.step_uuids[:1]}",
            (
                *(one.worker, one.namespace, "expired" if one.is_expired else "held"),
                *(left, one.claimed_at, one.step_count),
                one.step_uuids[0] if one.step_uuids else None,
            ),
            (
                ("worker", one.worker),
                ("claimed", clock(one.claimed_at)),
                ("lease ends", clock(one.lease_until)),
                ("expired", "the next sweep takes its steps back" if one.is_expired else None),
                ("steps", _some(one.step_uuids)),
            ),
            Place("step", one.step_uuids[0]) if one.step_uuids else None,
            _claim_verbs(one),
        )

    columns = (
        Column("worker", stretches=True),
        Column("namespace"),
        Column("lease"),
        Column("left", right=True),
        Column("claimed", right=True),
        Column("steps", right=True),
        Column("first step", rank=1),
    )
    rows = [line(one) for one in seen.of(Claim)]
    return view_of(seen, "claims", columns, rows, "No claims: nobody works on anything.")
