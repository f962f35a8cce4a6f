"""Passwords and tokens get into no output, no log and no list of processes."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus

import pytest
from typer.testing import CliRunner

from tasker_sql import masking
from tasker_sql.cli import app
from tasker_sql.masking import connection, masked
from tasker_sql.ops.telemetry import TEXT, JsonFormatter, TextFormatter
from tasker_sql.schema.database import for_libpq

PROGRAM = Path(sys.executable).with_name("tasker-sql")
HUSH = "hu5h-hu5h"

UNDERSTOOD = [
    f"host=h dbname=d password=ab&{HUSH}",
    rf"host=h dbname=d password=ab\ {HUSH}",
    f"host=h dbname=d password = 'it\\'s {HUSH}'",
    f"host=h dbname=d sslpassword={HUSH}",
    f"postgresql://h/d?password={HUSH}",
    f"postgresql://h/d?pass%77ord={HUSH}",
    f"postgresql://h/d?sslpassword={HUSH}&sslmode=require",
    f"postgresql://me:{HUSH}@h/d",
    f"postgresql://me:%40{HUSH}@h/d",
    f"postgresql://me@h/d?options=-cx%3D{HUSH}",
    f"postgresql+psycopg://me:{HUSH}@h/d",
]
MISUNDERSTOOD = [
    f"postgresql://me:p@{HUSH}@h/d",
    f"postgresql://me:p/{HUSH}@h/d",
    f"postgresql://me:{HUSH}/@h/d",
    f"postgresql://me%3A{HUSH}@h/d",
]
UNPARSABLE = [
    f"host=h password=ab {HUSH}",
    f"host=h password='{HUSH}",
    f"postgresql://me:%zz{HUSH}@h/d",
    f"postgresql://me:x@h/d?passwrd={HUSH}",
    f"postgresql://me:x@[{HUSH}/d",
    f"mysql://me:{HUSH}@h/d",
]


@pytest.fixture(autouse=True)
def forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test makes known, another does not know."""
    monkeypatch.setattr(masking, "_known", {})


def said(*arguments: str, dsn: str) -> str:
    """All that a command prints."""
    done = CliRunner().invoke(app, arguments, env={"DATABASE_URL": dsn, "NO_COLOR": "1"})
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.stdout + done.stderr


class TestCommands:
    @pytest.mark.parametrize("dsn", [*UNDERSTOOD, *MISUNDERSTOOD, *UNPARSABLE])
    @pytest.mark.parametrize(
        "line",
        ["config show", "config show --json", "config explain database.url", "config check"],
    )
    def test_show_no_password(self, line: str, dsn: str) -> None:
        shown = said(*line.split(), dsn=dsn)
        assert "hu5h" not in shown
        assert "***" in shown or line == "config check"

    @pytest.mark.parametrize("dsn", UNDERSTOOD[:-1])
    def test_show_what_is_harmless(self, dsn: str) -> None:
        shown = connection(dsn)
        assert "host=h" in shown and "dbname=d" in shown and "***" in shown
        assert connection("") == ""

    @pytest.mark.parametrize("dsn", [*MISUNDERSTOOD, *UNPARSABLE])
    def test_show_nothing_of_what_they_do_not_understand(self, dsn: str) -> None:
        assert connection(dsn) == "***"

    @pytest.mark.parametrize("dsn", [*MISUNDERSTOOD, *UNPARSABLE])
    def test_pass_no_complaint_of_libpq_on(self, dsn: str) -> None:
        shown = said("task", "list", dsn=dsn)
        assert shown and "hu5h" not in shown
        assert ("is needed (with %40 for @" in shown) == (dsn in UNPARSABLE)
        assert "hu5h" not in said("--debug", "task", "list", dsn=dsn)

    @pytest.mark.parametrize(
        "content",
        [
            f'password = "{HUSH}"',
            f'url = "postgresql://me:{HUSH}@h/d"\nurls = ["{HUSH}"]',
            f'url = ["postgresql://me:{HUSH}@h/d"]',
            f'pool_size = "{HUSH}"',
        ],
    )
    def test_show_no_value_of_a_wrong_key(
        self, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "database.toml").write_text(content)
        monkeypatch.setenv("TASKER_CONFIG", str(tmp_path))
        shown = said("config", "check", dsn="")
        assert "database." in shown
        assert ("hu5h" in shown) == content.startswith("pool_size"), "a value of a known key"


KNOWN = "p@s/'\" wörd-7"


class TestLogs:
    def line(self, formatter: logging.Formatter, message: str, *arguments: Any) -> str:
        try:
            raise ValueError(message % arguments if arguments else message)
        except ValueError:
            defect: Any = sys.exc_info()
        record = logging.LogRecord("x", logging.ERROR, "f.py", 1, message, arguments, defect)
        return formatter.format(record)

    @pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter(TEXT)])
    @pytest.mark.parametrize(
        "spelled",
        [
            KNOWN,
            repr(KNOWN),
            json.dumps(KNOWN),
            quote(KNOWN),
            quote(KNOWN, safe=""),
            quote(KNOWN, safe="").lower(),
            quote_plus(KNOWN),
            KNOWN.replace("'", "\\'").replace(" ", "\\ "),
            f"x{KNOWN}y",
            repr({"key": KNOWN}),
        ],
    )
    def test_hide_what_this_process_knows(self, formatter: logging.Formatter, spelled: str) -> None:
        masking.remember_connection(f"postgresql://me:{quote(KNOWN, safe='')}@h/d")
        text = self.line(formatter, "about %s, it says", spelled)
        assert "rd-7" not in text
        assert "about" in text and "***" in text and "it says" in text

    @pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter(TEXT)])
    @pytest.mark.parametrize(
        "text",
        [
            f"password={HUSH}&x",
            rf"password=ab\ {HUSH}",
            f"sslpassword={HUSH}",
            f"?pass%77ord={HUSH}",
            f"PGPASSWORD='{HUSH}'",
            repr({"password": HUSH}),
            json.dumps({"password": f"a {HUSH}"}),
            f"Authorization: Bearer {HUSH}",
            f"Authorization: Basic {HUSH}",
            repr({"authorization": f"Bearer {HUSH}"}),
            repr((b"authorization", f"Bearer {HUSH}".encode())),
            f"bearer {HUSH}",
            f"postgresql://me:{HUSH}@host/db",
            f"postgresql://me:p@{HUSH}@host/db",
        ],
    )
    def test_hide_what_looks_like_a_secret(self, formatter: logging.Formatter, text: str) -> None:
        found = self.line(formatter, "about %s", text)
        assert "hu5h" not in found
        assert "about" in found and "***" in found and "Traceback" in found

    def test_hide_facts_of_a_json_line(self) -> None:
        class Fact(str):
            facts: ClassVar = {
                "password": HUSH,
                "headers": [{"Authorization": f"Bearer {HUSH}"}],
                "n": 1,
            }

        logged = json.loads(self.line(JsonFormatter(), "%s", Fact("step")))
        assert (logged["n"], "hu5h" in json.dumps(logged)) == (1, False)

    def test_stay_readable(self) -> None:
        masking.remember_connection("postgresql://tasker:tasker@h/tasker")
        masking.remember("x")
        for text in (
            'password authentication failed for user "me"',
            "select * from tasker.claim_steps()",
            "the token does not hold the step",
            "next: max 3",
        ):
            assert masked(text) == text
        assert masked("it is x!") == "it is ***!"


@pytest.mark.newest
class TestPsql:
    @pytest.mark.parametrize(
        "more", ["", f"&sslpassword={HUSH}-2", f"&sslpassword={HUSH}-2&keepalives=1"]
    )
    def test_gets_its_connection_out_of_sight(self, database: str, more: str) -> None:
        """In neither of the two programs does the list of processes show a part of it."""
        dsn = f"{database}&password={HUSH}{more}"
        with subprocess.Popen(
            [PROGRAM, "db", "psql", "-XAtc", "select current_database()", "-f", "-"],
            env={**os.environ, "DATABASE_URL": dsn},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as psql:
            assert psql.stdin and psql.stdout
            found = psql.stdout.readline().strip()
            arguments = Path(f"/proc/{psql.pid}/cmdline").read_text().split("\0")
            psql.stdin.write("\\c\nselect 'again'\\g\n")  # the connection can be made once more
            psql.stdin.close()
            rest = psql.stdout.read()
        assert f"/{found}?" in database
        assert Path(arguments[0]).name == "psql"
        assert arguments[1:-1] == [
            *(["-d", "keepalives=1"] if "keepalives" in more else []),
            *("-XAtc", "select current_database()", "-f", "-"),
        ]
        assert "again" in rest

    def test_passes_every_part_on(self) -> None:
        dsn = f"postgresql://me:{HUSH}@h:5433/d?sslmode=require&application_name=x&keepalives=1"
        environment, arguments = for_libpq(f"{dsn}&sslpassword={HUSH}-2")
        service = environment.pop("PGSERVICEFILE")
        assert f"sslpassword={HUSH}-2\n" in Path(service).read_text()
        os.close(int(service.rpartition("/")[2]))
        assert environment == {
            "PGUSER": "me",
            "PGPASSWORD": HUSH,
            "PGHOST": "h",
            "PGPORT": "5433",
            "PGDATABASE": "d",
            "PGSSLMODE": "require",
            "PGAPPNAME": "x",
            "PGSERVICE": "tasker-sql",
        }
        assert arguments == ["-d", "keepalives=1"]
