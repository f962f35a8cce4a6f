"""The tool of the race tests distinguishes waiting from not waiting."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from servers import rows
from sessions import SECONDS, Session, opened

Opener = Callable[..., list[Session]]


@pytest.fixture
def two(sessions: Opener, database: str) -> list[Session]:
    rows(database, "create table public.one as select 1 as n")
    return sessions("a", "b")


def test_a_blocked_statement_ends_when_the_other_commits(two: list[Session]) -> None:
    a, b = two
    assert a.run("update public.one set n = n + %s returning n", 1) == [(2,)]
    waiting = b.blocks("update public.one set n = n * 10 returning n")
    assert not waiting.done
    a.commit()
    assert waiting.result() == [(20,)]
    b.rollback()
    assert a.run("select n from public.one") == [(2,)]


def test_a_statement_that_does_not_wait_is_no_race(two: list[Session]) -> None:
    a, b = two
    a.run("select n from public.one for update")
    with pytest.raises(AssertionError, match="b did not block"):
        b.blocks("select n from public.one for update skip locked")
    with pytest.raises(AssertionError, match="could not obtain lock"):
        b.blocks("select n from public.one for update nowait")


def test_an_error_is_the_servers_own(two: list[Session]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        two[0].run("select 1 / 0")


def test_a_session_that_still_waits_can_be_closed(two: list[Session]) -> None:
    a, b = two
    a.run("lock table public.one")
    b.blocks("select n from public.one")


def test_a_deadlock_shows_even_if_nobody_says_so(database: str) -> None:
    rows(database, "create table public.one (); create table public.two ()")
    with pytest.raises(AssertionError, match="deadlock"), opened(database, "a", "b") as (a, b):
        a.run("lock table public.one")
        b.run("lock table public.two")
        waiting = a.blocks("lock table public.two")
        victim = b.start("lock table public.one")
        errors = [type(ended.exception(SECONDS)) for ended in (waiting.future, victim)]
        assert errors.count(psycopg.errors.DeadlockDetected) == 1
