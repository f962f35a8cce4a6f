"""A client that goes silent in the middle of a transaction holds nobody up for ever."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from running import wait_for
from servers import rows
from sessions import Session
from workflows import claim, create, define, run_all, step_states, sweep, violations

CLAIM = "select step_uuid::text, token::text from tasker.claim_steps('test', 'w', 1, '1 second')"
COMPLETE = "select from tasker.complete_step(%s, %s)"


def test_a_step_that_was_completed_and_never_committed_runs_again(
    database: str, sessions: Callable[..., list[Session]]
) -> None:
    define(database, "chain", {"one": [], "two": ["one"]})
    (task,) = create(database, "chain")
    (silent,) = sessions("silent")
    ((step, token),) = silent.run(CLAIM)
    silent.commit()
    silent.run(COMPLETE, step, token)
    assert sweep(database, "claims_taken_back") == 0, "nobody can take it back"
    wait_for(lambda: sweep(database, "claims_taken_back"), "the end of its session")
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        silent.run("commit")
    with pytest.raises(psycopg.DatabaseError, match="stale claim"):
        rows(database, COMPLETE, step, token)
    assert run_all(database) == 2
    assert step_states(database, task) == {"one": "complete", "two": "complete"}
    assert violations(database) == []


def test_a_step_that_was_claimed_and_never_committed_is_claimed_by_others(
    database: str, sessions: Callable[..., list[Session]]
) -> None:
    define(database, "one", {"step": []})
    create(database, "one")
    (silent,) = sessions("silent")
    assert len(silent.run(CLAIM)) == 1
    assert claim(database) == {}
    assert wait_for(lambda: claim(database), "the end of its session").keys() == {"step"}
