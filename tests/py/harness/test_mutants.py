"""The mutants fit the engine, and the tool distinguishes a killed one from a survivor."""

from __future__ import annotations

import mutants
import pytest
import servers
from mutants import Edit, Mutant, MutantError
from servers import Server, rows

HEARTBEAT = ["tests/sql/heartbeat/guards_its_lease.sql"]


def test_every_mutant_applies_and_compiles(server: Server, database: str) -> None:
    if server.major == servers.MAJORS[-1]:
        rows(database, "create extension plpgsql_check")
    mutants.compile_all(database, mutants.load())


@pytest.mark.oldest
@pytest.mark.parametrize(
    "new", ["raise ecxeption", "perform 1 from no_such_table; raise exception"]
)
def test_what_does_not_compile_is_no_mutant(database: str, new: str) -> None:
    rows(database, "create extension plpgsql_check")
    with pytest.raises(MutantError, match="heartbeat: without sense"):
        mutants.compile_all(
            database, [Mutant("without sense", (Edit("heartbeat", "raise exception", new),))]
        )


def test_mutants_have_names_of_their_own() -> None:
    found = [mutant.name for mutant in mutants.load()]
    assert len(set(found)) == len(found)


@pytest.mark.newest
@pytest.mark.parametrize(
    ("old", "new", "fate", "killer"),
    [
        pytest.param(
            *("-- Extends a claim's", "-- Prolongs a claim's", "survived", ""),
            marks=pytest.mark.slow,
        ),
        ("  perform tasker._check_lease(v_lease);", "", "killed", f"{HEARTBEAT[0]}::pg18"),
    ],
)
def test_a_guard_that_is_missed_kills(old: str, new: str, fate: str, killer: str) -> None:
    result = mutants.run(Mutant("", (Edit("heartbeat", old, new),)), [HEARTBEAT])
    assert (result.fate, result.killer) == (fate, killer), result.output


def test_an_edit_that_fits_nowhere_or_twice_is_refused() -> None:
    for old in ("no such text", "p_lease"):
        with pytest.raises(MutantError, match="heartbeat"):
            Mutant("", (Edit("heartbeat", old, ""),)).texts()


@pytest.mark.slow
@pytest.mark.newest
def test_a_run_that_fails_without_any_mutant_is_noticed() -> None:
    assert mutants.passes(["tests/sql/no_such_test.sql"])


def test_the_likeliest_killers_come_first() -> None:
    stages = mutants.stages_for(Mutant("", (Edit("_take_out", "", ""),)))
    order = [test for stage in stages for test in stage]
    assert len(set(order)) == len(order)
    callers = order.index("tests/sql/complete_step/enqueues_its_children.sql")
    races = order.index("tests/py/races/test_races.py")
    others = order.index("tests/sql/await_work/registers_an_idle_worker.sql")
    assert callers < races < others < order.index("tests/py/engine/test_hostile.py")
    assert "tests/py/harness/test_mutants.py" not in order
