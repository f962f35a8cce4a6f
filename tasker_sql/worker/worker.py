"""A worker: claims steps of one namespace, runs their handlers in threads, reports the outcomes.

One thread, the coordinator, talks to the database; the slots only run handlers. (Handlers in SQL
and transactional ones need a connection, and borrow one.)

    coordinator --inbox--> slots --outbox--> coordinator

The coordinator reports finished steps together and claims the next ones in the same call. It never
waits for a slot, and between two calls it knows everything: losing the database costs it nothing
but time.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from operator import methodcaller
from queue import Empty, SimpleQueue
from typing import Final
from uuid import UUID

from tasker_sql.circuit import backoff
from tasker_sql.client import LEASE, Client, channel
from tasker_sql.config.settings import PoolSettings
from tasker_sql.errors import TaskerError, UnavailableError, UnreadableError
from tasker_sql.jsonb import JsonText
from tasker_sql.ops import health, scaling
from tasker_sql.ops.executors import Counts
from tasker_sql.pool import Circuits, Connection, Session
from tasker_sql.rows import ClaimedStep
from tasker_sql.threads import Bell, WatchedThread
from tasker_sql.verdict import Verdict, Whose
from tasker_sql.worker import attempt
from tasker_sql.worker.attempt import Job, Outcome
from tasker_sql.worker.handlers import Registry, default_registry

REPORT_DELAY: Final = 0.005  # seconds that a finished step waits for others to be reported with
LINGER: Final = 0.01  # seconds without work after which a worker registers as idle
IDLE_FOR: Final = timedelta(seconds=30)  # how long such a registration holds
PREFETCH: Final = 0.02  # seconds of work that a slot may hold in advance
ALL_SQL: Final = "sql:*"
SOON: Final = 0.1  # seconds between two looks whether a suspect may run
LONGEST_PAUSE: Final = 1.0  # seconds between two turns
LONGEST_BARREN: Final = 5.0  # seconds without claims, after a step that could not be run
MOST_KEPT: Final = 10  # results that are refused, before a worker claims no more
MANY: Final = 10  # deadlocks, and the like, in a row
TOLD_FOR: Final = 60.0  # seconds in which the same refusal is not told again
LARGEST_REPORT: Final = 8 << 20  # characters

# What is the matter with one of the steps of a report; anything else concerns every call.
ABOUT_REPORTS: Final = {Whose.CLAIM, Whose.NOBODY, Whose.RESULT, Whose.CALLER, Whose.OTHERS}

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Finished:
    """How an attempt ended, until the database knows."""

    job: Job
    outcome: Outcome
    alone: bool = False  # a report that it was in was refused
    blamed: int = 0  # how often, alone
    refusals: int = 0
    again_at: float = 0.0


@dataclass(slots=True, eq=False)
class Claim:
    """A batch of claimed steps, until the last of them is reported."""

    token: UUID
    beat_at: float
    jobs: dict[UUID, Job] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    finished_since: float = 0.0
    back: list[Job] = field(default_factory=list)  # to be given back

    def due(self, now: float) -> list[Finished]:
        """What one call may report now."""
        ready = [one for one in self.finished if one.again_at <= now]
        together = [one for one in ready if not one.alone]
        return _part(together) or ready[:1]


class Solitude:
    """Lets a suspect run with no other step beside it in the process: one whose last attempt was
    lost may be what ended its process, and would take its neighbours along again."""

    def __init__(self) -> None:
        self._workers: list[Worker] = []
        self._waiting: set[Worker] = set()
        self._runs: Worker | None = None
        self._lock = threading.Lock()

    def join(self, worker: Worker) -> None:
        self._workers.append(worker)

    @property
    def wanted(self) -> bool:
        """Whether nobody may claim."""
        return self._runs is not None or bool(self._waiting)

    def wait(self, worker: Worker) -> None:
        self._waiting.add(worker)

    def begin(self, worker: Worker, at_any_rate: bool) -> bool:
        """Whether the worker's suspect may run now."""
        with self._lock:
            busy = self._runs is not None or any(one.busy for one in self._workers)
            if busy and not at_any_rate:
                return False
            self._runs = worker
            self._waiting.discard(worker)
            return True

    def end(self, worker: Worker) -> None:
        with self._lock:
            self._waiting.discard(worker)
            if self._runs is worker:
                self._runs = None


@dataclass(frozen=True, slots=True)
class Report:
    """A call that was sent, and must be repeated as it was until it is answered."""

    token: UUID
    finished: list[Finished]
    limit: int


class Worker:
    """Serves one namespace. `run` blocks until `stop` was called and all is given back.

    `connect` opens the connection of the coordinator, `handlers` lends some to handlers. `two_hop`
    hands results in for others to process, instead of orchestrating in the same call. It is a pool,
    too: its slots, in which handlers run, can be resized; `factor` is the back-pressure on it.
    `died` is called when one of its threads ends by an error.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        namespace: str,
        worker: str,
        *,
        circuits: Circuits,
        handlers: Session,
        died: Callable[[str, BaseException], None],
        solitude: Solitude,
        registry: Registry = default_registry,
        bounds: PoolSettings,
        lease: timedelta = LEASE,
        two_hop: bool = False,
        listen: bool = True,
    ) -> None:
        self.name = "task_claimer"
        self.namespace = namespace
        self.worker = worker
        self.least = bounds.min
        self.most = bounds.max
        self.size = bounds.min
        self.factor = 1.0
        self.done = 0  # attempts that were reported, or completed in their own transaction
        self.failed = 0  # of these, how many failed
        self.circuit = circuits.queue
        self._queue = circuits.queue
        self._handlers = handlers
        self._died = died
        self._registry = registry
        self._lease = lease
        self._solitude = solitude
        self._suspect: Job | None = None  # waits until it may run alone, or does
        self._suspect_since = 0.0
        self._claimer = attempt.Claimer(
            *(namespace, worker, lease, self._names),
            stopping=lambda: self._stopping,
            refrains=lambda: solitude.wanted,
        )
        self._bounds = bounds
        self._two_hop = two_hop
        self._listen = listen
        own = Connection(connect, self._on_connect if listen else None)
        self._session = Session(own, circuits.database)
        self._slots = 0  # threads that were started and not told to end
        self._seconds = 0.0  # that handlers took, in sum
        self._was_answered = False
        self._turned_at = time.monotonic()
        self._unreadable: set[UUID] = set()  # claims that were made, and are to be given back
        self._told: dict[str, float] = {}  # refusals, and when
        self._refusals = 0  # of turns, in a row
        self._again_at = 0.0  # no call before, but heartbeats

        self._inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._outbox: deque[tuple[Job, Outcome | None]] = deque()
        self._claimed: deque[tuple[ClaimedStep, ...]] = deque()  # by slots
        self._bell = Bell()
        self._enough = 1  # results in the outbox that are worth waking the coordinator
        self._stopping = False
        self._was_stopping = False
        self._abandoned = False

        self._claims: dict[UUID, Claim] = {}
        self._busy: set[Job] = set()  # on their way through the slots
        self._numbers = 0  # of slots so far
        self._missing = 0  # slots held by runaway handlers and not replaced
        self._runaways: list[threading.Thread] = []
        self._threads: dict[Job, threading.Thread] = {}
        self._report: Report | None = None
        self._completing = False  # whether slots complete steps themselves, it seems
        self._slowest = math.inf  # seconds that the slowest of the last handlers took, about
        self._claim_at = 0.0  # when to ask for work without having anything to report
        self._idle_pause = bounds.poll / 1000
        self._idle_since: float | None = None
        self._idle_until = 0.0  # when the registration as an idle worker ends
        self._barren = 0  # claims in a row that were given back
        self._barren_until = 0.0  # when to claim again after these
        solitude.join(self)

    @property
    def facts(self) -> Mapping[str, str]:
        """What the log says of it, in JSON."""
        return {"worker": self.worker, "namespace": self.namespace}

    def __str__(self) -> str:
        return f"worker {self.worker} of {self.namespace}"

    # What others call

    def run(self) -> None:
        """Work until `stop` is called; then finish what runs, and give the rest back."""
        log.info("%s serves it with %d slots", self, self.size)
        try:
            self._work()
        except BaseException as error:
            self._died(f"the coordinator of {self}", error)
            self.stop()
            self._work()  # report what has finished, give back what has not started
        finally:
            for _ in range(self._slots):
                self._inbox.put(None)
            self._session.close()
        log.info("%s has stopped serving it", self)

    def resize(self, size: int) -> None:
        """Run so many handlers at a time, as soon as those that run have ended. Returns at once."""
        self.size = size
        self._bell.ring()

    def stop(self) -> None:
        """Claim no more, let handlers finish, give back what has not started. Returns at once."""
        self._stopping = True
        self._bell.ring()

    def abandon(self) -> None:
        """Report nothing any more: `run` ends though handlers run. Returns at once."""
        self._abandoned = True
        self.stop()

    @property
    def unfinished(self) -> int:
        """How many claimed steps are in this worker's hands."""
        return sum(len(claim.jobs) for claim in list(self._claims.values()))

    @property
    def unreported(self) -> int:
        """How many of these have ended, and the database does not know yet."""
        return sum(len(claim.finished) for claim in list(self._claims.values()))

    @property
    def busy(self) -> bool:
        """Whether any of these is run, or is about to be."""
        return bool(self._busy or self._claimed)

    @property
    def waiting(self) -> int:
        """How many of these no slot has started."""
        return self._inbox.qsize()

    @property
    def _third(self) -> float:
        return self._lease.total_seconds() / 3

    @property
    def poll(self) -> float:
        return scaling.poll(self._bounds.poll / 1000, self.factor)

    @property
    def idle_poll(self) -> float:
        return self._bounds.idle_poll / 1000

    @property
    def batch(self) -> int:
        return scaling.batch(self._bounds.batch, self.factor)

    def states(self, limits: health.Limits) -> list[health.Executor]:
        """How each slot is. One that a handler holds past its time, and cannot be replaced, is of
        no use; how long handlers take before that is their own affair. Without a coordinator that
        turns, all are of no use."""
        state = health.Executor.HEALTHY
        hangs = time.monotonic() - self._turned_at > limits.stuck + LONGEST_PAUSE
        if self._stopping:
            state = health.Executor.STOPPING
        elif hangs or not self.circuit.breaker.passes:
            state = health.Executor.UNHEALTHY
        elif not self._was_answered:
            state = health.Executor.STARTING
        missing = min(self._missing, self.size)
        return [health.Executor.UNHEALTHY] * missing + [state] * (self.size - missing)

    def counts(self) -> Counts:
        """What the slots have done. A handler that fails is no failure of its slot."""
        now = time.monotonic()
        running = sum(now - job.started for job in list(self._busy) if job.started is not None)
        return Counts(self.done, 0, self.done, self._seconds + running)

    # The slots

    def _start_slot(self) -> None:
        self._numbers += 1
        name = f"{self.worker} {self.namespace} {self._numbers}"
        WatchedThread(name, self._slot, self._died).start()

    def _slot(self) -> None:
        job = None
        try:
            while (job := self._inbox.get()) is not None and self._run(job):
                pass
        except BaseException:
            if job is not None and job.settle():
                self._outbox.append((job, attempt.indescribable(job)))
            raise

    def _run(self, job: Job) -> bool:
        """Run a handler. Says whether the slot goes on."""
        self._threads[job] = threading.current_thread()
        if job.cancelled.is_set():
            outcome = Outcome(None, "taken away before it started")
        else:
            outcome = attempt.run(job, self._registry, self._handlers, self._claimer)
        if outcome.claimed:
            self._claimed.append(outcome.claimed)
        if job.settle():
            self._outbox.append((job, outcome))
        elif job.replaced:
            log.warning("%s ended after it had been given up; its result is dropped", job)
            return False
        else:
            self._outbox.append((job, None))
        if len(self._outbox) >= self._enough:
            self._bell.ring()
        return True

    # The coordinator

    def _work(self) -> None:
        while not self._at_rest():
            pause, online = self._try_turn()
            try:
                self._sleep(pause, online)
            except UnavailableError as error:
                self._sleep(min(error.retry_in, LONGEST_PAUSE), online=False)

    def _try_turn(self) -> tuple[float, bool]:
        """Do what is due. How long to sleep then, and whether there is a database to listen to."""
        self._turned_at = time.monotonic()
        try:
            self._collect()
            self._give_up_late_ones()
            self._turn()
        except UnavailableError as error:
            return min(max(error.retry_in, 0.01), LONGEST_PAUSE), False
        except TaskerError as error:
            self._put_off(error)
        return self._pause(), True

    def _put_off(self, error: TaskerError) -> None:
        """Whatever was to be done is done again, later and later: none of it is lost."""
        verdict = error.verdict
        self._refusals += 1
        if isinstance(error, UnreadableError) and error.token:
            self._unreadable.add(error.token)
        if verdict.whose is Whose.MOMENT:
            pause = random.uniform(0.005, 0.05)
            if self._refusals % MANY:
                log.info("%s: %s; trying again", self, error)
            else:
                log.warning("%s: %s, %d times in a row", self, error, self._refusals)
        else:
            pause = backoff(self._refusals, random.random(), base=0.1, cap=self._most(verdict))
            self._tell(error, "trying again")
        self._again_at = time.monotonic() + pause

    def _tell(self, error: TaskerError, what: str) -> None:
        """Say once what is refused, and what is done about it."""
        self._say_once(f"{error} ({error.sqlstate}); {what}")

    def _say_once(self, what: str) -> None:
        now = time.monotonic()
        if now - self._told.get(what, -math.inf) > TOLD_FOR:
            log.error("%s: %s", self, what)
        self._told[what] = now

    def _most(self, verdict: Verdict) -> float:
        """The longest pause: shorter when there is no time any more."""
        return min(verdict.longest, LONGEST_PAUSE) if self._stopping else verdict.longest

    # The coordinator: what came back from the slots

    def _collect(self) -> None:
        now = time.monotonic()
        while self._claimed:
            self._take(self._claimed.popleft())
        while self._outbox:
            job, outcome = self._outbox.popleft()
            if outcome is None:
                self._missing -= 1
                continue
            self._busy.discard(job)
            self._end_suspect(job)
            self._threads.pop(job, None)
            if job.started is not None:
                faded = 0.98 * self._slowest if math.isfinite(self._slowest) else 0.0
                self._slowest = max(job.seconds, faded)
                self._seconds += job.seconds
            self._finished(job, outcome, now)

    def _finished(self, job: Job, outcome: Outcome, now: float) -> None:
        claim = self._claims.get(job.claimed.token)
        if claim is None or job.claimed.step_uuid not in claim.jobs:
            if job.started is not None:
                log.warning("dropped the result of %s: it was taken away meanwhile", job)
        elif outcome.given_back:
            self._say_once(f"gives steps back: {outcome.note}")
            claim.back.append(job)
            if now >= self._barren_until:
                self._barren += 1
                pause = backoff(self._barren, random.random(), base=0.5, cap=LONGEST_BARREN)
                self._barren_until = now + pause
        elif outcome.report is None:
            if outcome.note:
                log.warning("%s was %s", job, outcome.note)
            else:
                self.done += 1
                self._barren = 0
                self._completing = True
                # It may have made more ready than it claimed. Others will end in a moment, too.
                self._claim_at = min(self._claim_at, now + REPORT_DELAY)
            self._forget(claim, job)
        else:
            self._barren = 0
            if outcome.failed:
                log.warning("%s failed: %s", job, outcome.note)
            self._completing = False
            if not claim.finished:
                claim.finished_since = now
            claim.finished.append(Finished(job, outcome))

    def _forget(self, claim: Claim, job: Job) -> None:
        claim.jobs.pop(job.claimed.step_uuid, None)
        if not claim.jobs:
            self._claims.pop(claim.token, None)

    def _give_up_late_ones(self) -> None:
        """Attempts past their deadline fail; another thread takes the slot of one that hangs."""
        now = time.monotonic()
        late = [job for job in self._busy if job.started is not None and job.gives_up_at <= now]
        for job in late:
            self._runaways = [thread for thread in self._runaways if thread.is_alive()]
            job.replaced = len(self._runaways) < 4 * self.size  # each costs memory
            if not job.settle():
                continue  # it has just ended
            job.cancelled.set()
            self._busy.discard(job)
            self._end_suspect(job)
            if thread := self._threads.pop(job, None):
                self._runaways.append(thread)
            if job.replaced:
                self._start_slot()
            else:
                self._missing += 1
            self._finished(job, attempt.timed_out(job), now)

    # The coordinator: the database

    def _turn(self) -> None:
        """Everything that is due now."""
        now = time.monotonic()
        if self._stopping and not self._was_stopping:
            self._hurry(now)
        self._was_stopping = self._stopping
        self._adjust_slots()
        for claim in [claim for claim in self._claims.values() if claim.beat_at <= now]:
            self._beat(claim)
        self._give_back()
        self._run_suspect(now)
        if now < self._again_at:
            return
        reported = self._report_due(now)
        if reported or self._stopping:
            self._idle_since = None
        elif self._wanted() > 0:
            self._look_for_work(now)
        self._refusals = 0

    def _hurry(self, now: float) -> None:
        """There is not much time any more."""
        self._again_at = min(self._again_at, now)
        for claim in self._claims.values():
            for one in claim.finished:
                one.again_at = min(one.again_at, now)

    def _adjust_slots(self) -> None:
        while self._slots < self.size:
            self._slots += 1
            self._start_slot()
        while self._slots > self.size:
            self._slots -= 1
            self._inbox.put(None)  # behind what waits

    def _beat(self, claim: Claim) -> None:
        """Extend a claim, and learn which of its steps were taken away."""
        token = claim.token
        try:
            beat = self._session.call(lambda client: client.heartbeat(token, self._lease))
        except TaskerError as error:
            if error.verdict.whose is not Whose.CLAIM:
                claim.beat_at = time.monotonic() + min(LONGEST_PAUSE, self._third)
                self._tell(error, "the heartbeat is tried again")
                return
            self._collect()  # transactions of handlers may have completed it just now
            taken: Iterable[UUID] = list(claim.jobs)
            if taken:
                log.warning("%s lost %d steps: %s", self, len(claim.jobs), error)
        else:
            claim.beat_at = time.monotonic() + self._third
            taken = beat.cancelled_step_uuids
        for step_uuid in taken:
            if job := claim.jobs.get(step_uuid):
                log.info("%s was cancelled", job)
                job.cancelled.set()
                self._forget(claim, job)
        claim.finished = [kept for kept in claim.finished if kept.job in claim.jobs.values()]

    def _report_due(self, now: float) -> bool:
        """Report claims whose steps are all finished, or wait long enough. Says whether it did."""
        if self._report:
            self._send(self._report)
        due = [
            claim
            for claim in self._claims.values()
            if claim.due(now)
            and (
                len(claim.finished) == len(claim.jobs)
                or not self._busy
                or claim.finished_since + REPORT_DELAY <= now
            )
        ]
        for position, claim in enumerate(due, 1):
            while part := claim.due(now):
                last = position == len(due) and len(part) == len(claim.finished)
                self._report = Report(claim.token, part, self._wanted() if last else 0)
                self._send(self._report)
        return bool(due)

    def _send(self, report: Report) -> None:
        """Send a report. It stays, to be repeated as it is, unless the answer is about it."""
        try:
            steps = self._session.call(lambda client: self._finish(client, report), self._queue)
        except UnreadableError:
            self._reported(report)
            raise
        except TaskerError as error:
            if error.verdict.whose not in ABOUT_REPORTS:
                raise
            self._report = None  # nothing of it was done
            if len(report.finished) > 1:
                log.info("%s: %s; reporting one by one", self, error)
                for one in report.finished:
                    one.alone = True
            else:
                self._refused(report, report.finished[0], error)
            return
        self._reported(report)
        if steps is not None:
            self._answered(len(steps), report.limit)
            self._take(steps)

    def _finish(self, client: Client, report: Report) -> Sequence[ClaimedStep] | None:
        outcomes = JsonText(f"[{','.join(one.outcome.report or '' for one in report.finished)}]")
        if not self._two_hop:
            return client.finish_and_claim(
                *(self.namespace, self.worker, report.token, outcomes, report.limit, self._lease),
                handlers=self._names(),
                context_once=True,
            )
        client.submit_step_results(report.token, outcomes)
        if not report.limit:
            return None
        return self._claim(client, report.limit)

    def _claim(self, client: Client, limit: int) -> list[ClaimedStep]:
        names = self._names()
        return client.claim_steps(
            self.namespace, self.worker, limit, self._lease, names, context_once=True
        )

    def _names(self) -> list[str]:
        """What it can run."""
        return [*self._registry.names, ALL_SQL]

    def _refused(self, report: Report, one: Finished, error: TaskerError) -> None:
        """The report of one step was refused. It is dropped when somebody else has the step; the
        step fails when its result alone is to blame; else it is kept, and sent again."""
        job, verdict = one.job, error.verdict
        if verdict.whose is Whose.CLAIM:
            why = self._session.call(
                lambda client: attempt.count_late_write(job, client, self.worker)
            )
            log.warning("dropped the result of %s: %s", job, why or error)
            self._reported(report, count=False)
        elif verdict.whose is Whose.NOBODY:
            self._reported(report)
        elif verdict.whose is Whose.RESULT and one.blamed < 2:
            one.alone, one.blamed = True, one.blamed + 1
            if one.blamed == 2:
                one.outcome = attempt.refused(job, error)
                log.warning("%s failed: %s", job, one.outcome.note)
        else:
            one.alone = True
            one.refusals += 1
            pause = backoff(one.refusals, random.random(), base=0.1, cap=self._most(verdict))
            one.again_at = time.monotonic() + pause
            self.circuit.troubles.note("reports_refused", str(error), time.monotonic())
            self._tell(error, "results are kept, and sent again")

    def _reported(self, report: Report, *, count: bool = True) -> None:
        self._report = None
        claim = self._claims.get(report.token)
        if claim is not None:
            claim.finished = [one for one in claim.finished if one not in report.finished]
            for one in report.finished:
                self._forget(claim, one.job)
        if count:
            self.done += len(report.finished)
            self.failed += sum(one.outcome.failed for one in report.finished)

    def _look_for_work(self, now: float) -> None:
        """Claim when it is time to; register as idle when there was nothing for a moment."""
        limit = self._wanted()
        if now >= self._claim_at:
            steps = self._session.call(
                lambda client: self._claim(client, limit),
                self._queue,
            )
            self._answered(len(steps), limit)
            self._take(steps)
            if steps:
                self._idle_since = None
                return
        if self._idle_since is None:
            self._idle_since = now
        elif self._listen and now - self._idle_since >= LINGER and now >= self._idle_until:
            self._session.call(
                lambda client: client.await_work([self.namespace], self.worker, IDLE_FOR),
                self._queue,
            )
            self._idle_until = now + IDLE_FOR.total_seconds()
            self._claim_at = now  # work may have come in between

    def _answered(self, steps: int, limit: int) -> None:
        """Fewer than asked for: the queue is empty. Ask again when notified, or in a while."""
        self._was_answered = True
        if steps:
            self._idle_pause = self.poll
        elif limit and self._listen:  # new work wakes it
            self._idle_pause = scaling.idle(self._idle_pause, self.poll, self.idle_poll)
        if limit:
            self._claim_at = time.monotonic() + (self._idle_pause if steps < limit else 0.0)

    def _take(self, steps: Iterable[ClaimedStep]) -> None:
        """Give newly claimed steps to the slots."""
        now = time.monotonic()
        for step in steps:
            claim = self._claims.get(step.token)
            if claim is None:
                claim = Claim(step.token, now + self._third)
                self._claims[step.token] = claim
            job = Job(step, self.worker)
            claim.jobs[step.step_uuid] = job
            if step.attempt == 1 or not self._was_lost(step):
                self._busy.add(job)
                self._inbox.put(job)
            elif self._suspect is None:
                self._suspect, self._suspect_since = job, now
                self._solitude.wait(self)
            else:
                claim.back.append(job)

    def _was_lost(self, step: ClaimedStep) -> bool:
        """Whether the attempt before ended without a report, and does not still run here."""
        if any(job.claimed.step_uuid == step.step_uuid for job in self._busy):
            return False
        with suppress(TaskerError, UnavailableError):
            attempts = self._session.call(methodcaller("step_attempts", step.step_uuid))
            return len(attempts) > 1 and attempts[-2].outcome == "lost"
        return False

    def _run_suspect(self, now: float) -> None:
        """Give a slot its suspect, as soon as nothing else runs, or after the time of a lease."""
        job = self._suspect
        if job is None or job in self._busy:
            return
        claim = self._claims.get(job.claimed.token)
        if claim is None or job not in claim.jobs.values():
            self._end_suspect(job)
        elif self._stopping:
            self._end_suspect(job)
            claim.back.append(job)
        elif self._solitude.begin(self, now - self._suspect_since > self._lease.total_seconds()):
            self._busy.add(job)
            self._inbox.put(job)

    def _end_suspect(self, job: Job) -> None:
        if job is self._suspect:
            self._suspect = None
            self._solitude.end(self)

    def _wanted(self) -> int:
        """How many steps to ask for: what free slots can take, and more while all are short."""
        if self._stopping or self._solitude.wanted or time.monotonic() < self._barren_until:
            return 0
        if sum(one.refusals > 0 for c in self._claims.values() for one in c.finished) > MOST_KEPT:
            return 0
        ahead = 0.0 if self._completing else PREFETCH / max(self._slowest, 1e-6)
        room = (self.size - self._missing) * max(1.0, ahead)
        return max(0, min(self.batch, int(room)) - len(self._busy))

    def _give_back(self) -> None:
        """Give steps back that have to go and, when it stops, those that have not started."""
        if self._stopping:
            with suppress(Empty):
                while True:
                    self._set_back(self._inbox.get_nowait())
        for token in list(self._unreadable):
            self._session.call(methodcaller("release_claim", token))
            self._unreadable.discard(token)
        for claim in [claim for claim in self._claims.values() if claim.back]:
            back = [job.claimed.step_uuid for job in claim.back]
            self._session.call(methodcaller("release_claim", claim.token, back))
            log.info("%s gave %d steps back", self, len(back))
            for job in claim.back:
                self._forget(claim, job)
            claim.back.clear()

    def _set_back(self, job: Job | None) -> None:
        if job is not None:
            self._busy.discard(job)
            self._end_suspect(job)
            if claim := self._claims.get(job.claimed.token):
                claim.back.append(job)

    def _at_rest(self) -> bool:
        at_rest = not (self._busy or self._claims or self._report or self._claimed)
        return self._abandoned or (self._stopping and at_rest)

    # The coordinator: waiting

    def _on_connect(self, client: Client) -> None:
        client.listen(channel(self.worker))
        self._idle_until = 0.0

    def _pause(self) -> float:
        """Seconds until something is due."""
        if self._unreadable:
            return 0.0
        now = time.monotonic()
        due = [now + (SOON if self._suspect or self._solitude.wanted else LONGEST_PAUSE)]
        due += [claim.beat_at for claim in self._claims.values()]
        due += [job.gives_up_at for job in self._busy]
        if self._barren_until > now:
            due.append(self._barren_until)
        if self._again_at > now:
            return min(self._again_at, *due) - now
        for claim in self._claims.values():
            soon = claim.finished_since + REPORT_DELAY
            due += [max(soon, one.again_at) for one in claim.finished]
        if self._wanted() > 0:
            due.append(self._claim_at)
            if self._listen and now >= self._idle_until:
                due.append(now + LINGER)
        return min(due) - now

    def _sleep(self, seconds: float, online: bool) -> None:
        """Sleep until a slot, the database or an operator has news, or the seconds have passed."""
        # While some results wait to be reported with others, only the last one is news.
        gathering = any(claim.finished for claim in self._claims.values())
        self._enough = max(1, len(self._busy)) if gathering else 1
        self._bell.sleeping = True
        try:
            news = self._abandoned or (self._stopping and not self._was_stopping)
            if len(self._outbox) >= self._enough or seconds <= 0 or news:
                return
            if not online:
                self._bell.wait(seconds)
            elif self._session.wait(seconds, self._bell.fileno()):
                self._claim_at = 0.0
                self._idle_until = 0.0
        finally:
            self._bell.hush()


def _part(finished: list[Finished]) -> list[Finished]:
    """As many as one call may carry, at least one."""
    size = 0
    for count, one in enumerate(finished):
        size += len(one.outcome.report or "")
        if count and (size > LARGEST_REPORT or count >= 1000):
            return finished[:count]
    return list(finished)
