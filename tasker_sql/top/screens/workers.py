"""Who works: runners with their pools and circuit breakers, and workers in other languages."""

from __future__ import annotations

from tasker_sql.durations import span
from tasker_sql.rows import ExecutorPool, KnownBreaker, KnownRunner, KnownWorker
from tasker_sql.top.format import clock, joined, percent
from tasker_sql.top.snapshot import Location, Snapshot
from tasker_sql.top.statements import WHY, Verb, statement
from tasker_sql.top.table import Column, Row, View, details, view_of

NOTHING = (None,) * 5


def workers(seen: Snapshot) -> View:
    """Runners, under each its pools and circuit breakers; then who is seen by claims alone."""
    rows: list[Row] = []
    for runner in seen.of(KnownRunner):
        rows.append(_runner(runner))
        rows += [_pool(one) for one in seen.of(ExecutorPool) if one.runner == runner.name]
        rows += [_breaker(one) for one in seen.of(KnownBreaker) if one.runner == runner.name]
    rows += [_foreign(one) for one in seen.of(KnownWorker)]
    columns = (
        Column("worker, pool, breaker"),
        Column("state"),
        Column("size", right=True),
        Column("of", right=True, rank=1),
        Column("busy", right=True, rank=2),
        Column("per s", right=True, rank=3),
        Column("depth", right=True),
        Column("note", stretches=True),
    )
    nobody = "Nobody works, and no runner has reported within a day."
    return view_of(seen, "workers", columns, rows, nobody)


def _runner(one: KnownRunner) -> Row:
    use = one.connections if isinstance(one.connections, dict) else {}
    used = joined(" of ", use.get("used"), use.get("size"))
    in_use = used and f"{used} connections in use"
    note = in_use if one.is_live else f"silent for {span(one.silent_for)}"
    return Row(
        one.name,
        (one.name, one.status if one.is_live else one.state, *NOTHING, note),
        details(
            one,
            ("runner", f"{one.name}, {one.state}, {one.status}"),
            ("on", f"{one.host}, process {one.pid}, tasker-sql {one.version}"),
            ("connections in use", used),
            ("callers that wait for one, on average", use.get("waiting")),
            skip="name is_live state status host pid version connections silent_for counters",
            seen_at="last heartbeat",
        ),
    )


def _foreign(one: KnownWorker) -> Row:
    steps = "1 step" if one.steps == 1 else f"{one.steps:,} steps"
    held = f"holds {steps}" if one.claims else "waits for work"
    about = f"{one.name}, {one.status}; no runner of ours, it is seen by its claims"
    return Row(
        f"foreign {one.name}",
        (one.name, one.status, *NOTHING, held),
        details(
            one, ("worker", about), ("now", held), skip="name kind status claims steps lease_left"
        ),
        Location("claims") if one.claims else None,
        seeks=one.name,
    )


def _pool(one: ExecutorPool) -> Row:
    """A runner may say only some of this: what it does not say is not shown."""
    name = f"{one.pool} {one.namespace}" if one.namespace else one.pool
    busy, failing = percent(one.utilization), percent(one.error_rate or None)
    scaled = f"was {one.scaled_from}: {one.scaled_why}" if one.scaled_at else None
    bounds = joined("-", one.min_executors, one.max_executors)
    waits = one.waiting and f"{one.waiting} wait for a connection"
    notes = (
        *(one.hung and f"{one.hung} hang", waits),
        *(failing and f"{failing} of its calls fail", scaled),
    )
    return Row(
        f"{one.runner} pool {name}",
        (
            *(f"  {name}", one.status, one.executors, bounds, busy, one.throughput),
            *(one.queue_depth, ", ".join(note for note in notes if note)),
        ),
        details(
            one,
            ("pool", f"{name} of {one.runner}"),
            ("bounds", bounds),
            ("last scaled", scaled and one.scaled_at and f"{clock(one.scaled_at)}, {scaled}"),
            ("busy", busy and f"{busy} of the time"),
            ("calls that fail", failing),
            skip="runner namespace status min_executors max_executors utilization error_rate "
            "throughput queue_depth seen_at scaled_at scaled_from scaled_why measured",
        ),
    )


def _breaker(one: KnownBreaker) -> Row:
    if one.forced or one.wanted:
        release = statement("release_breaker", one.breaker, WHY, one.runner)
        verb = Verb("B", "release breaker", release)
    else:
        force = statement("force_breaker", one.breaker, "open", WHY, one.runner)
        verb = Verb("B", "force breaker open", force)
    state = one.effective_state
    return Row(
        f"{one.runner} breaker {one.breaker}",
        (f"  breaker {one.breaker}", state, *NOTHING, one.reason),
        details(
            one,
            ("breaker", f"{one.breaker} of {one.runner}: {state}"),
            ("failures", f"{one.failed_in_a_row} in a row, {one.failed_calls} since it began"),
            skip="runner state effective_state failed_in_a_row failed_calls seen_at",
            changed_at="since",
        ),
        verbs=(verb,),
    )
