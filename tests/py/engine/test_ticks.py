"""When a plan has its ticks: against a clock that is read minute by minute (S1 to S3)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import cron_oracle
import psycopg
import pytest

pytestmark = pytest.mark.newest_first

TICKS = """
select tick at time zone 'UTC'
  from tasker._ticks(jsonb_build_object('cron', %s::text, 'time_zone', %s::text), %s, %s, 100000)
         as tick
"""
LAST = """
select tasker._last_tick(jsonb_build_object('cron', %s::text, 'time_zone', %s::text), %s, %s)
         at time zone 'UTC'
"""
SHOWN = "select moment at time zone %s from unnest(%s::timestamptz[]) as moment"
ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"),
    *("Africa/Casablanca", "Asia/Kathmandu", "America/St_Johns", "UTC"),
)
LINES = (*("30 2 * * *", "0 0 * * *", "*/15 1-3 * * *", "7-51/11 */2 * * *", "0 1 1-7 * 1"),)


@pytest.fixture
def ask(database: str) -> Iterator[Any]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("set timezone = 'America/New_York'")  # which must not matter
        yield lambda query, *of: [value for (value,) in connection.execute(query, of)]


def is_known(ask: Any, zone: str, after: datetime, until: datetime) -> bool:
    """Whether Python and the server have the same rules, of whole minutes."""
    hours = int((until - after) / timedelta(hours=1)) + 120
    moments = [after + timedelta(hours=hour - 60) for hour in range(hours)]
    walls = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in moments]
    offsets = {
        (wall - moment.replace(tzinfo=None)) for wall, moment in zip(walls, moments, strict=True)
    }
    return ask(SHOWN, zone, moments) == walls and not any(by.seconds % 60 for by in offsets)


def compare(ask: Any, line: cron_oracle.Line, zone: str, after: datetime, until: datetime) -> int:
    """Ask both, forward and back; how many ticks there are."""
    wanted = [tick.replace(tzinfo=None) for tick in cron_oracle.ticks(line, zone, after, until)]
    case = (line.text, zone, after, until)
    assert ask(TICKS, *case) == wanted, case
    assert ask(LAST, *case) == [wanted[-1] if wanted else None], case
    return len(wanted)


@pytest.mark.parametrize("zone", ZONES)
def test_ticks_around_each_change_of_a_year_are_those_of_the_clock(ask: Any, zone: str) -> None:
    year = 2011 if zone == "Pacific/Apia" else 2025
    found = 0
    for change in cron_oracle.changes(zone, year) or [datetime(year, 3, 1, tzinfo=UTC)]:
        after, until = change - timedelta(days=1), change + timedelta(days=1, hours=5)
        if is_known(ask, zone, after, until):
            found += sum(compare(ask, cron_oracle.read(line), zone, after, until) for line in LINES)
    assert found > 50


@pytest.mark.parametrize("count", [12, pytest.param(2500, marks=pytest.mark.slow)])
@pytest.mark.timeout(1800)
def test_ticks_of_random_lines_are_those_of_the_clock(ask: Any, count: int) -> None:
    source = random.Random(count)
    listed = ask("select name from pg_timezone_names where name ~ '^[A-Z].*/'")
    zones = sorted(available_timezones() & set(listed))
    assert len(zones) > 300
    compared = found = 0
    while compared < count:
        zone, year = source.choice(zones), source.choice((2011, 2024, source.randint(1970, 2037)))
        moment = datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=source.randint(0, 525_000))
        if source.random() < 0.9:  # most near a change
            moment = source.choice(cron_oracle.changes(zone, year) or [moment])
            moment -= timedelta(minutes=source.randint(0, 2000))
        until = moment + timedelta(days=source.choice((1, 2, 4)))
        if is_known(ask, zone, moment, until):
            found += compare(ask, cron_oracle.random_line(source), zone, moment, until)
            compared += 1
    assert found > 10 * count


def test_ticks_asked_for_one_by_one_are_those_of_one_call(ask: Any) -> None:
    source = random.Random(7)
    query = "select tick_at at time zone 'UTC' from tasker.next_ticks(%s, %s, %s, %s)"
    for zone in ZONES:
        line = cron_oracle.random_line(source).text
        after = datetime(2025, source.randint(1, 12), 1, tzinfo=UTC)
        together = ask(query, line, zone, after, 12)
        assert together == sorted(set(together))
        for tick in together:
            assert ask(query, line, zone, after, 1) == [tick], (line, zone, after)
            after = tick.replace(tzinfo=UTC)
