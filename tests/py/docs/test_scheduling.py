"""docs/scheduling.md is true: its example runs, its tables are what happens; and its commands."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from running import client_of, template
from servers import rows
from typer.testing import CliRunner

from tasker_sql.cli import app
from tasker_sql.client import Client

pytestmark = pytest.mark.newest

TEXT: Final = (Path(__file__).parents[3] / "docs/scheduling.md").read_text()
EXAMPLE: Final = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[0]
NIGHTS: Final = re.findall(r"^\| (\d+ \w+ 2026) \| (\S+) UTC \| (\S+) \| (.*?) ?\|$", TEXT, re.M)
CLOCK: Final = """
create table public.clock as select timestamptz '2026-03-28 00:00Z' as now;
create or replace function tasker._now () returns timestamptz language sql volatile
 as $$ select now from public.clock $$
"""

Command = Callable[..., str]


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    rows(database, CLOCK)
    with client_of(database) as client:
        definition = template({"only": []}, name="report") | {"namespace_name": "shop"}
        client.register_template(definition)
        yield client


@pytest.fixture
def command(
    client: Client, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """`tasker-sql schedule`, where the example lies; what it prints on both outputs."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nightly.yaml").write_text(EXAMPLE)
    del client  # which has made the template

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["schedule", *arguments])
        assert done.exit_code == code, done.output
        return re.sub(" +", " ", done.output)

    return run


def at(database: str, moment: str) -> None:
    rows(database, "update public.clock set now = %s::timestamptz", moment)


def test_the_example_makes_a_task_every_night(
    client: Client, command: Command, database: str
) -> None:
    assert "shop/nightly_report made 2026-03-28 01:30:00" in command("apply", "nightly.yaml")
    assert "shop/nightly_report known" in command("apply", "nightly.yaml")
    assert "30 2 * * * Europe/Berlin 2026-03-28 01:30:00 - -" in command("list", "-n", "shop")
    assert "fires next at 2026-03-28 02:30 Europe/Berlin (in 90 min)" in command(
        "explain", "shop/nightly_report"
    )
    at(database, "2026-03-28 01:30:01Z")
    client.sweep()
    ((context,),) = rows(database, "select context from tasker.tasks")
    assert context["kind"] == "full"
    (said,) = re.findall(r'`"schedule": (\{.*?\})`', TEXT)
    assert context["schedule"] == json.loads(said)
    at(database, "2026-03-29 01:00:00Z")
    client.sweep()  # it was not done yet
    shown = command("ticks", "shop/nightly_report")
    assert "2026-03-29 03:00:00 overlapped" in shown
    assert "2026-03-28 02:30:00 created" in shown
    assert client.check_invariants() == []


@pytest.mark.parametrize("night", NIGHTS, ids=lambda night: night[0])
def test_a_night_has_the_tick_of_the_table(
    client: Client, database: str, night: tuple[str, ...]
) -> None:
    """S2"""
    day, tick, wall, note = night
    query = "select (to_date(%s, 'DD Month YYYY') + interval '-2 h') at time zone 'UTC'"
    ((before,),) = rows(database, query, day)
    found = client.next_ticks("30 2 * * *", "Europe/Berlin", before, 1)[0]
    assert (f"{found.wall:%H:%M}", found.note or "") == (wall, note)
    assert found.tick_at.utctimetuple()[3:5] == tuple(map(int, tick.split(":")))
    assert len(NIGHTS) == 3


def test_every_command_of_the_page_can_be_run(command: Command, database: str) -> None:
    at(database, "2026-04-08 12:00Z")
    for line in re.findall(r"^tasker-sql schedule (.+?)(?: +#.*)?$", TEXT, re.MULTILINE):
        *arguments, last = shlex.split(line)
        command(*arguments, last, *(["--yes"] if "backfill" in arguments else []))
    query = "select outcome, count(*) from tasker.schedule_ticks group by 1 order by 1"
    assert rows(database, query) == [("backfilled", 6), ("triggered", 1)]


def test_what_the_wall_shows_is_shown_as_it_is(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        shown = command("next", "30 2 * * *", "-z", "Europe/Berlin", "--count", "2")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "2026-03-28 01:30:00 2026-03-28 02:30:00 -" in shown
    assert f"2026-03-29 01:00:00 2026-03-29 03:00:00 {NIGHTS[1][3]}" in shown


def test_a_pause_of_the_namespace_stops_no_schedule(
    client: Client, command: Command, database: str
) -> None:
    """N3"""
    command("apply", "nightly.yaml")
    client.pause_namespace("shop", "why")
    at(database, "2026-03-28 01:30Z")
    client.sweep()
    assert client.claim_steps("shop", "w") == []
    client.resume_namespace("shop", "why")
    rows(database, "update public.clock set now = now + %s", timedelta(seconds=6))
    client.sweep()
    assert len(client.claim_steps("shop", "w")) == 1
