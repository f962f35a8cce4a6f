"""`python -m mutants`: run all mutants; where all are killed, write docs/mutants.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import evidence
import servers

import mutants
from mutants import Mutant, Result

HEAD = """\
# What happens without each guard

Written by `make mutants`, which takes one guard at a time out of the SQL ([list and edits][list])
and runs the tests until one fails. All {count} mutants of {functions} functions are killed.

[list]: ../tests/py/support/mutants/guards.toml

| function | without the guard | killed by |
|---|---|---|
"""


def table(results: Sequence[Result]) -> str:
    lines = []
    for result in results:
        path, _, test = result.killer.partition("::")
        test = path.removeprefix("tests/sql/") if path.endswith(".sql") else test.split("[")[0]
        function, removed = result.mutant.function, result.mutant.removed
        lines.append(f"| `{function}` | {removed} | [{test}](../{path}) |\n")
    functions = {result.mutant.function for result in results}
    return HEAD.format(count=len(results), functions=len(functions)) + "".join(lines)


def report(result: Result) -> None:
    by = result.killer if result.fate == "killed" else ""
    print(f"{result.fate:8} {result.seconds:4.0f} s  {result.mutant.name}  {by}", flush=True)
    if result.fate == "broken":
        print(result.output, flush=True)


def run_all(chosen: Sequence[Mutant], jobs: int) -> list[Result]:
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(lambda m: mutants.run(m, mutants.stages_for(m)), m) for m in chosen]
        for future in as_completed(running):
            report(future.result())
        return [future.result() for future in running]


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description=mutants.__doc__)
    parser.add_argument("--only", metavar="NAME", default="", help="those whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="how many side by side (2)")
    options = parser.parse_args()
    started = time.monotonic()
    everyone = mutants.load()
    chosen = [mutant for mutant in everyone if options.only in mutant.name]
    server = servers.get(servers.MAJORS[0])
    with server.database(server.migrated) as dsn:
        mutants.compile_all(dsn, chosen)
    results = run_all(chosen, options.jobs)
    alive = [result for result in results if result.fate != "killed"]
    # A test that fails anyway has killed nothing.
    killers = sorted({result.killer for result in results} - {""})
    if wrong := mutants.passes(killers) if killers else "":
        print(wrong)
        return 1
    minutes = (time.monotonic() - started) / 60
    print(f"{len(results) - len(alive)} of {len(results)} killed, {minutes:.0f} minutes")
    for result in alive:
        print(f"{result.fate}: {result.mutant.name}")
    if not alive and chosen == everyone:
        mutants.TABLE.write_text(table(results))
        evidence.record(
            "mutants",
            {
                "mutants": len(results),
                "killed": len(results),
                "functions": len({mutant.function for mutant in chosen}),
                "killing tests": len(killers),
                "minutes": round(minutes),
            },
        )
    return 1 if alive or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
