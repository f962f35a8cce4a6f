"""What the processes of an episode do, each until it is killed.

A runner is the real one. A worker claims over the real client, writes its business effect in the
transaction that completes the step, and applies one order, such as to die in a certain phase:

    claiming   it has the steps, but the transaction of the claim is still open
    claimed    the claim is committed
    handler    the handler runs
    written    the business write is made, nothing else
    completed  the step is completed too, and nothing is committed
    committed  all is committed, and the worker has not read the answer

Both say in the ledger, outside of the database, which steps they start.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import random
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from running import configured

from chaos.ledger import Ledger, watch
from tasker_sql import connection as connections
from tasker_sql.client import Client, Connection, connect
from tasker_sql.errors import (
    BusyError,
    PermanentError,
    RetryableError,
    StaleClaimError,
    TaskerError,
    UnavailableError,
)
from tasker_sql.ops.orchestrator import OrchestrationCore
from tasker_sql.rows import ClaimedStep
from tasker_sql.worker import attempt, handlers, outcomes
from tasker_sql.worker.handlers import Registry, Step
from tasker_sql.worker.slots import Slots

T = TypeVar("T")

MODULUS = 1_000_003
EFFECT = "insert into public.effects (step_uuid, token, worker) values (%s, %s, %s)"


@dataclass(frozen=True)
class Order:
    """What a worker does to itself, once, when it comes to that phase with steps in its hands."""

    action: str  # die, freeze
    phase: str
    after: int = 0  # steps that it does before


@dataclass(frozen=True)
class Spec:
    """A process to be."""

    name: str
    role: str  # runner, worker
    dsn: str
    ledger: str
    lease: float
    sweep_period: float
    namespaces: tuple[str, ...] = ("alpha", "beta")
    two_hop: bool = False  # of a runner
    batch: int = 1  # steps that a worker takes at a time
    order: Order | None = None
    habit: str = ""  # "gives back", "repeats"
    clock: float = 0.0  # seconds that its wall clock is wrong by
    slow: float = 0.0  # seconds that each handler takes at least
    limit: str = ""  # a setting, which is 200 ms for the calls of a runner

    @property
    def stacks(self) -> str:
        """The file in which it says on SIGUSR1 what its threads are at."""
        return f"{self.ledger}.{self.name}.stacks"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Spec:
        order = given.pop("order")
        given["namespaces"] = tuple(given["namespaces"])
        return cls(**given, order=order and Order(**order))


class PlannedError(RetryableError):
    """A failure that the template asks for."""


class HopelessError(PermanentError):
    """A failure for good that the template asks for."""


def main(spec: Spec) -> None:
    logging.getLogger().addHandler(logging.NullHandler())  # faults make much noise
    faulthandler.register(signal.SIGUSR1, os.open(spec.stacks, os.O_WRONLY | os.O_CREAT))
    ledger = Ledger(Path(spec.ledger))
    threading.Thread(target=watch, args=(spec.name, ledger), daemon=True).start()
    if spec.clock:
        _set_clock(spec.clock)
        ledger.write("clock", worker=spec.name, time=time.time())
    try:
        if spec.role == "runner":
            _run(spec, ledger)
        else:
            Worker(spec, ledger).run()
    except BaseException:
        ledger.write("defect", worker=spec.name, traceback=traceback.format_exc())


def handle(step: ClaimedStep | Step, results: dict[str, Any], slow: float) -> dict[str, int]:
    """What every handler does: fail as planned, else add up what the parents made."""
    if slow:
        time.sleep(slow)
    if step.attempt <= step.config.get("failures", 0):
        raise PlannedError("as planned", retry_after=0.01)
    if step.config.get("fails"):
        raise HopelessError("as planned")
    values = [parent["value"] for parent in results.values() if parent]
    return {"value": (1 + sum(values)) % MODULUS}


def until_free(call: Callable[[], object]) -> None:
    """Make a call again and again, as long as others hold the rows that it needs."""
    while True:
        try:
            call()
            return
        except BusyError:
            time.sleep(0.01)


def _set_clock(seconds: float) -> None:
    """Set what this process takes for the time of day."""
    real = time.time

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Wrong:
            return cls.fromtimestamp(time.time(), tz)

    time.time = lambda: real() + seconds
    time.time_ns = lambda: int((real() + seconds) * 1e9)
    for module in (attempt, outcomes, handlers):
        vars(module)["datetime"] = Wrong


# The runner


class Diary(logging.Handler):
    """Keeps in the ledger what a runner logs."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        super().__init__(logging.INFO)
        self._worker, self._ledger = name, ledger

    def emit(self, record: logging.LogRecord) -> None:
        if "sweep: " not in record.getMessage():
            text = record.getMessage()
            self._ledger.write("log", worker=self._worker, level=record.levelname, text=text)


def _run(spec: Spec, ledger: Ledger) -> None:
    log = logging.getLogger("tasker_sql")
    log.setLevel(logging.INFO)
    log.addHandler(Diary(spec.name, ledger))
    log.propagate = False

    running = threading.local()
    really_run = Slots._outcome

    def run(slots: Slots, one: attempt.Attempt) -> outcomes.Outcome:
        if not one.cancelled.is_set():
            running.step = one.step
            _started(ledger, spec.name, one.step)
        return really_run(slots, one)

    setattr(Slots, "_outcome", run)  # every start goes through it  # noqa: B010
    if spec.limit:
        limit = f"('{spec.limit}', '200ms')".encode()
        wanted = rf"\('{spec.limit}', '\w+'\)".encode()
        chosen, count = re.subn(wanted, limit, connections.OUR_SETTINGS)
        assert count == 1, "no such setting"
        vars(connections)["OUR_SETTINGS"] = chosen
    registry = Registry()

    @registry.handler("plain")
    def plain(step: Step) -> dict[str, Any]:
        return {**handle(step, step.results, spec.slow), "by": "handler"}

    @registry.handler("effect", transactional=True)
    def effect(step: Step, connection: Connection) -> dict[str, Any]:
        connection.execute(EFFECT, [step.step_uuid, running.step.token, spec.name])
        return {**handle(step, step.results, spec.slow), "by": "transaction"}

    sweeps = {
        f"executor_pools.{name}.poll": spec.sweep_period * 1000
        for name in ("step_enqueuer", "task_finalizer")
    }
    settings = configured(
        *(spec.dsn, spec.namespaces, sweeps),
        slots=3,
        lease=spec.lease,
        two_hop=spec.two_hop,
        stop_within=10.0,
    )
    code = OrchestrationCore(settings, registry, spec.name).run()
    ledger.write("exit", worker=spec.name, code=int(code))


def _started(ledger: Ledger, worker: str, step: ClaimedStep) -> None:
    ledger.write(
        "start", step=step.step_uuid, token=step.token, attempt=step.attempt, worker=worker
    )


# The worker


class Worker:
    def __init__(self, spec: Spec, ledger: Ledger) -> None:
        self.spec, self.ledger = spec, ledger
        self.order = spec.order
        self.random = random.Random(spec.name)
        self.lease = timedelta(seconds=spec.lease)
        self.done = 0
        self.stopping = False
        self._client: Client | None = None

    def run(self) -> None:
        """Work until SIGTERM; then end between two turns."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))
        turn = {"gives back": self.give_back, "repeats": self.repeat}.get(self.spec.habit)
        turn = turn or self.work
        while not self.stopping:
            try:
                turn()
            except UnavailableError:
                self.hang_up()
                time.sleep(0.05)
            except BusyError:
                time.sleep(0.01)
            except StaleClaimError as error:
                self.say("refused", error=str(error))
            except TaskerError as error:
                self.say("error", sqlstate=error.sqlstate, error=str(error))
                time.sleep(0.05)

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = connect(self.spec.dsn, self.spec.name)
        return self._client

    def hang_up(self) -> None:
        if self._client:
            self._client.close()
        self._client = None

    def say(self, what: str, **facts: Any) -> None:
        self.ledger.write(what, worker=self.spec.name, **facts)

    def phase(self, name: str, steps: Sequence[ClaimedStep]) -> None:
        """Follow the order, if it is for this phase."""
        if not (self.due and self.order and self.order.phase == name and steps):
            return
        facts = {"phase": name, "token": steps[0].token, "steps": [one.step_uuid for one in steps]}
        if self.order.action == "die":
            self.say("dying", **facts)
            os.kill(os.getpid(), signal.SIGKILL)
        self.order = None
        self.say("frozen", **facts)
        os.kill(os.getpid(), signal.SIGSTOP)
        self.say("thawed", **facts)

    @property
    def due(self) -> bool:
        return self.order is not None and self.done >= self.order.after

    # As a worker should

    def work(self) -> None:
        """Claim some steps, and finish them together; or one by one when that is refused."""
        steps = self.claim()
        self.phase("claimed", steps)
        ready: list[tuple[ClaimedStep, dict[str, Any]]] = []
        for step in steps:
            if result := self.attempt(step):
                ready.append((step, result))
        if not ready:
            time.sleep(0.0 if steps else 0.01)
            return
        try:
            self.finish(ready)
        except StaleClaimError as error:
            self.say("refused", token=steps[0].token, error=str(error))
            if len(ready) > 1:
                for one in ready:
                    self.finish_alone(one)
        self.done += len(ready)

    def claim(self) -> list[ClaimedStep]:
        namespace = self.random.choice(self.spec.namespaces)
        arguments = (namespace, self.spec.name, self.spec.batch, self.lease)
        if not (self.due and self.order and self.order.phase == "claiming"):
            return self.client.claim_steps(*arguments)
        with self.client.transaction():
            steps = self.client.claim_steps(*arguments)
            self.phase("claiming", steps)
        return steps

    def attempt(self, step: ClaimedStep) -> dict[str, Any] | None:
        """Run the handler. Nothing when it failed, which is reported."""
        _started(self.ledger, self.spec.name, step)
        self.phase("handler", [step])
        try:
            return {**handle(step, step.dependency_results, self.spec.slow), "by": "transaction"}
        except (PlannedError, HopelessError) as error:
            report = {"type": type(error).__name__, "message": str(error)}
            retryable = isinstance(error, PlannedError)
            self.fail(step, report, retryable)
            return None

    def fail(self, step: ClaimedStep, error: dict[str, str], retryable: bool) -> None:
        try:
            self.client.fail_step(
                step.step_uuid, step.token, error, retryable, timedelta(milliseconds=10)
            )
        except StaleClaimError as refusal:
            self.say("refused", token=step.token, error=str(refusal))

    def finish(self, ready: Sequence[tuple[ClaimedStep, dict[str, Any]]]) -> None:
        """Write the effects and complete the steps, in one transaction.

        One that loses the connection does not know whether it was committed. An attempt that is
        reported as failed then is refused if it was.
        """
        steps = [step for step, _ in ready]
        try:
            until_free(lambda: self.commit(steps, [result for _, result in ready]))
            uuids = [step.step_uuid for step in steps]
            self.say("confirmed", token=steps[0].token, steps=uuids)
        except UnavailableError as error:
            report = {"type": "Unavailable", "message": str(error)}
            for step in steps:
                self.reach(lambda step=step: self.fail(step, report, retryable=True))

    def finish_alone(self, one: tuple[ClaimedStep, dict[str, Any]]) -> None:
        try:
            self.finish([one])
        except StaleClaimError as error:
            self.say("refused", token=one[0].token, error=str(error))

    def reach(self, call: Any) -> None:
        """Make a call that may be repeated until it is answered."""
        while True:
            try:
                until_free(call)
                return
            except UnavailableError:
                self.hang_up()
                time.sleep(0.05)

    def commit(self, steps: Sequence[ClaimedStep], results: Sequence[dict[str, Any]]) -> None:
        if self.due and self.order and self.order.phase == "committed":
            self.commit_unheard(steps, results)
            return
        with self.client.transaction() as connection:
            self.complete(connection, steps, results)

    def complete(
        self,
        connection: Connection,
        steps: Sequence[ClaimedStep],
        results: Sequence[dict[str, Any]],
    ) -> None:
        token = steps[0].token
        for step in steps:
            connection.execute(EFFECT, [step.step_uuid, token, self.spec.name])
        self.phase("written", steps)
        if len(steps) == 1:
            self.client.complete_step(steps[0].step_uuid, token, results[0])
        else:
            outcomes = [
                {"step_uuid": str(step.step_uuid), "result": result}
                for step, result in zip(steps, results, strict=True)
            ]
            self.client.finish_and_claim(
                self.spec.namespaces[0],
                self.spec.name,
                token,
                outcomes,
                0,
                self.lease,
            )
        self.phase("completed", steps)

    def commit_unheard(
        self, steps: Sequence[ClaimedStep], results: Sequence[dict[str, Any]]
    ) -> None:
        """Send COMMIT, and look over another connection until it is applied."""
        self.hang_up()
        connection = self.client._source
        assert isinstance(connection, psycopg.Connection)
        try:
            connection.execute("begin")
            self.complete(connection, steps, results)
            connection.pgconn.send_query(b"commit")
            query = "select from tasker.steps where claim_token = %s and state = 'complete'"
            with psycopg.connect(self.spec.dsn, autocommit=True) as watching:
                while watching.execute(query, [steps[0].token]).rowcount < len(steps):
                    time.sleep(0.005)
        except psycopg.Error as error:
            raise UnavailableError(str(error)) from error
        else:
            self.phase("committed", steps)
        finally:
            self.hang_up()

    # As no worker should

    def give_back(self) -> None:
        """Claim, and give back."""
        steps = self.claim()
        if not steps:
            time.sleep(0.01)
            return
        back = self.client.release_claim(steps[0].token)
        self.say("gave back", token=steps[0].token, steps=[step.step_uuid for step in back])
        time.sleep(0.02)

    def repeat(self) -> None:
        """Work, and make every call again as if its answer had been lost."""
        namespace = self.random.choice(self.spec.namespaces)
        steps = self.client.claim_steps(namespace, self.spec.name, self.spec.batch, self.lease)
        if not steps:
            time.sleep(0.01)
            return
        token = steps[0].token
        outcomes: list[dict[str, Any]] = []
        for step in steps:
            _started(self.ledger, self.spec.name, step)
            outcome: dict[str, Any] = {"step_uuid": str(step.step_uuid)}
            try:
                outcome["result"] = handle(step, step.dependency_results, self.spec.slow)
            except (PlannedError, HopelessError) as error:
                outcome["error"] = {"type": type(error).__name__, "message": str(error)}
                outcome["retryable"] = isinstance(error, PlannedError)
            outcomes.append(outcome)
        verb = self.random.choice(["finish_and_claim", "complete_step", "submit_step_results"])
        self.twice(
            "heartbeat", lambda: self.client.heartbeat(token, self.lease).cancelled_step_uuids
        )
        if verb == "submit_step_results":
            self.client.submit_step_results(token, outcomes)
            self.twice(verb, lambda: self.client.submit_step_results(token, outcomes))
        elif verb == "finish_and_claim":
            given = (namespace, self.spec.name, token, outcomes, self.spec.batch, self.lease)
            new = self.twice(
                verb,
                lambda: [
                    (step.token, step.step_uuid) for step in self.client.finish_and_claim(*given)
                ],
            )
            if new:
                self.client.release_claim(new[0][0])
                self.twice("release_claim", lambda: self.client.release_claim(new[0][0]))
        else:
            for step, outcome in zip(steps, outcomes, strict=True):
                self.twice(verb, partial(self.finish_one, step, outcome))
        self.done += len(steps)

    def finish_one(self, step: ClaimedStep, outcome: dict[str, Any]) -> str:
        if "error" in outcome:
            retryable = outcome["retryable"]
            error = outcome["error"]
            return self.client.fail_step(step.step_uuid, step.token, error, retryable).step_state
        result = outcome["result"]
        return self.client.complete_step(step.step_uuid, step.token, result, repeat=True).step_state

    def twice(self, name: str, call: Callable[[], T]) -> T:
        """Make a call, and make it again as if there had been no answer; it must be the same."""
        first, second = call(), call()
        self.say("repeated" if first == second else "wrong", call=name, first=first, second=second)
        return first
