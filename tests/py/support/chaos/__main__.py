"""The long run: `python -m chaos`. It prints what has landed, and how to repeat what went wrong."""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
import time

import evidence

from chaos import campaign
from chaos.episode import Plan
from chaos.judge import Verdict
from chaos.kinds import load

# What a run must reach to be recorded.
KINDS, LANDED, STEPS = 20, 2_000, 500_000


def main() -> int:
    kinds = load()
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(kinds), help="only these kinds")
    parser.add_argument("--seed", type=int, default=1, help="of the first episode")
    parser.add_argument("--episodes", type=int, help="how many; default: until all is reached")
    parser.add_argument("--steps", type=int, default=2_000, help="of an episode, at least")
    parser.add_argument("--faults", type=int, default=8, help="of the first kind of an episode")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="episodes at a time; default: one a core"
    )
    asked = parser.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())  # faults make much noise
    if asked.only:
        kinds = {name: kinds[name] for name in asked.only}
    count = asked.episodes or -(-STEPS // asked.steps)
    begun = time.monotonic()
    done = itertools.count(1)

    def report(plan: Plan, verdict: Verdict) -> None:
        what = ", ".join(f"{landed} {kind}" for kind, landed in verdict.landed.items())
        print(
            f"{time.monotonic() - begun:6.0f} s  {next(done)}/{count}  seed {plan.seed}: "
            f"{verdict.steps} steps in {verdict.seconds:.0f} s; {what or 'no faults'}",
            flush=True,
        )
        for finding in verdict.findings:
            print(f"    FINDING {finding}", flush=True)

    plans = [
        campaign.plan(seed, kinds, asked.steps, asked.faults)
        for seed in range(asked.seed, asked.seed + count)
    ]
    total = campaign.Total(campaign.run(plans, kinds, asked.jobs, report))
    seconds = time.monotonic() - begun
    print(total.table())
    print(f"{seconds:.0f} s")
    if total.findings:
        only = "".join(f" --only '{name}'" for name in asked.only or ())
        seeds = sorted({verdict.seed for verdict in total.verdicts if verdict.findings})
        print(f"{len(total.findings)} findings, in the episodes {seeds}. To repeat one:")
        print(f"  python -m chaos{only} --episodes 1 --steps {asked.steps} --seed {seeds[0]}")
        return 1
    if len(total.landed) < KINDS or total.landed.total() < LANDED or total.steps < STEPS:
        print(f"not recorded: that takes {KINDS} kinds, {LANDED} faults and {STEPS} steps")
        return 0
    print(evidence.record("chaos", figures(total, seconds)))
    return 0


def figures(total: campaign.Total, seconds: float) -> dict[str, object]:
    return {
        "seconds": round(seconds),
        "episodes": len(total.verdicts),
        "kinds": len(total.landed),
        "landed": total.landed.total(),
        "missed": total.missed.total(),
        "steps": total.steps,
        "handlers_started": total.starts,
        "started_in_vain": total.repeated,
        "explained": total.explained.total(),
        "longest_recovery_seconds": round(
            max(total.recovery(kind) or 0.0 for kind in total.landed), 2
        ),
        "by_kind": {kind: total.landed[kind] for kind in sorted(total.landed)},
    }


if __name__ == "__main__":
    sys.exit(main())
