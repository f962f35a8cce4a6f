"""What failed, and what was refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tasker_sql.durations import span
from tasker_sql.rows import DeadLetters
from tasker_sql.top.answers import LateWrite, Rejection, Retry
from tasker_sql.top.snapshot import Place, Snapshot
from tasker_sql.top.statements import WHY, Verb, many_verb, step_verbs
from tasker_sql.top.table import Column, Row, View, view_of
from tasker_sql.top.words import clock


def failures(seen: Snapshot) -> View:
    """What failed: dead letters, retries to come, late writes, messages that were refused."""
    rows = [_dead(one) for one in seen.of(DeadLetters)]
    rows += [_retry(one, seen.status.at) for one in seen.of(Retry)]
    rows += [_late(one) for one in seen.of(LateWrite)]
    rows += [_rejection(one) for one in seen.of(Rejection)]
    columns = (
        Column("kind"),
        Column("what"),
        Column("attempt", right=True, rank=1),
        Column("at", right=True),
        Column("why", stretches=True),
    )
    return view_of(seen, "failures", columns, rows, "Nothing has failed.")


OVERDUE: Final = timedelta(seconds=5)  # a sweep every second is usual


def _dead(one: DeadLetters) -> Row:
    name = f"{one.namespace}/{one.task_name}.{one.name}"
    steps = "1 step" if one.count == 1 else f"{one.count:,} steps"
    which = f"--namespace {one.namespace} --template {one.task_name} --step {one.name}"
    return Row(
        f"dead {name} {one.fingerprint}",
        ("dead", name, None, one.last_at, f"{steps}: {one.sample_error}"),
        (
            ("error", one.sample_error),
            ("steps", f"{steps} of {name} failed for good like this"),
            ("such as", str(one.sample_step_uuid)),
            ("first", clock(one.first_at)),
            ("last", clock(one.last_at)),
            (
                "cure",
                f"tasker-sql dlq retry {which} --fingerprint {one.fingerprint} --reason '{WHY}'",
            ),
        ),
        Place("step", one.sample_step_uuid),
        _dead_verbs(one),
    )


def _dead_verbs(one: DeadLetters) -> tuple[Verb, ...]:
    if one.count == 1:
        return step_verbs(one.sample_step_uuid, "error")
    same = {"namespace": one.namespace, "template": one.task_name, "step": one.name}
    same["fingerprint"] = one.fingerprint
    return (
        many_verb("R", f"retry all {one.count:,}", "retry_step", same),
        many_verb("S", f"settle all {one.count:,}", "resolve_step", same),
    )


def _retry(one: Retry, at: datetime) -> Row:
    name = f"{one.namespace}/{one.task_name}.{one.name}"
    overdue = "due, and nobody calls sweep()" if one.next_retry_at < at - OVERDUE else None
    why = f"{overdue}; {one.error}" if overdue else one.error
    return Row(
        f"retry {one.step_uuid}",
        ("retry", name, f"{one.attempt}/{one.max_attempts}", one.next_retry_at, why),
        (
            ("error", one.error),
            ("overdue", overdue),
            ("step", f"{name}  {one.step_uuid}"),
            ("failed", clock(one.failed_at)),
            ("again", clock(one.next_retry_at)),
        ),
        Place("step", one.step_uuid),
        step_verbs(one.step_uuid, "waiting_for_retry"),
    )


def _late(one: LateWrite) -> Row:
    late = f"{span(one.late_by)} late" if one.late_by is not None else "it never held the claim"
    return Row(
        f"late {one.step_uuid} {one.refused_at}",
        ("late", one.name, one.attempt, one.refused_at, f"{one.worker}: {one.cause}, {late}"),
        (
            ("late write", f"{one.cause}, {late}; it changed nothing"),
            ("step", f"{one.name}  {one.step_uuid}, now {one.step_state}"),
            ("worker", one.worker),
            ("refused", clock(one.refused_at)),
        ),
        Place("step", one.step_uuid),
    )


def _rejection(one: Rejection) -> Row:
    return Row(
        f"rejected {one.queue_name} {one.msg_id}",
        ("rejected", one.queue_name, None, one.rejected_at, f"{one.code}: {one.error}"),
        (
            ("error", f"{one.code}: {one.error}"),
            ("message", f"{one.msg_id} of {one.queue_name}; read it in tasker.rejected_requests"),
            ("rejected", clock(one.rejected_at)),
        ),
    )
