"""What failed, and what was refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tasker_sql.durations import span
from tasker_sql.rows import DeadLetters
from tasker_sql.top.rows import LateOutcome, RejectedRequest, WaitingRetry
from tasker_sql.top.snapshot import Location, Snapshot
from tasker_sql.top.statements import WHY, Verb, many_verb, step_verbs
from tasker_sql.top.table import Column, Row, View, details, view_of

OVERDUE: Final = timedelta(seconds=5)  # a sweep every second is usual


def failures(seen: Snapshot) -> View:
    """What failed: dead letters, retries to come, late outcomes, messages that were refused."""
    rows = [_dead(one) for one in seen.of(DeadLetters)]
    rows += [_retry(one, seen.status.at) for one in seen.of(WaitingRetry)]
    rows += [_late(one) for one in seen.of(LateOutcome)]
    rows += [_rejected(one) for one in seen.of(RejectedRequest)]
    columns = (
        Column("kind"),
        Column("what"),
        Column("attempt", right=True, rank=1),
        Column("at", right=True),
        Column("why", stretches=True),
    )
    return view_of(seen, "failures", columns, rows, "Nothing has failed.")


def _dead(one: DeadLetters) -> Row:
    name = f"{one.namespace}/{one.task_name}/{one.name}"
    steps = "1 step" if one.count == 1 else f"{one.count:,} steps"
    which = f"--namespace {one.namespace} --template {one.task_name} --step {one.name}"
    cure = f"tasker-sql dlq retry {which} --fingerprint {one.fingerprint} --reason '{WHY}'"
    return Row(
        f"dead {name} {one.fingerprint}",
        ("dead", name, None, one.last_at, f"{steps}: {one.sample_error}"),
        details(
            one,
            ("error", one.sample_error),
            ("steps", f"{steps} of {name} failed for good like this"),
            ("cure", cure),
            skip="namespace task_name name sample_error count",
        ),
        Location("step", one.sample_step_uuid),
        _dead_verbs(one),
    )


def _dead_verbs(one: DeadLetters) -> tuple[Verb, ...]:
    if one.count == 1:
        return step_verbs(one.sample_step_uuid, "error")
    same = {"namespace": one.namespace, "template": one.task_name, "step": one.name}
    same["fingerprint"] = one.fingerprint
    return (
        many_verb("R", f"retry all {one.count:,}", "retry_step", same),
        many_verb("S", f"resolve all {one.count:,}", "resolve_step", same),
    )


def _retry(one: WaitingRetry, at: datetime) -> Row:
    name = f"{one.namespace}/{one.task_name}/{one.name}"
    overdue = "due, and nobody calls sweep()" if one.next_retry_at < at - OVERDUE else None
    why = f"{overdue}; {one.error}" if overdue else one.error
    return Row(
        f"retry {one.step_uuid}",
        ("retry", name, f"{one.attempt}/{one.max_attempts}", one.next_retry_at, why),
        details(
            one,
            ("error", one.error),
            ("overdue", overdue),
            ("step", name),
            skip="namespace task_name name attempt max_attempts",
        ),
        Location("step", one.step_uuid),
        step_verbs(one.step_uuid, "waiting_for_retry"),
    )


def _late(one: LateOutcome) -> Row:
    late = f"{span(one.late_by)} late" if one.late_by is not None else "it never held the claim"
    cause = f"{one.cause}, {late}"
    return Row(
        f"late {one.step_uuid} {one.refused_at}",
        ("late", one.name, one.attempt, one.refused_at, f"{one.worker}: {cause}"),
        details(one, ("late", f"{cause}; it changed nothing"), skip="cause late_by"),
        Location("step", one.step_uuid),
    )


def _rejected(one: RejectedRequest) -> Row:
    error = f"{one.code}: {one.error}"
    return Row(
        f"rejected {one.queue_name} {one.msg_id}",
        ("rejected", one.queue_name, None, one.rejected_at, error),
        details(
            one,
            ("error", error),
            ("message", f"{one.msg_id} of {one.queue_name}; read it in tasker.rejected_requests"),
            skip="queue_name msg_id code",
        ),
    )
