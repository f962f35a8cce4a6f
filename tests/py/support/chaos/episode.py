"""From an empty database to the judge's findings."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial

import psycopg
from servers import Server

from chaos.arena import SECONDS, Arena, ChaosError
from chaos.judge import Verdict, judge, pulse
from chaos.kinds import Fault
from chaos.ledger import now
from chaos.workload import Workload
from chaos.zygote import Zygote
from tasker_sql.schema import truth

RUNNERS = 2
WORKERS = 2
FORGETFUL = """
create or replace function tasker._recovery_grace () returns interval language sql immutable
as $$ select make_interval(secs => {}) $$
"""
UNAVAILABLE = (  # what the feeder may meet while faults are about
    psycopg.OperationalError,
    psycopg.errors.UndefinedTable,  # in the middle of a restore
    psycopg.errors.ReadOnlySqlTransaction,  # a standby that is not promoted yet
)
ENDED = "select count(*) from tasker.steps where finished_at is not null"
WHY_NOT = """
select open.task_uuid::text, why.*
  from (select task_uuid from tasker.tasks where finished_at is null limit 3) as open
 cross join lateral tasker.explain_task(open.task_uuid) as why
"""
CALM = """
select not exists (select from tasker.claims)
   and not exists (select from tasker.submissions)
   and not exists (select from tasker.check_invariants())
"""


@dataclass(frozen=True)
class Plan:
    """What an episode is to be."""

    seed: int
    faults: Mapping[str, int]  # how many of each kind
    steps: int = 500
    lease: float = 3.0  # long enough for a busy machine
    sweep_period: float = 0.2
    patience: float = SECONDS  # for what has to happen
    slack: float = 10.0  # times the bound that recovery may take: where others are at work, too
    sabotage: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # function: old, new


def play(plan: Plan, kinds: Mapping[str, type[Fault]], zygote: Zygote, server: Server) -> Verdict:
    """Play an episode to its end. Whatever goes wrong in it is a finding, and raises nothing."""
    verdict = Verdict(plan.seed)
    begun = now()
    try:
        with ExitStack() as stack:
            faults = {name: kinds[name]() for name in plan.faults}
            own = [fault for fault in faults.values() if fault.own_server]
            if own:
                server = own[0].server()
                stack.callback(server.close)
                server.create("chaos", server.migrated)
                dsn = server.embedded.url("chaos")
            else:
                dsn = stack.enter_context(server.database(server.migrated))
            arena = Arena(
                *(zygote, server, dsn, plan.seed),
                lease=plan.lease,
                sweep_period=plan.sweep_period,
                patience=plan.patience,
            )
            stack.callback(arena.close)
            Episode(plan, arena, faults, verdict).play()
    except Exception:
        verdict.findings.append(traceback.format_exc())
    verdict.seconds = now() - begun
    return verdict


class Episode:
    def __init__(
        self, plan: Plan, arena: Arena, faults: Mapping[str, Fault], verdict: Verdict
    ) -> None:
        self.plan, self.arena, self.faults, self.verdict = plan, arena, faults, verdict
        self.workload = Workload(arena)
        self.over = threading.Event()  # faults and work
        self.threads: list[threading.Thread] = []

    def play(self) -> None:
        self.guard("prepare", self.prepare)
        if not self.verdict.findings:
            self.guard("run", self.run)
        self.over.set()
        self.arena.kill_all()
        for thread in self.threads:
            thread.join()
        for fault in self.faults.values():
            self.guard("clean up", lambda fault=fault: fault.clean_up(self.arena))  # type: ignore[misc]
        judge(self.arena, self.workload, self.verdict, self.plan.slack)

    def prepare(self) -> None:
        self.arena.rows(FORGETFUL.format(self.arena.bound))
        texts = truth.read()
        for name, (old, new) in self.plan.sabotage.items():
            text = texts[name]
            assert text.count(old) == 1, f"{name} has no such place: {old}"
            self.arena.rows(text.replace(old, new))
        self.workload.prepare()
        for fault in self.faults.values():
            fault.prepare(self.arena)

    def run(self) -> None:
        arena = self.arena
        arena.runners += [arena.hire("runner", two_hop=bool(one)) for one in range(RUNNERS)]
        arena.workers += [arena.hire("worker", batch=1 + 4 * one) for one in range(WORKERS)]
        background = [self.thread("feed", self.feed), self.thread("look", self.look)]
        injecting = [
            self.thread(name, lambda name=name: self.inject(name))  # type: ignore[misc]
            for name in self.plan.faults
        ]
        for thread in injecting:
            thread.join()
        self.go_on(
            lambda: self.workload.steps >= self.plan.steps,
            lambda: self.workload.steps,
            "there are enough tasks",
        )
        self.over.set()
        for thread in background:
            thread.join()
        self.settle()

    def inject(self, name: str) -> None:
        self.faults[name].run(self.arena, self.plan.faults[name])

    def feed(self) -> None:
        """See to it that there is always something to do."""
        while not self.over.wait(0.01):
            try:
                self.workload.feed()
            except UNAVAILABLE:
                self.over.wait(0.05)

    def look(self) -> None:
        """No committed snapshot may show a broken safety invariant."""
        while not self.over.wait(1.0):
            with suppress(psycopg.OperationalError):
                self.verdict.findings += pulse(self.arena)

    def settle(self) -> None:
        """No more faults: everything must come to its end."""
        arena = self.arena
        try:
            self.go_on(lambda: self.workload.ended, lambda: arena.one(ENDED), "every task ends")
        except ChaosError as error:
            raise ChaosError(f"{error}; {arena.rows(WHY_NOT)}") from None
        arena.wait(lambda: arena.one(CALM), "nothing is left lying about")
        for member in [*arena.runners, *arena.workers]:
            arena.dismiss(member)
        codes = {line["worker"]: line["code"] for line in arena.ledger.lines("exit")}
        for member in arena.runners:
            if codes.get(member.name) != 0:
                self.verdict.findings.append(f"{member.name} ended with {codes.get(member.name)}")

    def go_on(self, ended: Callable[[], bool], count: Callable[[], int], what: str) -> None:
        """Wait for the end, as long as there is progress: a busy machine may take its time."""

        def look() -> tuple[bool, int]:
            return ended(), count()

        def look_for_news(seen: int) -> tuple[bool, int] | None:
            over, now_seen = look()
            return (over, now_seen) if over or now_seen > seen else None

        over, seen = self.arena.wait(look, what)
        while not over:
            over, seen = self.arena.wait(partial(look_for_news, seen), what)

    def thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self.guard, args=(name, work), name=name)
        self.threads.append(thread)
        thread.start()
        return thread

    def guard(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            self.verdict.findings.append(f"{name}: {traceback.format_exc()}")
