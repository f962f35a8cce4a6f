"""What each screen shows: a pure function of a snapshot. One task or step: see `task`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from tasker_sql.durations import span
from tasker_sql.top import task
from tasker_sql.top.format import UUID_TEXT
from tasker_sql.top.queries import MOST
from tasker_sql.top.snapshot import Location, Snapshot, place_of
from tasker_sql.top.statements import (
    WHY,
    Verb,
    cure_verbs,
    many_verb,
    requeue,
    statement,
    step_verbs,
    task_verbs,
)
from tasker_sql.top.table import Row, View, facts_of
from tasker_sql.visible import visible_lines

Maker = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Screen:
    """A list: its columns, of which `name=column` is called otherwise in the queries; those to
    leave out first; and what the rows of each query have beside what `_row` gives them."""

    columns: str
    narrow: str
    empty: str
    rows: Mapping[str, Maker]
    title: Callable[[Snapshot], str] = lambda seen: seen.place.screen
    by_key: bool = False  # the order of all rows; otherwise, that of each query

    def view(self, seen: Snapshot) -> View:
        pairs = [column.partition("=") for column in self.columns.split(", ")]
        fields = {name: field or name.replace(" ", "_") for name, _, field in pairs}
        rows = [
            _row(query, record, fields, make(record))
            for query, make in self.rows.items()
            for record in seen.of(query)
        ]
        return View(
            seen.status.at,
            "\n".join(visible_lines(self.title(seen))),
            tuple(fields),
            tuple(self.narrow.split(", ") if self.narrow else ()),
            tuple(sorted(rows, key=lambda row: row.key) if self.by_key else rows),
            self.empty,
        )


def _row(query: str, record: Any, fields: Mapping[str, str], more: Mapping[str, Any]) -> Row:
    """A row with the cells and facts of its record; it leads to the step or task that has one."""
    uuid = getattr(record, "step_uuid", None) or getattr(record, "task_uuid", None)
    given = {"key": f"{query} {uuid or record[0]}", "opens": uuid and place_of(uuid), **more}
    cells = {name: getattr(record, field, None) for name, field in fields.items()}
    return Row(cells=cells, fields=fields, facts=facts_of(record), **given)


def _plain(_: Any) -> dict[str, Any]:
    return {}


# Where a problem has more, if its cure and subject name no task or step.
SHOWS_MORE: Final = {
    code: screen
    for screen, codes in {
        "queues": "queue_missing no_worker queue_behind paused messages_unprocessed "
        "handler_missing outcomes_unprocessed",
        "schedules": "schedules_overdue schedule_failing",
        "claims": "slots_full stale_claim",
        "workers": "runner_lost breaker_open pool_unhealthy reports_refused permission_missing "
        "schema_changed",
        "failures": "timers_overdue dead_letters requests_refused late_writes",
        "database": "vacuum_held_back bloat blocked_by read_only too_many_connections disk_full",
    }.items()
    for code in codes.split()
}


def _problem(one: Any) -> dict[str, Any]:
    """Enter leads to the task or step that it names, else to the row of its subject."""
    known = statement("acknowledge_problem", one.code, one.subject, WHY)
    verbs = () if one.acknowledged_by else (Verb("A", "acknowledge", known),)
    found = UUID_TEXT.search(one.subject) or UUID_TEXT.search(one.cure or "")
    screen = SHOWS_MORE.get(one.code)
    fingerprint = re.search(r"--fingerprint (\w+)", one.cure or "")
    return {
        "key": f"{one.code} {one.subject or one.problem}",
        "opens": place_of(UUID(found[0])) if found else screen and Location(screen),
        "verbs": (*cure_verbs(one.cure), *verbs),
        "seeks": fingerprint[1] if fingerprint else one.subject.rpartition(" ")[2],
    }


BARS: Final = "▁▂▃▄▅▆▇█"


def trend(counts: Sequence[int]) -> str:
    """Numbers as bars."""
    most = max([*counts, 1])
    return "".join(BARS[-(-count * (len(BARS) - 1) // most)] for count in counts)


def _rates(seen: Snapshot) -> str:
    """How many steps were started, done and failed of late, and what that is a second now."""
    parts = seen.of("activity")
    time = parts[-1].until - parts[0].since
    now = max((parts[-1].until - parts[-1].since).total_seconds(), 0.001)
    counts = {
        "started": [part.attempts_started for part in parts],
        "done": [part.steps_completed for part in parts],
        "failed": [part.attempts_failed for part in parts],
    }
    rates = [f"{name} {trend(found)} {found[-1] / now:.1f}/s" for name, found in counts.items()]
    created, ended = (
        sum(getattr(part, f"tasks_{what}") for part in parts) for what in ("created", "completed")
    )
    tasks = f"tasks created {created:,}, done {ended:,}"
    return f"{'  '.join(rates)}\nof the last {span(time)}; {tasks}"


def _pause(namespace: str, paused_at: Any) -> tuple[Verb, ...]:
    pause = "resume" if paused_at else "pause"
    run = statement(f"{pause}_namespace", namespace, WHY)
    return (Verb("P", f"{pause} {namespace}", run),)


def _queue(one: Any) -> dict[str, Any]:
    if not one.namespace:
        return {}
    opens = Location("queue", subject=one.namespace)
    return {"opens": opens, "verbs": _pause(one.namespace, one.paused_at)}


def _task(one: Any) -> dict[str, Any]:
    pause = "resume" if one.template_paused_at else "pause"
    template = statement(f"{pause}_template", one.namespace, one.name, WHY)
    own = "resume" if one.paused == "it is paused" else "pause"
    own_verbs = task_verbs(one.task_uuid, one.state, own)
    return {"verbs": (*own_verbs, Verb("T", f"{pause} {one.name}", template))}


def _tasks_title(seen: Snapshot) -> str:
    only = seen.place.subject
    newest = f"the newest {MOST}" if len(seen.of("tasks")) == MOST else "all"
    if not only:
        return f"tasks: {newest}" if newest != "all" else "tasks"
    options = re.sub(r"(\S+)=", r"--\1 ", only)
    return f"tasks with {only}: {newest}\ntasker-sql task list {options}"


def _claim(one: Any) -> dict[str, Any]:
    worker = one.worker
    many = many_verb("Q", f"requeue all of {worker}", "requeue_step", {"worker": worker})
    return {
        "key": f"{worker} {one.claimed_at} {one.first_step}",
        "opens": one.first_step and place_of(one.first_step),
        "verbs": (requeue(one.first_step) if len(one.step_uuids) == 1 else many,),
    }


def _wait(one: Any) -> dict[str, Any]:
    answer = Verb("W", "answer", str(one.step_uuid), form=one.schema or {})
    return {"verbs": (answer,) if one.kind == "signal" else ()}


# Runners, under each its circuit breakers and pools; then who is seen by claims alone.


def _breaker(one: Any) -> dict[str, Any]:
    if one.forced or one.wanted:
        release = statement("release_breaker", one.breaker, WHY, one.runner)
        verb = Verb("B", "release breaker", release)
    else:
        force = statement("force_breaker", one.breaker, "open", WHY, one.runner)
        verb = Verb("B", "force breaker open", force)
    return {"key": f"False {one.runner} {one.who}", "verbs": (verb,)}


def _foreign(one: Any) -> dict[str, Any]:
    opens = Location("claims") if one.claims else None
    return {"key": f"foreign {one.who}", "opens": opens, "seeks": one.who}


def _dead(one: Any) -> dict[str, Any]:
    if one.count == 1:
        verbs = step_verbs(one.sample_step_uuid, "error")
    else:
        same = {"namespace": one.namespace, "template": one.task_name, "step": one.name}
        same["fingerprint"] = one.fingerprint
        verbs = tuple(
            many_verb(key, f"{verb} all {one.count:,}", f"{verb}_step", same)
            for key, verb in (("R", "retry"), ("S", "resolve"))
        )
    opens = place_of(one.sample_step_uuid)
    return {"key": f"dead {one.what} {one.fingerprint}", "opens": opens, "verbs": verbs}


def _action(one: Any) -> dict[str, Any]:
    is_uuid = UUID_TEXT.fullmatch(one.subject) and not one.verb.endswith("_repair")  # a plan's
    opens = place_of(UUID(one.subject)) if is_uuid else None
    return {"key": f"{one.at} {one.verb} {one.subject}", "opens": opens}


def _schedule(one: Any) -> dict[str, Any]:
    pause = "resume" if one.paused_at else "pause"
    return {
        "opens": Location("ticks", subject=one.schedule),
        "verbs": (
            Verb("P", f"{pause} it", statement(f"{pause}_schedule", one.namespace, one.name, WHY)),
            Verb("T", "make a task", statement("trigger_schedule", one.namespace, one.name, WHY)),
        ),
    }


SCREENS: Final[Mapping[str, Callable[[Snapshot], View]]] = {
    "overview": Screen(
        "name=what, state, depth, oldest, running, slots, per s, failing, note",
        "failing, slots",
        "No namespaces: tasker-sql template register FILE makes one.",
        {
            "namespaces": lambda one: {
                "opens": Location("tasks", subject=f"namespace={one.what}"),
                "verbs": _pause(one.what, one.paused_at),
            },
            "live_runners": lambda one: {"opens": Location("workers"), "seeks": one.what},
        },
        _rates,
    ).view,
    "problems": Screen(
        "!=mark, code, subject, since, problem, cure",
        "cure, code, since",
        "No problems now.",
        {"problems": _problem},
    ).view,
    "tasks": Screen(
        "task=task_uuid, template, state=stands, done, created=created_at, took, steps",
        "task, took",
        "No such tasks.",
        {"tasks": _task},
        _tasks_title,
    ).view,
    "queues": Screen(
        "queue=queue_name, priority, state, depth, oldest=oldest_age, runners=live_runners, slots, "
        "note",
        "priority, slots",
        "No queues.",
        {"queues": _queue},
    ).view,
    "claims": Screen(
        "worker, namespace, lease, ends=lease_until, claimed=claimed_at, steps=step_count, "
        "first step",
        "",
        "No claims: nobody works on anything.",
        {"claims": _claim},
    ).view,
    "workers": Screen(
        "worker=who, state, size=executors, of=bounds, busy, per s, depth, note",
        "per s, busy, of",
        "Nobody works, and no runner has reported within a day.",
        {
            "runners": lambda one: {"key": f"{one.silent_for is not None} {one.who}"},
            "breakers": _breaker,
            "pools": lambda one: {"key": f"False {one.runner} {one.who}"},
            "foreign_workers": _foreign,
        },
        by_key=True,
    ).view,
    "failures": Screen(
        "kind, what, attempt=tried, at, why",
        "attempt",
        "Nothing has failed.",
        {
            "dead_letters": _dead,
            "retries": lambda one: {"verbs": step_verbs(one.step_uuid, "waiting_for_retry")},
            "late_writes": lambda one: {"key": f"late {one.step_uuid} {one.at}"},
            "rejected_requests": lambda one: {"key": f"rejected {one.message}"},
        },
    ).view,
    "database": Screen(
        "what, value, since, note",
        "",
        "The role may not read statistics.",
        {"server": _plain, "transactions": _plain, "tables": _plain},
    ).view,
    "acts": Screen(
        "who=session_role, did=verb, to=subject, at, why=reason",
        "to",
        "Operators have done nothing yet.",
        {"acts": _action},
        lambda _: "what operators did, the newest first",
    ).view,
    "waits": Screen(
        "step, for=waits_for, asks=prompt, since=opened_at, until, then",
        "then, since",
        "Nothing waits for people, or for a time.",
        {"waits": _wait},
    ).view,
    "schedules": Screen(
        "schedule, template, when=planned, next=next_tick, last=last_tick, was=last_outcome, "
        "open=open_tasks, note",
        "template, open, last",
        "No schedules: tasker-sql schedule apply FILE makes some.",
        {"schedules": _schedule},
    ).view,
    "ticks": Screen(
        "tick=tick_at, wall, outcome, task=task_state, detail",
        "wall",
        "No ticks yet.",
        {"ticks": _plain},
        lambda seen: f"what happened to the ticks of {seen.place.subject}, the newest first",
    ).view,
    "queue": Screen(
        "waited, attempt, code, step, reason",
        "attempt",
        "Nothing waits.",
        {"queued": lambda one: {"verbs": cure_verbs(one.cure)}},
        lambda seen: f"what waits longest in {seen.place.subject}, and why",
    ).view,
    "task": task.task,
    "step": task.step,
}
TABS: Final = (*SCREENS,)[:8]
ALONE: Final = (*SCREENS,)[:11]  # those that are not about one namespace, task or step


def view(seen: Snapshot) -> View:
    """What the snapshot's screen shows."""
    return SCREENS[seen.place.screen](seen)
