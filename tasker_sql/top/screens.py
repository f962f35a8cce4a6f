"""What each screen shows: a pure function of a snapshot, as a table of plain values.

The same table is drawn in the terminal (`app`), printed by `--once`, and written as CSV.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from rich.text import Text

from tasker_sql import drawing
from tasker_sql.rows import (
    BlamedStep,
    CircuitBreaker,
    DeadLetters,
    ExecutorPool,
    Problem,
    StepReason,
    TaskReason,
)
from tasker_sql.top.snapshot import (
    MOST,
    MOST_STEPS,
    Change,
    Claim,
    DatabaseHealth,
    LateWrite,
    Place,
    Queue,
    Rejection,
    Relation,
    Retry,
    Runner,
    Snapshot,
    StepLine,
    TaskHead,
    TaskLine,
    Transaction,
    place_of,
)

TABS: Final = ("problems", "queues", "tasks", "claims", "workers", "failures", "database")
WHY: Final = "<why>"  # stands in a statement for the reason that the operator will give
GAP: Final = 2  # blanks between columns
DONE: Final = {"complete", "cancelled", "resolved_manually", "skipped"}

STYLES: Final[Mapping[str, str]] = {
    **drawing.STYLES,
    "critical": "bold red",
    "warning": "yellow",
    "healthy": "green",
    "degraded": "yellow",
    "unhealthy": "red",
    "gone": "red",
    "paused": "yellow",
    "missing": "bold red",
    "expired": "red",
    "closed": "green",
    "open": "red",
    "half-open": "yellow",
    "dead": "red",
    "retry": "yellow",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column. The one that `stretches` takes what the others leave; those with a `rank` are left
    out where they do not fit, the highest first."""

    name: str
    right: bool = False
    stretches: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that an operator can do: its key, its name, and its statement."""

    key: str
    name: str
    statement: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line: its values, all that is known of it in words, where it leads, what can be done."""

    key: str
    cells: tuple[Any, ...]
    about: tuple[tuple[str, Any], ...] = ()
    opens: Place | None = None
    verbs: tuple[Verb, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """A screen: a table, and what to say about it."""

    at: datetime
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str
    verbs: tuple[Verb, ...] = ()  # of the whole screen
    picture: str = ""  # the DAG, where there is one


# Values in words


def span(time: timedelta) -> str:
    """12 ms, 5.3 s, 59 s, 5 min, 2 h 05, 3 d 4 h."""
    seconds = time.total_seconds()
    if seconds < 0:
        return f"-{span(-time)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 60:
        return f"{minutes} min" if minutes >= 10 else f"{minutes}:{whole % 60:02d} min"
    return f"{hours} h {minutes % 60:02d}" if days < 2 else f"{days} d {hours % 24} h"


def words(value: Any, at: datetime) -> str:
    """A value as people read it; moments as their distance from `at`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        away = value - at
        return f"in {span(away)}" if away > timedelta() else f"{span(-away)} ago"
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, UUID):
        return short(value)
    if isinstance(value, list | tuple):
        return ", ".join(words(item, at) for item in value)
    return _plain(str(value))


def _plain(text: str) -> str:
    """One line without control characters: an error may contain what would move the cursor."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)


def clock(value: datetime | None) -> str | None:
    """A moment as people compare it with their logs."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if value else None


def size(count: int) -> str:
    """Bytes: 812 kB, 3.4 MB."""
    number = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError


def short(uuid: UUID) -> str:
    """The end of a task's or step's uuid, by which a list tells them apart."""
    return f"…{str(uuid)[-12:]}"


# Statements


def literal(text: str) -> str:
    """A text as SQL reads it, whatever standard_conforming_strings is."""
    quoted = "'" + text.replace("'", "''") + "'"
    return f"E{quoted.replace(chr(92), chr(92) * 2)}" if "\\" in text else quoted


def statement(function: str, *arguments: object) -> str:
    """A call as it is shown and run."""
    return f"select * from tasker.{function}({', '.join(literal(str(a)) for a in arguments)})"


def with_reason(sql: str, reason: str) -> str:
    """The statement with the reason that was given."""
    return sql.replace(f"'{WHY}'", literal(reason))


def needs_reason(sql: str) -> bool:
    return f"'{WHY}'" in sql


def _cure(cure: str | None) -> tuple[Verb, ...]:
    """A cure can be run from here when it is one call of a function of ours; advice may follow."""
    found = CALL.fullmatch(cure or "")
    return (Verb("x", "run cure", found[1]),) if found else ()


CALL: Final = re.compile(
    r"(select \* from tasker\.[a-z]\w*\((?:E?'(?:[^'\\]|''|\\\\)*'|[^'();])*\))(?:; .*)?", re.DOTALL
)


def _task_verbs(uuid: UUID, state: str, pause: str | None) -> tuple[Verb, ...]:
    if state in DONE or state == "error":
        return ()
    verbs = [Verb("P", f"{pause} task", statement(f"{pause}_task", uuid, WHY))] if pause else []
    return (*verbs, Verb("C", "cancel task", statement("cancel_task", uuid, WHY)))


def _step_verbs(uuid: UUID, state: str) -> tuple[Verb, ...]:
    verbs = []
    if state in ("error", "waiting_for_retry"):
        verbs.append(Verb("R", "retry step", statement("retry_step", uuid, WHY)))
    if state not in DONE:
        verbs.append(Verb("S", "settle step", statement("resolve_step", uuid, WHY)))
    return tuple(verbs)


# Screens


UUID_TEXT: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def problems(seen: Snapshot) -> View:
    """What to act on, the worst first."""

    def line(number: int, one: Problem) -> Row:
        return Row(
            f"{one.code} {one.subject} {number if not one.subject else ''}",
            (one.severity, one.code, one.subject, one.since, one.problem, one.cure),
            (
                (one.severity, one.problem),
                ("cure", one.cure),
                ("subject", one.subject),
                ("since", clock(one.since)),
            ),
            _more_of(one),
            _cure(one.cure),
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
    return _view(seen, "problems", columns, rows, "No problems: nothing needs you.")


SHOWS_MORE: Final = {
    "queue_missing": "queues",
    "no_worker": "queues",
    "queue_behind": "queues",
    "messages_unprocessed": "queues",
    "paused": "queues",
    "stale_claim": "claims",
    "runner_lost": "workers",
    "breaker_open": "workers",
    "dead_letters": "failures",
    "requests_refused": "failures",
    "late_writes": "failures",
    "vacuum_held_back": "database",
    "bloat": "database",
}


def _more_of(one: Problem) -> Place | None:
    """Where there is more about a problem: the task or step that it names, else a screen."""
    if found := UUID_TEXT.search(one.subject) or UUID_TEXT.search(one.cure or ""):
        return place_of(UUID(found[0]))
    return Place(SHOWS_MORE[one.code]) if one.code in SHOWS_MORE else None


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
    return _view(seen, "queues", columns, [line(one) for one in seen.of(Queue)], "No queues.")


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
                ("paused", "it, its template or its namespace is paused" if one.paused else None),
                ("created", clock(one.created_at)),
                ("finished", clock(one.finished_at)),
            ),
            Place("task", one.task_uuid),
            _task_verbs(one.task_uuid, one.state, None if one.paused else "pause"),
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
    return _view(seen, title, columns, rows, "No tasks yet.")


def task(seen: Snapshot) -> View:
    """One task: what it waits for, then its steps."""
    head = seen.of(TaskHead)[0]
    steps = seen.of(StepLine)
    rows = [_why(one, seen) for one in seen.of(TaskReason)]
    rows += [_step(one, seen) for one in steps]
    paused = f", paused by {head.paused_by}: {head.pause_reason}" if head.paused else ""
    title = (
        f"{head.namespace}/{head.name}@{head.version}  {head.task_uuid}\n"
        f"{head.state}, {head.completed_steps} of {head.total_steps} steps done{paused}"
    )
    if len(steps) < head.total_steps:
        title += f" (the first {MOST_STEPS} are shown)"
    view = _view(seen, title, STEP_COLUMNS, rows, "No steps.")
    dag = {one.name: one.parents for one in steps}
    complete = len(steps) == head.total_steps
    is_paused = any(one.code == "task_paused" for one in seen.of(TaskReason))  # it, not a part
    return replace(
        view,
        verbs=_task_verbs(head.task_uuid, head.state, "resume" if is_paused else "pause"),
        picture=drawing.text(dag, {one.name: one.state for one in steps}) if complete else "",
    )


STEP_COLUMNS: Final = (
    Column("step"),
    Column("state"),
    Column("attempt", right=True, rank=1),
    Column("time", right=True),
    Column("what", stretches=True),
)


def _why(one: TaskReason | StepReason, seen: Snapshot) -> Row:
    steps = one.steps if isinstance(one, TaskReason) else None
    many = f"{steps} steps, such as " if steps and steps > 1 else ""
    place = place_of(one.cause_uuid)
    return Row(
        f"why {one.rank} {one.code}",
        ("why", one.code, None, one.since, many + one.reason),
        (
            ("blocks" if one.blocks else "waits", many + one.reason),
            ("cure", one.cure),
            ("who", one.who),
            ("since", clock(one.since)),
            ("until", clock(one.until)),
        ),
        place if place != seen.place else None,
        _cure(one.cure),
    )


def _step(one: StepLine, seen: Snapshot) -> Row:
    moment = one.finished_at or one.started_at or one.enqueued_at
    blamed = seen.of(BlamedStep)
    took = one.finished_at - one.started_at if one.finished_at and one.started_at else moment
    what = {
        "in_progress": f"{one.worker} has it" if one.worker else "its outcome waits",
        "pending": f"waits for {one.waiting_parents} of {len(one.parents)}: "
        + ", ".join(one.parents)
        if one.waiting_parents
        else None,
        "waiting_for_retry": f"again {words(one.next_retry_at, seen.status.at)}: {one.error}",
        "error": one.error,
    }.get(one.state)
    return Row(
        str(one.step_uuid),
        (one.name, one.state, f"{one.attempt}/{one.max_attempts}", took, what),
        (
            ("step", f"{one.name}  {one.step_uuid}"),
            ("handler", f"{one.handler} in {one.namespace}"),
            ("after", ", ".join(one.parents)),
            ("worker", one.worker),
            ("lease ends", one.lease_until),
            ("error", one.error),
            ("failed", clock(one.last_failure_at)),
            ("again", one.next_retry_at),
            ("time went", next((_went(b) for b in blamed if b.step_uuid == one.step_uuid), None)),
        ),
        Place("step", one.step_uuid),
        _step_verbs(one.step_uuid, one.state),
    )


def _went(one: BlamedStep) -> str:
    """Where the task's time went, from this step."""
    parts = ("waiting", "queued", "backing_off", "running", "lost", "failed", "afterwards")
    told = [(part, getattr(one, part)) for part in (*parts, "finalizing")]
    return ", ".join(f"{part.replace('_', ' ')} {span(time)}" for part, time in told if time)


def step(seen: Snapshot) -> View:
    """One step: why it is not running, then what happened to it, the newest first."""
    head, one = seen.of(TaskHead)[0], seen.of(StepLine)[0]
    rows = [_why(reason, seen) for reason in seen.of(StepReason)]
    rows.append(replace(_step(one, seen), opens=None))
    rows += [_change(number, change) for number, change in enumerate(seen.of(Change))]
    title = (
        f"{one.name} of {head.namespace}/{head.name}  {one.step_uuid}\n"
        f"{one.state}, attempt {one.attempt} of {one.max_attempts}; its task is {head.state}"
    )
    view = _view(seen, title, STEP_COLUMNS, rows, "Nothing happened yet.")
    return replace(view, verbs=_step_verbs(one.step_uuid, one.state))


def _change(number: int, one: Change) -> Row:
    reason = f": {one.reason}" if one.reason else ""
    return Row(
        f"change {number} {one.at}",
        ("history", one.to_state, None, one.at, f"by {one.actor}{reason}"),
        (
            ("change", f"{one.from_state or 'nothing'} -> {one.to_state}"),
            ("at", clock(one.at)),
            ("by", f"{one.actor} ({one.application})"),
            ("reason", one.reason),
        ),
    )


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
                ("steps", ", ".join(map(str, one.step_uuids[:10]))),
            ),
            Place("step", one.step_uuids[0]) if one.step_uuids else None,
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
    return _view(seen, "claims", columns, rows, "No claims: nobody works on anything.")


def workers(seen: Snapshot) -> View:
    """Who runs; under each its pools and circuit breakers."""
    rows: list[Row] = []
    for runner in seen.of(Runner):
        rows.append(_runner(runner, seen))
        rows += [_pool(one) for one in seen.of(ExecutorPool) if one.runner == runner.name]
        rows += [_breaker(one) for one in seen.of(CircuitBreaker) if one.runner == runner.name]
    columns = (
        Column("runner, pool, breaker"),
        Column("state"),
        Column("size", right=True),
        Column("of", right=True, rank=1),
        Column("busy", right=True, rank=2),
        Column("per s", right=True, rank=3),
        Column("waiting", right=True),
        Column("note", stretches=True),
    )
    return _view(seen, "workers", columns, rows, "No runner has reported within a day.")


def _runner(one: Runner, seen: Snapshot) -> Row:
    use = one.connections if isinstance(one.connections, dict) else {}
    used = _joined(" of ", use.get("used"), use.get("size"))
    state = one.status if one.is_live else one.state if one.state == "stopped" else "gone"
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


def failures(seen: Snapshot) -> View:
    """What failed: dead letters, retries to come, late writes, messages that were refused."""
    rows = [_dead(one) for one in seen.of(DeadLetters)]
    rows += [_retry(one) for one in seen.of(Retry)]
    rows += [_late(one) for one in seen.of(LateWrite)]
    rows += [_rejection(one) for one in seen.of(Rejection)]
    columns = (
        Column("kind"),
        Column("what"),
        Column("attempt", right=True, rank=1),
        Column("at", right=True),
        Column("why", stretches=True),
    )
    return _view(seen, "failures", columns, rows, "Nothing has failed.")


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
        _step_verbs(one.sample_step_uuid, "error") if one.count == 1 else (),
    )


def _retry(one: Retry) -> Row:
    name = f"{one.namespace}/{one.task_name}.{one.name}"
    return Row(
        f"retry {one.step_uuid}",
        ("retry", name, f"{one.attempt}/{one.max_attempts}", one.next_retry_at, one.error),
        (
            ("error", one.error),
            ("step", f"{name}  {one.step_uuid}"),
            ("failed", clock(one.failed_at)),
            ("again", clock(one.next_retry_at)),
        ),
        Place("step", one.step_uuid),
        _step_verbs(one.step_uuid, "waiting_for_retry"),
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


def database(seen: Snapshot) -> View:
    """The server, then open transactions, then our largest tables."""
    at = seen.status.at
    rows = [_fact(*fact) for one in seen.of(DatabaseHealth) for fact in _facts(one, at)]
    rows += [_transaction(one) for one in seen.of(Transaction)]
    rows += [_relation(one) for one in seen.of(Relation)]
    columns = (Column("what"), Column("value", right=True), Column("note", stretches=True))
    return _view(seen, "database", columns, rows, "The role may not read statistics.")


def _fact(what: str, value: Any, note: str | None) -> Row:
    return Row(what, (what, value, note), ((what, value), ("note", note)))


def _facts(one: DatabaseHealth, at: datetime) -> Iterable[tuple[str, Any, str | None]]:
    kind = "a standby: read only" if one.is_standby else None
    yield "PostgreSQL", one.version, kind or f"runs for {span(at - one.started_at)}"
    full = one.connections >= 0.85 * one.max_connections
    rest = f"{one.active_connections} active; the server takes {one.max_connections}"
    yield "connections", one.connections, f"NEARLY FULL: {rest}" if full else rest
    yield (
        *("idle in transaction", one.idle_in_transaction),
        "they hold locks and dead rows" if one.idle_in_transaction else None,
    )
    yield "waiting for a lock", one.waiting_for_locks, None
    yield (
        *("oldest transaction", one.oldest_transaction_at),
        "vacuum cannot clean what it may still see" if one.oldest_transaction_at else None,
    )
    yield "deadlocks", one.deadlocks, "since the statistics began"
    total = one.commits + one.rollbacks
    share = f"{one.rollbacks / total:.1%} rolled back" if total else None
    yield "transactions", total, share
    yield "cache hits", f"{one.cache_hits:.1f} %" if one.cache_hits is not None else None, None
    yield "size of the database", size(one.size), None


def _transaction(one: Transaction) -> Row:
    blocked = f"blocked by {', '.join(map(str, one.blocked_by))}" if one.blocked_by else None
    who = f"{one.role} {one.application}".strip()
    note = ", ".join(word for word in (who, one.state, one.waits_for, blocked) if word)
    return Row(
        f"process {one.pid}",
        (f"process {one.pid}", one.began_at, note),
        (("process", one.pid), ("who", note), ("began", clock(one.began_at))),
    )


def _relation(one: Relation) -> Row:
    total = one.live_rows + one.dead_rows
    dead = f", {one.dead_rows / total:.0%} dead" if one.dead_rows else ""
    note = f"{one.live_rows:,} rows{dead}"
    return Row(
        one.table,
        (one.table, size(one.size), note),
        (
            ("table", one.table),
            ("rows", f"about {one.live_rows:,} live, {one.dead_rows:,} dead"),
            ("vacuumed", clock(one.vacuumed_at) or "never"),
        ),
    )


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
}


def view(seen: Snapshot) -> View:
    """What the snapshot's screen shows."""
    return SCREENS[seen.place.screen](seen)


def _view(
    seen: Snapshot, title: str, columns: tuple[Column, ...], rows: Sequence[Row], empty: str
) -> View:
    return View(seen.status.at, title, columns, tuple(rows), empty)


# Arranging


def arranged(shown: View, only: str = "", by: str | None = None, down: bool = False) -> View:
    """The rows that contain `only`, whatever its case, in the order of a column."""
    wanted = only.casefold()
    rows = [row for row in shown.rows if wanted in searched(row, shown.at)]
    place = next((n for n, column in enumerate(shown.columns) if column.name == by), None)
    if place is not None:
        rows.sort(key=lambda row: _rank(row.cells[place]), reverse=down)
        rows.sort(key=lambda row: row.cells[place] is None)  # what is unknown comes last
    return replace(shown, rows=tuple(rows))


def searched(row: Row, at: datetime) -> str:
    """The words in which a filter and a search look."""
    values = [*row.cells, *(value for _, value in row.about)]
    return " ".join(words(value, at) for value in values).casefold()


def _rank(value: Any) -> tuple[int, Any]:
    """An order over all the values that a column may have."""
    if isinstance(value, timedelta):
        return 0, value.total_seconds()
    if isinstance(value, datetime):
        return 1, value.timestamp()
    if isinstance(value, int | float):
        return 0, value
    return 2, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(value))]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A column as it fits: which one, and how wide."""

    place: int
    column: Column
    width: int


def fitted(shown: View, width: int) -> list[Fitted]:
    """The columns that fit into the width; the stretching one gets what is left."""
    natural = [
        max([len(column.name), *(len(words(row.cells[n], shown.at)) for row in shown.rows)])
        for n, column in enumerate(shown.columns)
    ]
    kept = list(range(len(shown.columns)))

    def left() -> int:
        fixed = [natural[n] + GAP for n in kept if not shown.columns[n].stretches]
        return width - sum(fixed)

    while left() < min(LEAST, max(natural[n] for n in kept if shown.columns[n].stretches)):
        ranked = [n for n in kept if shown.columns[n].rank]
        if ranked:
            kept.remove(max(ranked, key=lambda n: shown.columns[n].rank))
            continue
        widest = max((n for n in kept if not shown.columns[n].stretches), key=natural.__getitem__)
        if natural[widest] <= 8:
            break
        natural[widest] -= 1
    rest = max(left(), 1)
    return [
        Fitted(n, column, rest if column.stretches else natural[n])
        for n, column in ((n, shown.columns[n]) for n in kept)
    ]


LEAST: Final = 30  # of the stretching column, before others are left out


def cell(row: Row, fit: Fitted, at: datetime) -> Text:
    """A value in its place."""
    value = row.cells[fit.place]
    text = Text(words(value, at), style=STYLES.get(value, "") if isinstance(value, str) else "")
    text.truncate(fit.width, overflow="ellipsis")
    text.align("right" if fit.column.right else "left", fit.width)
    return text


def about(row: Row, at: datetime) -> list[tuple[str, str]]:
    """Everything about a row, in words; nothing about what is not known."""
    told = [(label, words(value, at)) for label, value in row.about]
    return [(label, said) for label, said in told if said]
