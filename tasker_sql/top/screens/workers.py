"""Who works: runners with their pools and circuit breakers, and workers in other languages."""

from __future__ import annotations

from typing import Any

from tasker_sql.durations import span
from tasker_sql.rows import CircuitBreaker, ExecutorPool
from tasker_sql.top.answers import ForeignWorker, Runner
from tasker_sql.top.snapshot import Place, Snapshot
from tasker_sql.top.statements import WHY, Verb, statement
from tasker_sql.top.table import Column, Row, View, view_of
from tasker_sql.top.words import clock


def workers(seen: Snapshot) -> View:
    """Runners, under each its pools and circuit breakers; then who is seen by claims alone."""
    rows: list[Row] = []
    for runner in seen.of(Runner):
        rows.append(_runner(runner, seen))
        rows += [_pool(one) for one in seen.of(ExecutorPool) if one.runner == runner.name]
        rows += [_breaker(one) for one in seen.of(CircuitBreaker) if one.runner == runner.name]
    rows += [_foreign(one) for one in seen.of(ForeignWorker)]
    columns = (
        Column("worker, pool, breaker"),
        Column("state"),
        Column("size", right=True),
        Column("of", right=True, rank=1),
        Column("busy", right=True, rank=2),
        Column("per s", right=True, rank=3),
        Column("waiting", right=True),
        Column("note", stretches=True),
    )
    return view_of(
        seen, "workers", columns, rows, "Nobody works, and no runner has reported within a day."
    )


def _runner(one: Runner, seen: Snapshot) -> Row:
    use = one.connections if isinstance(one.connections, dict) else {}
    used = _joined(" of ", use.get("used"), use.get("size"))
    state = one.status if one.is_live else one.state
    in_use = used and f"{used} connections in use"
    note = in_use if one.is_live else f"silent for {span(one.silent_for)}"
    return Row(
        one.name,
        (one.name, state, *([None] * 5), note),
        (
            ("runner", f"{one.name}, {one.state}, {one.status}"),
            ("on", f"{one.host}, process {one.pid}, tasker-sql {one.version}"),
            ("serves", one.namespaces),
            ("began", clock(one.started_at)),
            ("last heartbeat", seen.status.at - one.silent_for),
            ("connections in use", used),
            ("waiting for one", use.get("waited_for")),
        ),
    )


def _foreign(one: ForeignWorker) -> Row:
    steps = "1 step" if one.steps == 1 else f"{one.steps:,} steps"
    held = f"holds {steps}" if one.claims else "waits for work"
    return Row(
        f"foreign {one.name}",
        (one.name, one.status, *([None] * 5), held),
        (
            ("worker", f"{one.name}, {one.status}; no runner of ours, it is seen by its claims"),
            ("serves", one.namespaces),
            ("now", held),
            ("its next lease ends", one.lease_until),
        ),
        Place("claims") if one.claims else None,
        seeks=one.name,
    )


def _pool(one: ExecutorPool) -> Row:
    """A runner may tell only some of this: what it does not tell is not shown."""
    name = f"{one.pool} {one.namespace}" if one.namespace else one.pool
    busy, failing = _percent(one.utilization), _percent(one.error_rate or None)
    scaled = f"was {one.scaled_from}: {one.scaled_why}" if one.scaled_at else None
    bounds = _joined("-", one.min_executors, one.max_executors)
    notes = (failing and f"{failing} of its calls fail", scaled)
    return Row(
        f"{one.runner} pool {name}",
        (
            *(f"  {name}", one.status, one.executors, bounds, busy, one.throughput),
            *(one.queue_depth, ", ".join(note for note in notes if note)),
        ),
        (
            ("pool", f"{name} of {one.runner}"),
            ("executors", one.executors),
            ("of them unhealthy", one.unhealthy),
            ("bounds", bounds),
            ("last scaled", scaled and f"{clock(one.scaled_at)}, {scaled}"),
            ("busy", busy and f"{busy} of the time"),
            ("calls that fail", failing),
            ("done since it began", one.done),
            ("the oldest waits for", one.queue_age),
            ("polls every", one.poll),
            ("takes at a time", one.batch),
        ),
    )


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"


def _joined(between: str, *values: Any) -> str | None:
    return between.join(map(str, values)) if None not in values else None


def _breaker(one: CircuitBreaker) -> Row:
    wanted = f", operators want it {one.wanted}" if one.wanted else ""
    if one.forced or one.wanted:
        release = statement("release_breaker", one.breaker, WHY, one.runner)
        verb = Verb("B", "release breaker", release)
    else:
        force = statement("force_breaker", one.breaker, "open", WHY, one.runner)
        verb = Verb("B", "force breaker open", force)
    note = one.last_error if one.state != "closed" else None
    return Row(
        f"{one.runner} breaker {one.breaker}",
        (f"  breaker {one.breaker}", one.state, *([None] * 5), note),
        (
            ("breaker", f"{one.breaker} of {one.runner}: {one.state}{wanted}"),
            ("since", clock(one.changed_at)),
            ("failures", f"{one.failed_in_a_row} in a row, {one.failed_calls} since it began"),
            ("opened", f"{one.opened} times"),
            ("last error", one.last_error or None),
        ),
        verbs=(verb,),
    )
