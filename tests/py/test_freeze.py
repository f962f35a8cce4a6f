"""How definitions become revisions, on small definitions made up here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasker_sql.freeze import ROOT, FreezeError, Frozen, in_order, needs, plan
from tasker_sql.versioned import Install, Uninstall

CLOCK = "create or replace function tasker.clock () returns timestamptz as $$ select now() $$;"
LATE = "create or replace view tasker.late as select tasker.clock() as at;"
LATER = "create or replace view tasker.a_later as select at from tasker.late;"
NOW = {"functions/clock.sql": CLOCK, "views/late.sql": LATE, "views/a_later.sql": LATER}
BEFORE = {name: Frozen(f"0002/{name}", text) for name, text in NOW.items()}


def calls(operations: object) -> list[str]:
    assert isinstance(operations, list)
    found = []
    for operation in operations:
        if isinstance(operation, Install):
            found.append(f"install {operation.path}")
        elif isinstance(operation, Uninstall):
            found.append(f"uninstall {operation.name}")
    assert len(found) == len(operations)
    return found


def test_a_definition_comes_after_what_it_reads() -> None:
    assert in_order(NOW) == ["functions/clock.sql", "views/late.sql", "views/a_later.sql"]


@pytest.mark.parametrize(
    "quoted",
    [
        "$$ select tasker.clock() $$",
        "$body$ '$$' tasker.clock $body$",
        "'of tasker.clock, isn''t it'",
        "-- tasker.clock\n",
        "/* tasker.clock */",
    ],
)
def test_what_is_quoted_is_not_needed(quoted: str) -> None:
    assert needs("functions/x.sql", NOW | {"functions/x.sql": quoted}) == set()
    assert needs("functions/x.sql", NOW | {"functions/x.sql": f"{quoted} tasker.clock()"}) == {
        "functions/clock.sql"
    }


def test_a_circle_is_refused() -> None:
    with pytest.raises(FreezeError, match=r"views/a\.sql"):
        in_order({"views/a.sql": "tasker.b", "views/b.sql": "tasker.a"})


def test_the_first_revision_makes_all_and_takes_all_away() -> None:
    made = plan("0002", {}, NOW)
    assert made.texts == NOW
    assert calls(made.up) == [f"install 0002/{name}" for name in in_order(NOW)]
    assert calls(made.down) == [f"uninstall {name}" for name in reversed(in_order(NOW))]


def test_nothing_changed_makes_an_empty_revision() -> None:
    assert plan("0003", BEFORE, NOW) == ({}, [], [])


def test_a_changed_function_is_replaced_and_put_back() -> None:
    made = plan("0003", BEFORE, NOW | {"functions/clock.sql": CLOCK + "\n"})
    assert calls(made.up) == ["install 0003/functions/clock.sql"]
    assert calls(made.down) == ["install 0002/functions/clock.sql"]


def test_going_down_drops_a_changed_view_and_what_reads_it() -> None:
    made = plan(
        "0003", BEFORE, NOW | {"views/late.sql": LATE.replace(" as at", " as at, 1 as new")}
    )
    assert calls(made.up) == ["install 0003/views/late.sql"]
    assert calls(made.down) == [
        "uninstall views/a_later.sql",
        "uninstall views/late.sql",
        "install 0002/views/late.sql",
        "install 0002/views/a_later.sql",
    ]


def test_what_is_gone_is_dropped_last_and_put_back_in_order() -> None:
    made = plan("0003", BEFORE, {"functions/clock.sql": CLOCK})
    assert made.texts == {
        "views/a_later.sql": "drop view tasker.a_later;\n",
        "views/late.sql": "drop view tasker.late;\n",
    }
    assert calls(made.up) == ["install 0003/views/a_later.sql", "install 0003/views/late.sql"]
    assert calls(made.down) == ["install 0002/views/late.sql", "install 0002/views/a_later.sql"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what revisions are made from."""
    for name in ("alembic", "sql", "tasker_sql"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def python(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_revision_is_made_and_made_again_until_it_is_sealed(checkout: Path) -> None:
    python(checkout, "-m", "tasker_sql.freeze", "seal")
    refused = python(checkout, "-m", "tasker_sql.freeze", "refreeze")
    assert "is released" in refused.stderr

    definition = checkout / "sql" / "functions" / "_fortytwo.sql"
    text = "create or replace function tasker._fortytwo () returns int as 'select 42' language sql;"
    definition.write_text(text)
    python(checkout, "-m", "alembic", "revision", "-m", "forty two")
    script = next(checkout.glob("alembic/versions/*_forty_two.py"))
    copy = checkout / "alembic" / "frozen" / script.name[:4] / "functions" / "_fortytwo.sql"
    assert f'op.install("{script.name[:4]}/functions/_fortytwo.sql")' in script.read_text()
    assert 'op.uninstall("functions/_fortytwo.sql")' in script.read_text()
    assert copy.read_text() == text

    definition.write_text(text.replace("42", "43"))
    assert python(checkout, "-m", "tasker_sql.freeze", "refreeze").returncode == 0
    assert "43" in copy.read_text()
    assert next(checkout.glob("alembic/versions/*_forty_two.py")) == script

    by_hand = script.read_text().replace(
        "    op.install", '    op.execute("select 1")\n    op.install'
    )
    script.write_text(by_hand)
    refused = python(checkout, "-m", "tasker_sql.freeze", "refreeze")
    assert "was written by hand" in refused.stderr
    assert script.read_text() == by_hand

    python(checkout, "-m", "tasker_sql.freeze", "seal")
    broken = "from tasker_sql import freeze; print(*freeze.broken_seals())"
    assert python(checkout, "-c", broken).stdout == "\n"
    copy.write_text(text)
    assert python(checkout, "-c", broken).stdout.strip() == str(copy.relative_to(checkout))


def test_a_file_must_define_what_it_is_named_after(checkout: Path) -> None:
    before = sorted(checkout.glob("alembic/**/*"))
    (checkout / "sql" / "views" / "wrong.sql").write_text("create or replace view tasker.right as")
    refused = python(checkout, "-m", "tasker_sql.freeze", "refreeze")
    assert "sql/views/wrong.sql" in refused.stderr
    assert sorted(checkout.glob("alembic/**/*")) == before
