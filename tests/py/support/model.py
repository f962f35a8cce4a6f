"""What tasker-sql promises, as a program without queries, locks and plans.

Read it as the engine's semantics. Where the engine may choose (which steps a claim hands out, how
long a retry with jitter waits), the model is given the choice, asserts that it was allowed, and
adopts it. Times are milliseconds. A call that the engine refuses raises `Refused` before anything
changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from uuid import UUID

DONE = {"complete", "resolved_manually"}  # lets the children run
QUEUED = {"enqueued", "in_progress", "waiting_for_retry"}
ENDED = {"complete", "error", "cancelled", "resolved_manually"}
WIDE = 16  # a join with more parents is counted later, where somebody holds its row
LEFT_LYING = 5_000  # after which the sweep takes care of a message
FINALIZER_LATE = 3_600_000
RANKS = {"high": "_high", "normal": "", "low": "_low"}
RESULTS, REQUESTS = "orchestration_step_results", "orchestration_task_requests"

Message = tuple[Any, float]  # its content, and since when it is in its queue


class Refused(Exception):  # noqa: N818 - as the engine says it
    """The SQLSTATE with which the engine must refuse the call."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Template:
    """A DAG: its steps' parents by their numbers, a parent's number being smaller."""

    namespace: str
    name: str
    external: bool
    max_attempts: int
    backoff: str
    base: int
    longest: int
    jitter: bool
    steps: Sequence[tuple[str, str, Sequence[int]]]  # name, namespace, numbers of the parents


@dataclass(frozen=True)
class Outcome:
    """What a worker reports of a step: a result, or an error."""

    result: Any = None
    error: str | None = None
    retryable: bool = True
    retry_after: int | None = None


@dataclass(eq=False)
class Task:
    uuid: UUID
    template: Template
    priority: str
    context: Any
    steps: list[Step] = field(default_factory=list)
    state: str = "pending"
    begun: bool = False
    paused: bool = False
    started_at: float | None = None
    finished_at: float | None = None
    ready_since: float | None = None  # to be finalized by somebody outside
    uncounted: int = 0

    @property
    def sinks(self) -> list[Step]:
        return [step for step in self.steps if not step.children]

    @property
    def open_sinks(self) -> int:
        return sum(step.state not in DONE for step in self.sinks) + self.uncounted

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(eq=False)
class Step:
    task: Task
    number: int
    name: str
    namespace: str
    parents: list[Step]
    children: list[Step] = field(default_factory=list)
    state: str = "pending"
    attempt: int = 0
    token: UUID | None = None
    result: Any = None
    due: float | tuple[float, float] | None = None
    uncounted: int = 0  # parents that finished while somebody held this row
    enqueued_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    errors: list[tuple[float, str]] = field(default_factory=list)
    reported: dict[UUID, tuple[str, Any]] = field(default_factory=dict)  # failures by token

    @property
    def uuid(self) -> UUID:
        return UUID(int=self.task.uuid.int | self.number)

    @property
    def id(self) -> int:
        return self.uuid.int & (1 << 62) - 1

    @property
    def waiting(self) -> int:
        return sum(parent.state not in DONE for parent in self.parents) + self.uncounted

    @property
    def queue(self) -> str:
        return f"{self.namespace}_queue{RANKS[self.task.priority]}"

    def held_by(self, token: UUID | None) -> bool:
        return self.state == "in_progress" and self.token == token


@dataclass(eq=False)
class Claim:
    """Steps in a worker's hands, until it reports, gives back, or the sweep finds it late."""

    token: UUID
    namespace: str
    worker: str
    lease_until: float
    steps: list[Step]
    answers: tuple[UUID, int] | None  # the report and its first step that asked for this claim


@dataclass(eq=False)
class Submission:
    token: UUID
    worker: str
    outcomes: Mapping[Step, Outcome]
    at: float


@dataclass(eq=False)
class Finalization:
    task: Task
    processor: str
    until: float
    outcome: str | None = None


class Model:
    def __init__(self, namespaces: Iterable[str]) -> None:
        self.now: float = 0
        self.tasks: dict[UUID, Task] = {}
        self.steps: dict[int, Step] = {}
        self.claims: dict[UUID, Claim] = {}
        self.submissions: dict[int, Submission] = {}
        self.submitted = 0
        self.finalizations: dict[UUID, Finalization] = {}
        self.keys: dict[tuple[str, str], Task] = {}
        self.rejected = 0
        self.paused: set[Any] = set()  # namespaces by name, templates
        self.locked: set[Any] = set()  # joins and tasks whose rows another session holds
        self.deferred: set[Any] = set()  # those that finished parents have yet to be counted off
        self.queues: dict[str, list[Message] | None] = {RESULTS: [], REQUESTS: []}
        for namespace in namespaces:
            self.add_namespace(namespace)

    # Asking for tasks

    def add_namespace(self, name: str) -> None:
        for rank in RANKS.values():
            self.queues[f"{name}_queue{rank}"] = self.queues.get(f"{name}_queue{rank}") or []

    def create(
        self,
        template: Template,
        contexts: Sequence[Any],
        keys: Sequence[str] | None,
        uuids: Sequence[UUID],
        priority: str = "normal",
        run_at: float | None = None,
    ) -> list[tuple[UUID, bool]]:
        """The same key with the same content is the same task; with other content it is refused."""
        wanted = [(template.name, key) for key in keys or []]
        known = {key: self.keys[key].context for key in wanted if key in self.keys}
        for key, context in zip(wanted, contexts, strict=bool(keys)):
            if known.setdefault(key, context) != context:
                raise Refused("TK008")
        answer = []
        for position, (context, uuid) in enumerate(zip(contexts, uuids, strict=True)):
            task = self.keys.get(wanted[position]) if keys else None
            answer.append((task.uuid if task else uuid, task is None))
            if task is None:
                task = self.plant(Task(uuid, template, priority, context), run_at)
                if keys:
                    self.keys[wanted[position]] = task
        self.enqueue(
            step
            for uuid, new in answer
            for step in self.tasks[uuid].steps
            if new and step.state == "pending" and step.waiting == 0 and step.due is None
        )
        return answer

    def plant(self, task: Task, run_at: float | None) -> Task:
        self.tasks[task.uuid] = task
        for number, (name, namespace, parents) in enumerate(task.template.steps, 1):
            step = Step(task, number, name, namespace, [task.steps[no - 1] for no in parents])
            for parent in step.parents:
                parent.children.append(step)
            if not parents and run_at is not None and run_at > self.now:
                step.due = run_at
            task.steps.append(step)
            self.steps[step.id] = step
        return task

    # Queues: hints, of which any may be lost, doubled or forged

    def enqueue(self, steps: Iterable[Step]) -> None:
        for step in sorted(steps, key=lambda step: (len(step.parents) > WIDE, step.id)):
            step.state, step.enqueued_at = "enqueued", self.now
            step.token = step.started_at = step.finished_at = step.due = None
            self.send(step.queue, {"step_id": step.id})

    def send(self, queue: str, content: Any) -> None:
        messages = self.queues[queue]
        if messages is not None:
            messages.append((content, self.now))

    def pointed(self, messages: Iterable[Message]) -> list[Step]:
        found = [content.get("step_id") for content, _ in messages if isinstance(content, dict)]
        return [self.steps[step_id] for step_id in found if step_id in self.steps]

    # Working

    def claimable(self, step: Step, namespace: str) -> bool:
        return (
            step.state == "enqueued"
            and step.namespace == namespace
            and not step.task.paused
            and self.paused.isdisjoint({namespace, step.task.template})
        )

    def claim(
        self,
        claim: Claim,
        limit: int,
        left: Mapping[str, list[Message] | None],
        exact: bool,
    ) -> None:
        """A claim takes what is in front of the namespace's queues, and of that what may run.

        `claim.steps` is what it handed out, `left` what the queues hold now. A session remembers
        for half a second which queues were empty, so that only a new one is `exact`: takes from the
        front (of what came at one moment, any), in shares of 6 : 3 : 1. Whatever lies before a
        step that may run goes with it.
        """
        names = [f"{claim.namespace}_queue{rank}" for rank in RANKS.values()]
        if limit == 0 or claim.namespace in self.paused:
            assert not claim.steps, "handed out while paused"
            return
        while not any(
            self.claimable(step, claim.namespace)
            for name in names
            for step in self.pointed(self.queues[name] or [])
        ):
            for name in names:
                (self.queues[name] or []).clear()
            if not (self.count_late() or self.fire_timers()):
                assert not claim.steps, "handed out what may not run"
                return
            exact = False  # it knew these queues to be empty, a moment ago

        taken = []
        for name in names:
            before, after = self.queues[name] or [], left[name] or []
            assert Counter((repr(one), at) for one, at in after) <= Counter(
                (repr(one), at) for one, at in before
            ), "a new message"
            taken.append(_without(before, after))
            behind = [at for _, at in before[len(taken[-1]) :]]
            assert not exact or behind == [at for _, at in after], "not taken from the front"
            self.queues[name] = list(after) if self.queues[name] is not None else None
        messages = [message for some in taken for message in some]
        may_run = {step for step in self.pointed(messages) if self.claimable(step, claim.namespace)}
        assert set(claim.steps) == may_run, "not exactly those that may run"
        assert 1 <= len(claim.steps) == len(may_run) <= limit
        if exact and all(isinstance(c, dict) and c.get("step_id") for c, _ in messages):
            more = [bool(self.queues[name]) for name in names]
            assert not any(more) or len(claim.steps) == limit, "the limit is not filled"
            if len(messages) == limit:
                _, normal, low = map(len, taken)
                assert not more[0] or normal <= ceil(limit * 3 / 10), "high waits for normal"
                assert not (more[0] or more[1]) or low <= ceil(limit / 10), "others wait for low"
                assert not more[1] or normal >= limit * 3 // 10, "normal starves"
                assert not more[2] or low >= limit // 10, "low starves"

        self.claims[claim.token] = claim
        for step in claim.steps:
            step.state, step.token, step.started_at = "in_progress", claim.token, self.now
            step.attempt += 1
            self.begin(step.task)

    def claim_again(self, claim: Claim) -> list[Step]:
        """What a repeated call gets: the steps that the claim still holds. Of several, the others
        are forgotten."""
        held = [step for step in claim.steps if step.held_by(claim.token)]
        if len(claim.steps) > 1:
            claim.steps = held
            if not held:
                del self.claims[claim.token]
        return held

    def let_go(self, token: UUID, outcomes: Mapping[Step, Outcome]) -> Claim:
        """All or nothing: one step that the token does not hold, and the call is refused."""
        claim = self.claims.get(token)
        if not claim or not all(step in claim.steps and step.held_by(token) for step in outcomes):
            raise Refused("TK001")
        claim.steps = [s for s in claim.steps if s not in outcomes and s.held_by(token)]
        if not claim.steps:
            del self.claims[token]
        return claim

    def is_repeat(self, token: UUID, outcomes: Mapping[Step, Outcome]) -> bool:
        return all(
            (step.state, step.token) == ("complete", token)
            if outcome.error is None
            else token in step.reported
            for step, outcome in outcomes.items()
        )

    def finish(self, token: UUID, outcomes: Mapping[Step, Outcome]) -> bool:
        """Carry outcomes out; False when they were before, and the reply was lost."""
        try:
            self.let_go(token, outcomes)
        except Refused:
            if self.is_repeat(token, outcomes):
                return False
            raise
        for step, outcome in outcomes.items():
            step.result = outcome.result
        self.apply(token, outcomes)
        return True

    def apply(self, token: UUID, outcomes: Mapping[Step, Outcome]) -> None:
        for step, outcome in outcomes.items():
            if outcome.error is not None:
                self.fail(step, outcome)
                step.reported[token] = (step.state, step.due)
        done = [step for step, outcome in outcomes.items() if outcome.error is None]
        for step in done:
            step.state, step.finished_at = "complete", self.now
        self.follow(outcomes, done)

    def fail(self, step: Step, outcome: Outcome) -> None:
        step.errors.append((self.now, outcome.error or ""))
        if outcome.retryable and step.attempt < step.task.template.max_attempts:
            step.state = "waiting_for_retry"
            wait = backoff(step.task.template, step.attempt)
            if outcome.retry_after is not None:
                step.due = self.now + outcome.retry_after
            elif wait and step.task.template.jitter:
                step.due = (self.now + wait / 2, self.now + wait)
            else:
                step.due = self.now + wait
        else:
            step.state, step.finished_at = "error", self.now

    def follow(self, touched: Iterable[Step], done: Iterable[Step]) -> None:
        """What follows from finished steps: children that wait for nobody, tasks that end."""
        for parent in done:
            children: Sequence[Step | Task] = parent.children or [parent.task]
            for child in children:
                width = len(child.sinks if isinstance(child, Task) else child.parents)
                if width > WIDE and child in self.locked:
                    child.uncounted += 1
                    self.deferred.add(child)
                elif width > WIDE:
                    child.uncounted = 0
                    self.deferred.discard(child)
        below = {child for parent in done for child in parent.children}
        self.enqueue(step for step in below if step.state == "pending" and step.waiting == 0)
        for task in {step.task: None for step in touched}:
            self.judge(task)

    def begin(self, task: Task) -> None:
        if not task.begun:
            task.begun, task.started_at = True, self.now
            self.judge(task)

    def judge(self, task: Task) -> None:
        """A task's state is what its steps say, unless somebody decided otherwise."""
        if task.state in ("complete", "cancelled", "resolved_manually"):
            return
        task.ready_since = task.ready_since if self.is_ready(task) else None
        if any(step.state == "error" for step in task.steps):
            state = "blocked_by_failures" if self.is_active(task) else "error"
        elif task.open_sinks == 0 and not task.template.external:
            state = "complete"
        else:
            state = "in_progress" if task.begun else "pending"
        if task.ready_since is None and self.is_ready(task):
            task.ready_since = self.now
        if state != task.state:
            self.end(task, state)

    def end(self, task: Task, state: str) -> None:
        task.state = state
        task.finished_at = self.now if task.ended else None

    def is_active(self, task: Task) -> bool:
        return any(
            step.state in QUEUED
            or (step.state == "pending" and step.waiting == 0)
            or step in self.deferred
            for step in task.steps
        )

    def is_ready(self, task: Task) -> bool:
        return task.template.external and not task.ended and task.open_sinks == 0

    def heartbeat(self, token: UUID, lease: int) -> tuple[float, list[UUID]]:
        if token not in self.claims:
            raise Refused("TK001")
        claim = self.claims[token]
        claim.lease_until = self.now + lease
        return claim.lease_until, [step.uuid for step in claim.steps if not step.held_by(token)]

    def release(self, token: UUID) -> list[UUID]:
        """Given back before it began: the attempt does not count."""
        claim = self.claims.pop(token, None)
        back = [step for step in claim.steps if step.held_by(token)] if claim else []
        for step in back:
            step.attempt -= 1
        self.enqueue(back)
        return [step.uuid for step in back]

    def answer(self, step: Step) -> tuple[UUID, str, str]:
        """A repeated call shows the task as the first one did, when it has ended since."""
        since = step.state in DONE and step.task.ended
        later = since and step.task.finished_at != step.finished_at
        return step.task.uuid, step.state, "in_progress" if later else step.task.state

    # Working in two hops

    def submit(self, token: UUID, outcomes: Mapping[Step, Outcome]) -> int | None:
        """Hand outcomes in; nothing when they were before."""
        try:
            claim = self.let_go(token, outcomes)
        except Refused:
            handed_in = any(
                submission.token == token and outcomes.keys() <= submission.outcomes.keys()
                for submission in self.submissions.values()
            )
            if handed_in or self.is_repeat(token, outcomes):
                return None
            raise
        for step, outcome in outcomes.items():
            step.result = outcome.result
        self.submitted += 1
        self.submissions[self.submitted] = Submission(token, claim.worker, outcomes, self.now)
        self.send(RESULTS, {"submission_id": self.submitted})
        return self.submitted

    def process(self, submission_id: int | None) -> tuple[int, int]:
        """Carry a submission out, once, as far as nobody decided otherwise; done and failed."""
        submission = self.submissions.pop(submission_id or 0, None)
        if submission is None:
            return 0, 0
        held = {s: o for s, o in submission.outcomes.items() if s.held_by(submission.token)}
        self.apply(submission.token, held)
        failed = sum(outcome.error is not None for outcome in held.values())
        return len(held) - failed, failed

    # Because time has passed, or something was lost

    def sweep(self) -> dict[str, int]:
        missing = [name for name, messages in self.queues.items() if messages is None]
        self.queues |= {name: [] for name in missing}
        late = [claim for claim in self.claims.values() if claim.lease_until < self.now]
        for claim in sorted(late, key=lambda claim: claim.lease_until):
            self.take_back(claim)
        fired, counted = self.fire_timers(), self.count_late()
        waiting = [
            submission_id
            for submission_id, submission in self.submissions.items()
            if submission.at < self.now - LEFT_LYING
        ]
        for submission_id in waiting:
            self.process(submission_id)
        before = self.now - LEFT_LYING
        restored = sum(self.restore(task, before) for task in self.tasks.values())
        for finalization in self.finalizations.values():
            if finalization.outcome is None and finalization.until < self.now:
                finalization.outcome = "expired"
        ended = 0
        for task in self.tasks.values():
            if not task.ended and self.finalizer(task) is None:
                if (task.ready_since or self.now) < self.now - FINALIZER_LATE:
                    self.end(task, "complete")
                self.judge(task)
                ended += task.ended
        return {
            "queues_recreated": len(missing),
            "claims_taken_back": len(late),
            "timers_fired": fired,
            "joins_counted": counted,
            "submissions_processed": len(waiting),
            "messages_restored": restored,
            "alarms_fired": 0,  # nothing waits, and nothing is planned
            "schedules_fired": 0,
            "tasks_finalized": ended,
        }

    def take_back(self, claim: Claim) -> None:
        """A lost lease costs the attempt."""
        del self.claims[claim.token]
        held = [step for step in claim.steps if step.held_by(claim.token)]
        spent = [step for step in held if step.attempt >= step.task.template.max_attempts]
        error = f"worker {claim.worker} did not report before its lease ended"
        for step in held:
            if step in spent:
                self.fail(step, Outcome(error=error))
            else:
                step.errors.append((self.now, error))
        self.enqueue(step for step in held if step not in spent)
        self.follow(spent, [])

    def fire_timers(self) -> int:
        due = [s for s in self.steps.values() if isinstance(s.due, float | int)]
        due = [step for step in due if step.due <= self.now]  # type: ignore[operator]
        self.enqueue(due)
        return len(due)

    def count_late(self) -> int:
        """Count what finishing parents left behind at a row that somebody held."""
        late = self.deferred - self.locked
        self.deferred -= late
        for child in late:
            if isinstance(child, Step) and child.state == "pending":
                child.uncounted = 0
                if child.waiting == 0:
                    self.enqueue([child])
            elif isinstance(child, Task) and child.state not in ("cancelled", "resolved_manually"):
                child.uncounted = 0
                if child.state == "in_progress":
                    self.judge(child)
        return len(late)

    def restore(self, task: Task, before: float) -> int:
        """Send again what is not in its queue, where nothing older stands in front; what is paused
        waits until it is not."""
        lost = []
        for step in [] if task.paused or task.template in self.paused else task.steps:
            messages = self.queues[step.queue]
            if step.state != "enqueued" or messages is None or _at(step) >= before:
                continue
            if not messages or (_at(step) < messages[0][1] and step not in self.pointed(messages)):
                lost.append(step)
        self.enqueue(lost)
        return len(lost)

    # Operating

    def close(self, task: Task, state: str) -> int:
        """Cancel what is open; a worker on it is fenced off."""
        if task.state == state:
            return 0
        if task.ended and (task.state, state) != ("error", "resolved_manually"):
            raise Refused("TK003")
        open_steps = [step for step in task.steps if step.state not in ENDED]
        for step in open_steps:
            step.state, step.finished_at, step.due = "cancelled", self.now, None
        self.end(task, state)
        return len(open_steps)

    def retry(self, step: Step) -> tuple[UUID, str, str]:
        if step.state != "enqueued":
            if step.state not in ("error", "waiting_for_retry") or step.task.state in (
                "cancelled",
                "resolved_manually",
            ):
                raise Refused("TK003")
            step.attempt = 0 if step.state == "error" else step.attempt
            self.enqueue([step])
            self.reopen(step.task)
        return self.answer(step)

    def requeue(self, step: Step) -> tuple[UUID, str, str]:
        """Taken back from its worker, without counting the attempt; or its message sent again."""
        claim = self.claims.get(step.token) if step.token else None
        if step.state == "in_progress" and claim and step in claim.steps:
            step.errors.append((self.now, f"taken back from worker {claim.worker}: why"))
            step.attempt -= 1
            self.enqueue([step])
        elif step.state == "enqueued":
            messages = self.queues[step.queue]
            if messages is not None and step not in self.pointed(messages):
                self.enqueue([step])
        else:
            raise Refused("TK003")
        return self.answer(step)

    def settle(self, step: Step, state: str, result: Any) -> tuple[UUID, str, str]:
        """End a step by hand; a worker on it is fenced off."""
        if (step.state, step.result) != (state, result):
            closed = step.task.state in ("cancelled", "resolved_manually")
            if step.state not in QUEUED | {"pending", "error"} or step.waiting or closed:
                raise Refused("TK003")
            step.state, step.result, step.finished_at = state, result, self.now
            step.token = step.due = None
            self.begin(step.task)
            self.follow([], [step])
            self.reopen(step.task)
        return self.answer(step)

    def reopen(self, task: Task) -> None:
        if task.state == "error":
            self.end(task, "in_progress")
        self.judge(task)

    # Finalizing from outside

    def finalizer(self, task: Task) -> UUID | None:
        return next(
            (u for u, f in self.finalizations.items() if f.task is task and f.outcome is None),
            None,
        )

    def claim_finalization(
        self, task: Task, processor: str, timeout: int, attempt: UUID | None
    ) -> str:
        holder = self.finalizer(task)
        if task.ended:
            return "already_complete"
        if not self.is_ready(task):
            return "not_ready"
        if holder:
            if self.finalizations[holder].until >= self.now:
                return "already_claimed"
            self.finalizations[holder].outcome = "expired"
        assert attempt is not None
        self.finalizations[attempt] = Finalization(task, processor, self.now + timeout)
        return "claimed"

    def extend_finalization(self, attempt: UUID, timeout: int) -> float:
        finalization = self.finalizations.get(attempt)
        if finalization is None or finalization.outcome:
            raise Refused("TK001")
        finalization.until = self.now + timeout
        return finalization.until

    def release_finalization(self, attempt: UUID) -> bool | None:
        finalization = self.finalizations.get(attempt)
        if finalization is None:
            return None
        released = finalization.outcome is None
        finalization.outcome = finalization.outcome or "released"
        return released

    def finalize(self, task: Task, attempt: UUID | None) -> str:
        holder = self.finalizer(task)
        known = self.finalizations[attempt].outcome if attempt in self.finalizations else None
        if holder != attempt and known != "finalized":
            live = holder is not None and self.finalizations[holder].until >= self.now
            if attempt is not None or live:
                raise Refused("TK001")
        if not task.ended and not self.is_ready(task):
            return "not_ready"
        if holder:
            self.finalizations[holder].outcome = "finalized"
        if task.ended:
            return "already_complete"
        self.end(task, "complete")
        return "finalized"

    # What there is to be seen

    def visible(self) -> dict[str, Any]:
        return {
            "tasks": {str(task.uuid): self.visible_task(task) for task in self.tasks.values()},
            "steps": {str(step.id): self.visible_step(step) for step in self.steps.values()},
            "claims": {
                claim.worker: [
                    claim.namespace,
                    claim.lease_until,
                    [str(step.uuid) for step in claim.steps],
                ]
                for claim in self.claims.values()
            },
            "finalizations": {
                str(one.task.uuid): [one.processor, one.until]
                for one in self.finalizations.values()
                if one.outcome is None
            },
            "queues": {
                name: None if messages is None else [list(message) for message in messages]
                for name, messages in self.queues.items()
            },
            "rejected": self.rejected,
        }

    def visible_task(self, task: Task) -> list[Any]:
        return [
            task.state,
            task.paused or not self.paused.isdisjoint({task.template, task.template.namespace}),
            task.open_sinks,
            task.started_at,
            task.finished_at,
        ]

    def visible_step(self, step: Step) -> list[Any]:
        claim = self.claims.get(step.token) if step.state == "in_progress" else None  # type: ignore[arg-type]
        claim = claim if claim and step in claim.steps else None
        holders: list[Claim | Submission] = [claim] if claim else []
        if step.state == "in_progress" and not claim:
            holders = [s for s in self.submissions.values() if step in s.outcomes]
        return [
            step.state,
            step.attempt,
            step.waiting,
            step.result,
            next((holder.worker for holder in holders if step.held_by(holder.token)), None),
            claim.lease_until if claim else None,
            max(reversed(step.errors), key=lambda error: error[0])[1] if step.errors else None,
            step.due,
            step.enqueued_at,
            step.started_at,
            step.finished_at,
        ]

    def broken(self) -> set[tuple[str, str | None]]:
        """Of what check_invariants must complain: only messages that somebody tampered with."""
        found = set()
        places: dict[int, list[str]] = {}
        for name, messages in self.queues.items():
            for content, _ in messages or []:
                if isinstance(content, dict) and content.get("step_id") is not None:
                    places.setdefault(content["step_id"], []).append(name)
        for step_id, queues in places.items():
            step = self.steps.get(step_id)
            about = str(step.uuid) if step else None
            if len(queues) > 1:
                found.add(("a step has at most one message", about))
            if step is None or not (
                step.state in ("enqueued", "cancelled", "resolved_manually")
                or (step.state == "complete" and step.token is None)
            ):
                found.add(("a message points to an enqueued step", about))
            if step and set(queues) != {step.queue}:
                found.add(("a message lies in its step's own queue", about))
        return found


def backoff(template: Template, attempt: int) -> int:
    """How long a retry waits after that attempt, without jitter."""
    before, fibonacci = 0, 1
    for _ in range(attempt - 1):
        before, fibonacci = fibonacci, before + fibonacci
    factors = {"none": 0, "linear": attempt, "exponential": 1 << attempt - 1}
    return min(template.longest, template.base * factors.get(template.backoff, fibonacci))


def _at(step: Step) -> float:
    assert step.enqueued_at is not None
    return step.enqueued_at


def _without(messages: list[Message], others: list[Message]) -> list[Message]:
    left = list(messages)
    for message in others:
        left.remove(message)
    return left
