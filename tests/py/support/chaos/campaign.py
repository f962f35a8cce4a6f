"""Many episodes: which faults each has, in what order, and what came of all of them together."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

import servers
from servers import Server

from chaos.episode import Plan, play
from chaos.judge import Verdict
from chaos.kinds import Fault
from chaos.zygote import Zygote

MORE = 2  # kinds that an episode may have besides the one that it is named after


def plan(seed: int, kinds: Mapping[str, type[Fault]], steps: int, each: int) -> Plan:
    """The episode of that seed: `each` faults of a kind that goes round with the seed, and fewer
    of up to two others, unless it must be alone. The same kinds and numbers make the same.
    """
    dice = random.Random(seed)
    names = sorted(kinds)
    first = names[seed % len(names)]
    others = [name for name in names if name != first and not kinds[name].is_alone()]
    if kinds[first].is_alone():
        others = []
    chosen = dice.sample(others, min(len(others), dice.randint(0, MORE)))
    counts = {first: each, **dict.fromkeys(chosen, each / 2)}
    faults = {name: share(kinds[name], count) for name, count in counts.items()}
    return Plan(seed, faults, steps, slack=1.0)


def share(kind: type[Fault], count: float) -> int:
    """How many of a kind to ask for, where `count` of the usual kind would be."""
    return max(1, round(count * kind.rate))


def run(
    plans: Iterable[Plan],
    kinds: Mapping[str, type[Fault]],
    at_once: int,
    report: Callable[[Plan, Verdict], None] = lambda *_: None,
) -> list[Verdict]:
    """Play the episodes, some at a time. `report` hears of each as it ends."""
    server = Server(servers.MAJORS[0], {"max_connections": "400"})
    server.migrated  # noqa: B018  made once, before anybody copies it
    zygote = Zygote()
    try:
        with ThreadPoolExecutor(at_once) as pool:
            playing = {pool.submit(play, one, kinds, zygote, server): one for one in plans}
            try:
                for ended in as_completed(playing):
                    report(playing[ended], ended.result())
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
            return [ended.result() for ended in playing]
    finally:
        zygote.close()
        server.close()


@dataclass
class Total:
    """The results of all episodes."""

    verdicts: Sequence[Verdict]
    landed: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self.landed = self.sum("landed")
        self.missed = self.sum("missed")
        self.explained = self.sum("explained")
        self.steps = sum(verdict.steps for verdict in self.verdicts)
        self.starts = sum(verdict.starts for verdict in self.verdicts)
        self.repeated = sum(verdict.repeated for verdict in self.verdicts)
        self.findings = [
            f"seed {verdict.seed}: {finding}"
            for verdict in self.verdicts
            for finding in verdict.findings
        ]

    def sum(self, name: str) -> Counter[str]:
        return sum((getattr(verdict, name) for verdict in self.verdicts), Counter())

    def recovery(self, kind: str) -> float | None:
        """The longest that it took until a step moved again, in seconds."""
        known = [verdict.recovery[kind] for verdict in self.verdicts if kind in verdict.recovery]
        return max(known, default=None)

    def steps_under(self, kind: str) -> int:
        """Steps of the episodes that had such faults."""
        return sum(verdict.steps for verdict in self.verdicts if verdict.landed[kind])

    def table(self) -> str:
        """All figures, a kind a line."""
        lines = [f"{'kind':<66} landed missed   steps again recovery"]
        for kind in sorted(self.landed | self.missed | self.explained):
            longest = self.recovery(kind)
            lines.append(
                f"{kind:<66} {self.landed[kind]:6} {self.missed[kind]:6} "
                f"{self.steps_under(kind):7} {self.explained[kind]:5} "
                + ("        " if longest is None else f"{longest:6.2f} s")
            )
        lines.append(
            f"{len(self.verdicts)} episodes, {len(self.landed)} kinds, "
            f"{self.landed.total()} faults landed, {self.missed.total()} missed, "
            f"{self.steps} steps, {self.starts} handlers started, {self.repeated} in vain, "
            f"{self.explained.total()} of these explained"
        )
        return "\n".join(lines)
