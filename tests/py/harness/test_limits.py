"""No test waits for ever, and none leaves a server or a process behind: tried in a run of pytest of
its own, in which a test that hangs sends itself the signal that is sent when its time is over."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import servers

ROOT = Path(__file__).parents[3]

# Each of them hangs somewhere, but the first and the last.
HANGING = """
import signal
import subprocess
import threading

import psycopg
import pytest

SLEEP = "select pg_sleep(1000)"
left = {}


def over(phase):
    "Let the time of this phase be over in a moment, and keep how much of it was left."
    left[phase] = seconds, every = signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, 0.1, every)


def test_the_server_starts(database):
    pass


def test_waits(database):
    over("call")
    threading.Event().wait()


def test_waits_for_a_process(database):
    over("call")
    subprocess.run(["sleep", "1000.625"])


def test_waits_for_a_thread_that_waits_for_the_server(database):
    connection = psycopg.connect(database)
    thread = threading.Thread(target=connection.execute, args=[SLEEP], daemon=True)
    thread.start()
    over("call")
    thread.join()


def test_waits_twice(database):
    over("call")
    try:
        threading.Event().wait()
    finally:
        over("again")
        threading.Event().wait()


@pytest.fixture
def begins(database):
    over("setup")
    psycopg.connect(database).execute(SLEEP)


def test_waits_before_it_begins(begins):
    pass


@pytest.fixture
def ends(database):
    yield
    over("teardown")
    psycopg.connect(database).execute(SLEEP)


def test_waits_when_it_has_ended(ends):
    pass


def test_waits_when_it_has_failed(ends):
    assert ends, "a reason"


@pytest.mark.timeout(70)
def test_has_a_limit_of_its_own(database):
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 70


def test_all_had_limits(database):
    assert psycopg.connect(database).execute("select 1").fetchone() == (1,)
    assert left.keys() == {"setup", "call", "again", "teardown"}
    assert all(0 < seconds <= 120 and every == 60 for seconds, every in left.values()), left
"""
# A shell of psql, whose parent is pytest.
HANGING_SQL = r"""
select tap.plan(1);
\! kill -ALRM $(ps -o ppid= -p $PPID)
select pg_sleep(1000);
select tap.finish();
"""


def test_whatever_hangs_is_ended(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_hanging.py").write_text(HANGING)
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "hangs.sql").write_text(HANGING_SQL)
    options = ["-p", "no:cacheprovider", "-W", "default", "-ra", "--pg=18"]
    settings: list[str | Path] = ["-c", ROOT / "pyproject.toml", "--rootdir", tmp_path]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *settings, *options, tmp_path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "py" / "support"), "COLUMNS": "1000"},
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = run.communicate()
    assert run.returncode == 1, said
    stopped = re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)\S* - .*Timeout", said, re.MULTILINE)
    assert {*stopped} == {"pg18", *re.findall(r"def (test_waits\w*)", HANGING)}, said
    assert "a reason" in said
    assert "Stack of " in said
    assert re.fullmatch(r"=+ 6 failed, 4 passed, .*3 errors in .*=+", said.splitlines()[-1]), said
    assert not list(servers.base().glob(f"{servers.PREFIX}{run.pid}-*")), "a server is left"
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 1000.625" not in left
