"""What must hold after an episode: everything that is promised, whatever has happened.

Each finding is a sentence. What excuses a second start is a fault in the ledger that hit the
worker, the task or everybody while the first attempt ran, be it as it was meant to or not; nothing
else does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.arena import Arena
from chaos.ledger import STALL, Line, now, task_of, time_of_day
from chaos.workload import Workload

BUSY = "the machine was busy"
TURNED = "the clock was set"
STARVED = 0.1  # share of a time
MOST = 10  # findings of a sort that are shown
FINAL = {"complete", "error", "cancelled", "resolved_manually"}
PLANNED = {"PlannedError", "HopelessError"}
SAFETY = """
select invariant, task_uuid::text, step_uuid::text, detail
  from tasker.check_invariants()
 where severity = 'safety' and (not %s or invariant not like '%%message%%')
"""
TASKS = """
select task.context ->> 'key', task.task_uuid::text, task.state::text from tasker.tasks as task
"""
STEPS = """
select tasker._step_uuid(task.task_uuid, step.step_id)::text as uuid,
       task.task_uuid::text as task,
       task.finished_at is not null as task_ended,
       task.context ->> 'key' as key,
       link.name,
       link.handler,
       step.state::text,
       step.claim_token::text as token,
       step.attempt,
       link.max_attempts,
       step.result ->> 'by' as by,
       (step.result ->> 'value')::integer as value
  from tasker.steps as step
  join tasker.tasks as task on task.task_id = step.step_id >> 20
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = step.step_id & 1048575
"""
FAILURES = """
select tasker._step_uuid(task.task_uuid, failure.step_id)::text as step,
       failure.token::text,
       failure.worker,
       failure.error ->> 'type' as kind,
       failure.lost,
       extract(epoch from failure.failed_at)::float as at
  from tasker.step_failures as failure
  join tasker.tasks as task on task.task_id = failure.step_id >> 20
"""
# In the order of writing: a clock that goes back a little must not make a start follow its end.
HISTORY = """
select tasker._step_uuid(task.task_uuid, past.id)::text as step,
       extract(epoch from past.at)::float as at,
       past.state,
       past.actor
  from (select change.id, change.transition_id, change.position,
               max(change.at) over (partition by change.id
                                    order by change.transition_id, change.position) as at,
               legal.to_state as state, change.actor
          from tasker._changes as change
          join tasker.legal_transitions as legal on legal.transition = change.change
         where legal.entity = 'step'
         union all
        select restored.step_id, 0, 0, restored.at, 'enqueued', 'sweep'
          from public.restored) as past
  join tasker.tasks as task on task.task_id = past.id >> 20
 order by past.at, past.transition_id, past.position
"""


@dataclass
class Verdict:
    """What came of an episode."""

    seed: int
    findings: list[str] = field(default_factory=list)
    landed: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    steps: int = 0  # of tasks that have ended
    starts: int = 0  # of handlers
    repeated: int = 0  # of these, in vain: the step had to start again
    explained: Counter[str] = field(default_factory=Counter)  # of these, by kind of fault
    recovery: dict[str, float] = field(default_factory=dict)  # the longest, by kind of fault
    seconds: float = 0.0


def pulse(arena: Arena) -> list[str]:
    """What is broken now, and may not be in any committed snapshot.

    As long as queues are tampered with, they may hold what the engine did not send.
    """
    broken = arena.rows(SAFETY, arena.forged)
    return [f"at {now():.3f}, {len(broken)} invariants: {broken[:MOST]}"] if broken else []


def judge(arena: Arena, workload: Workload, verdict: Verdict, slack: float) -> None:
    """Look at everything, and enter it into the verdict. Nobody is at work any more.

    Recovery may take `slack` times the bound.
    """
    Judge(arena, workload, verdict, slack).look()


class Judge:
    def __init__(self, arena: Arena, workload: Workload, verdict: Verdict, slack: float) -> None:
        self.arena, self.workload, self.verdict = arena, workload, verdict
        self.longest = slack * arena.bound  # that recovery may take, in seconds
        self.turns = arena.ledger.lines("turned")
        self.faults = arena.ledger.lines("fault")
        self.misses = arena.ledger.lines("miss")
        harmful = [miss for miss in self.misses if miss["since"] is not None]
        self.excuses = [*self.faults, *harmful, *map(turned, self.turns)]
        frozen = {member.name for member in arena.members if member.was_frozen}
        frozen |= {line["worker"] for line in arena.ledger.lines("frozen")}
        self.stalls = [
            line for line in arena.ledger.lines("stalled") if line["worker"] not in frozen
        ]
        self.touched = {task for fault in self.faults for task in fault["tasks"]}
        self.steps = self.named(STEPS)
        self.failures = [self.dated(failure) for failure in self.named(FAILURES)]
        self.history: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for change in self.named(HISTORY):
            self.history[change["step"]].append(self.dated(change))

    def look(self) -> None:
        self.verdict.landed.update(fault["kind"] for fault in self.faults)
        self.verdict.missed.update(miss["kind"] for miss in self.misses)
        self.verdict.steps = sum(step["task_ended"] for step in self.steps)
        self.invariants()
        self.tasks()
        self.results()
        self.effects()
        self.starts()
        self.losses()
        self.recovery()
        self.voices()

    def named(self, query: str) -> list[dict[str, Any]]:
        return self.arena.named(query)

    def dated(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with its time by the ledger's clock. It has the server's, which may be set."""
        ahead = time_of_day() + sum(turn["by"] for turn in self.turns if not turn["machine"])
        for turn in reversed(self.turns):
            if row["at"] - ahead >= turn["since"]:
                break
            ahead -= turn["by"]
        return {**row, "at": row["at"] - ahead}

    def find(self, what: str, wrong: Sequence[Any]) -> None:
        if wrong:
            shown = "; ".join(str(one) for one in wrong[:MOST])
            self.verdict.findings.append(f"{what} ({len(wrong)} times): {shown}")

    # What the tables must say

    def invariants(self) -> None:
        self.find("check_invariants", self.arena.rows("select * from tasker.check_invariants()"))

    def tasks(self) -> None:
        made = self.arena.rows(TASKS)
        keys = Counter(key for key, _, _ in made)
        self.find("a task that nobody asked for", list(keys.keys() - self.workload.created.keys()))
        self.find("a task is missing", list(self.workload.created.keys() - keys.keys()))
        self.find("one key, several tasks", [key for key, count in keys.items() if count > 1])
        ends = {key: shape.ends for key, shape in self.workload.created.items()}
        self.find(
            "a task ended otherwise, or not at all",
            [
                (key, task, state)
                for key, task, state in made
                if state not in (FINAL if task in self.touched else {ends.get(key)})
            ],
        )

    def results(self) -> None:
        """A result is right only if each join saw each of its parents once."""
        values = {shape.name: shape.values for shape in self.workload.shapes}
        wrong = []
        for step in self.steps:
            shape = self.workload.created.get(step["key"])
            if shape and step["state"] == "complete" and step["task"] not in self.touched:
                right = values[shape.name].get(step["name"])
                if step["value"] != right:
                    wrong.append((step["uuid"], step["value"], right))
        self.find("a result is wrong", wrong)
        self.find(
            "more attempts than allowed",
            [step["uuid"] for step in self.steps if step["attempt"] > step["max_attempts"]],
        )

    def effects(self) -> None:
        """Each step that completes in the transaction of its effect has just that one."""
        written = self.arena.rows("select step_uuid::text, token::text from public.effects")
        due = [
            (step["uuid"], step["token"])
            for step in self.steps
            if step["state"] == "complete" and step["by"] == "transaction"
        ]
        self.compare("effects", Counter(written), Counter(due))
        by_sql = self.arena.rows("select task, number from public.sql_effects")
        due_by_sql = [
            (step["key"], int(step["handler"][-1]))
            for step in self.steps
            if step["state"] == "complete" and step["by"] == "sql"
        ]
        self.compare("effects of SQL handlers", Counter(by_sql), Counter(due_by_sql))

    def compare(self, what: str, written: Counter[Any], due: Counter[Any]) -> None:
        self.find(f"too many {what}", list((written - due).elements()))
        self.find(f"missing {what}", list((due - written).elements()))

    # What the ledger must say

    def starts(self) -> None:
        """A start that neither completed its step nor failed as planned is explained."""
        final = {step["uuid"]: step["token"] for step in self.steps if step["state"] == "complete"}
        reported = {
            (one["step"], one["token"]): one["kind"] for one in self.failures if not one["lost"]
        }
        by_step: dict[str, list[Line]] = defaultdict(list)
        for start in self.arena.ledger.lines("start"):
            by_step[start["step"]].append(start)
        self.verdict.starts = sum(map(len, by_step.values()))
        twice, unexplained = [], []
        for step, starts in by_step.items():
            tokens = Counter(start["token"] for start in starts)
            twice += [(step, token) for token, count in tokens.items() if count > 1]
            for start, following in zip(starts, [*starts[1:], None], strict=True):
                token = start["token"]
                if token == final.get(step) or reported.get((step, token)) in PLANNED:
                    continue
                self.verdict.repeated += 1
                until = following["at"] if following else start["at"] + self.arena.bound
                why = self.why(start["worker"], step, start["at"] - self.arena.lease - 1, until)
                if why is None:
                    unexplained.append((step, start["worker"], token, start["at"]))
                else:
                    self.verdict.explained[why] += 1
        self.find("a handler started twice under one claim", twice)
        self.find("a start without an end, and no fault explains it", unexplained)
        if self.arena.dsn == self.arena.first_dsn:  # a failover may lose what was confirmed
            confirmed = {
                (step, line["token"])
                for line in self.arena.ledger.lines("confirmed")
                for step in line["steps"]
            }
            self.find("what was confirmed is lost", list(confirmed - final.items()))
        started = {(step, start["token"]) for step, all_of in by_step.items() for start in all_of}
        by_token = {(step, token) for step, token in final.items() if token is not None}
        self.find("a step is complete that nobody started", list(by_token - started))

    def losses(self) -> None:
        """Every claim that was taken back had lost its worker to a fault."""
        unexplained = [
            one
            for one in self.failures
            if one["lost"]
            and self.why(one["worker"], one["step"], one["at"] - self.arena.bound, one["at"])
            is None
        ]
        self.find(
            "a claim was taken back, and no fault explains it",
            [
                (one["step"], one["worker"], one["token"], one["at"], self.changes(one["step"]))
                for one in unexplained
            ],
        )
        for worker, until in {one["worker"]: one["at"] for one in unexplained}.items():
            log = self.arena.ledger.lines("log", worker=worker)
            before = [line for line in log if 0 <= until - line["at"] <= 2 * self.arena.bound]
            self.find(f"{worker} said before", [(line["at"], line["text"]) for line in before])

    def changes(self, step: str) -> list[tuple[float, str, str]]:
        """When the step reached which state, and through whom."""
        return [(change["at"], change["state"], change["actor"]) for change in self.history[step]]

    def why(self, worker: str, step: str, since: float, until: float) -> str | None:
        """The kind of fault that hit this worker, this step's task or everybody meanwhile.

        Whom a fault for everybody has hit gets as long to come back as recovery may take or took,
        and whom held rows kept waiting, a lease.
        """
        task = task_of(step)
        for fault in self.excuses:
            hit = worker in fault["victims"] or task in fault["tasks"]
            ends = fault["until"]
            if fault["everybody"]:
                moved = fault["moved"] or ends
                hit, ends = True, max(ends + self.arena.bound, moved + self.arena.lease)
            elif fault["held_rows"]:
                hit, ends = True, ends + self.arena.lease
            if hit and fault["since"] <= until and ends >= since:
                return str(fault["kind"])
        starved = any(
            stall["since"] <= until and stall["until"] >= since and stall["once"] > STALL
            for stall in self.stalls
        )
        return BUSY if starved or self.busy(since, until) > STARVED else None

    def busy(self, since: float, until: float) -> float:
        """The share of that time for which some process did not run, though nobody froze it."""
        lost: Counter[str] = Counter()
        for stall in self.stalls:
            both = min(stall["until"], until) - max(stall["since"], since)
            share = max(0.0, both) / (stall["until"] - stall["since"])
            lost[stall["worker"]] += share * stall["lost"]
        return min(0.9, max(lost.values(), default=0.0) / max(until - since, 0.001))

    def recovery(self) -> None:
        """Whatever faults have hit moves again in time after the last of them, and after the last
        transaction that might hold its rows: the server ends each in time."""
        hits: dict[str, list[tuple[float, str]]] = defaultdict(list)
        for fault in self.faults:
            at = fault["since"] if fault["victims"] else fault["until"]
            for step in self.hit(fault, at):
                hits[step].append((at, fault["kind"]))
        late = []
        for step, times in hits.items():
            times.sort()
            for (at, kind), following in zip(times, [*times[1:], None], strict=True):
                seconds = self.moved(step, at)
                if following and following[0] < at + seconds:
                    continue
                seconds -= self.held_up(at, seconds)
                worst = self.verdict.recovery.get(kind, 0.0)
                self.verdict.recovery[kind] = max(worst, seconds)
                if seconds > self.longest / (1 - self.busy(at, at + seconds)):
                    late.append((kind, step, round(seconds, 3), at, self.changes(step)))
        self.find(f"a step did not move within {self.longest:g} s", late)

    def held_up(self, at: float, seconds: float) -> float:
        """How long of that time some transaction was open that held rows and did nothing."""
        ends = [
            fault["until"] - at
            for fault in self.faults
            if fault["held_rows"] and fault["since"] <= at + seconds
        ]
        return max(0.0, min(seconds, max(ends, default=0.0)))

    def hit(self, fault: Line, at: float) -> set[str]:
        """The steps that were in the hands of its victims, or open, and those that it names."""
        hit = set(fault["steps"])
        for step, changes in self.history.items():
            state = state_at(changes, at)
            if state is None or task_of(step) in self.touched:
                continue
            held = state["state"] == "in_progress" and state["actor"] in fault["victims"]
            open_ = state["state"] in ("in_progress", "enqueued") and fault["everybody"]
            if held or open_:
                hit.add(step)
        return hit

    def moved(self, step: str, at: float) -> float:
        """Seconds from then until the step changed; 0 when it had ended."""
        changes = self.history[step]
        place = bisect_right(changes, at, key=lambda change: change["at"])
        if place < len(changes):
            return float(changes[place]["at"]) - at
        ended = changes and changes[-1]["state"] not in ("in_progress", "enqueued")
        return 0.0 if ended else float("inf")

    def voices(self) -> None:
        """Processes say what they did not expect."""
        self.find("a defect", [line["traceback"] for line in self.arena.ledger.lines("defect")])
        self.find("a wrong answer", self.arena.ledger.lines("wrong"))
        hard = [fault for fault in self.faults if fault["everybody"]]
        self.find(
            "an unexpected error",
            [
                line
                for line in self.arena.ledger.lines("error")
                if not any(one["since"] - 1 <= line["at"] <= one["until"] + 1 for one in hard)
            ],
        )
        self.find(
            "a defect of a runner",
            [
                line["text"]
                for line in self.arena.ledger.lines("log")
                if "met a defect" in line["text"] or "died" in line["text"]
            ],
        )


def turned(turn: Line) -> Line:
    """A clock that was set, as a fault: leases run out too early, or too late."""
    reach = {"victims": [], "tasks": [], "everybody": True, "moved": None, "held_rows": False}
    return {"kind": TURNED, "since": turn["since"], "until": turn["at"], **reach}


def state_at(changes: Sequence[dict[str, Any]], at: float) -> dict[str, Any] | None:
    place = bisect_right(changes, at, key=lambda change: change["at"])
    return changes[place - 1] if place else None
