"""The table of contents in sql/README.md is complete, and everything in it calls downward."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from servers import rows

from tasker_sql.schema import truth

SQL = truth.SQL
FILES = {file.stem: file for file in SQL.glob("**/*.sql")}
TEXTS = truth.read()
CONTENTS = (SQL / "README.md").read_text().split("## Table of contents")[1]
# The folder and the names of each line.
LINES = [
    (section.split()[0], re.findall(r"`(\w+)`", line))
    for section in CONTENTS.split("\n### ")[1:]
    for line in section.splitlines()
    if line.startswith("- ")
]


def mentioned(name: str) -> set[str]:
    """The functions and views that a definition mentions, comments and strings apart."""
    definition = re.sub(r"--[^\n]*|'[^'\n]*'", "", TEXTS[name].split("\ncomment on")[0])
    return (set(re.findall(r"\btasker\.(\w+)", definition)) & TEXTS.keys()) - {name}


def test_every_file_is_listed_once_under_the_heading_of_its_folder() -> None:
    listed = sorted((name, folder) for folder, names in LINES for name in names)
    assert listed == sorted((file.stem, file.parent.name) for file in SQL.glob("**/*.sql"))


def test_names_are_unique_over_all_folders() -> None:
    assert len(FILES) == len(list(SQL.glob("**/*.sql")))


def test_a_file_defines_what_it_is_named_after() -> None:
    for name, file in FILES.items():
        kind = file.relative_to(SQL).parts[0].removesuffix("s")
        kinds = "(function|procedure)" if kind == "function" else kind
        begins = rf"^create or replace {kinds} tasker\.{name}\b"
        assert re.search(begins, TEXTS[name], re.MULTILINE), name
        assert TEXTS[name].endswith(";\n"), name
        if kind == "function":
            assert re.search(r"^(as \$\$|begin atomic)\n-- \S", TEXTS[name], re.MULTILINE), name


def test_every_call_leads_downward() -> None:
    place = {name: number for number, (_, names) in enumerate(LINES) for name in names}
    upward = {
        (name, other) for name in TEXTS for other in mentioned(name) if place[other] < place[name]
    }
    assert not upward


def test_every_header_names_calls_that_are_made() -> None:
    wrong = {}
    for name, text in TEXTS.items():
        header = re.search(r"^-- Calls (.*\n(?:-- {5,}.*\n)*)", text, re.MULTILINE)
        said = set(re.findall(r"\b_?[a-z]+(?:_[a-z]+)+\b", header[1])) if header else set()
        if extra := said - mentioned(name):
            wrong[name] = extra
    assert not wrong


def test_no_line_of_code_is_longer_than_100_columns() -> None:
    """Comments for \\df+ apart, which are one string each; and one regular expression."""
    long = {
        (name, line)
        for name, text in TEXTS.items()
        for line in text.split("\ncomment on")[0].splitlines()
        if len(line) > 100 and not line.lstrip().startswith("'^")
    }
    assert not long


def test_no_line_of_a_test_in_sql_is_longer_than_100_columns() -> None:
    tests = Path(__file__).parents[2] / "sql"
    files = [*tests.rglob("*.sql"), *tests.rglob("*.psql")]
    assert len(files) > 300
    assert not [
        (file.name, line)
        for file in files
        for line in file.read_text().splitlines()
        if len(line) > 100
    ]


@pytest.mark.newest
def test_the_limits_are_those_of_a_new_database(database: str) -> None:
    section = (SQL / "README.md").read_text().split("## Limits")[1].split("\n## ")[0]
    said = [line for line in section.splitlines() if line.startswith("| `")]
    query = "select name, initial, minimum, maximum, unit, meaning from tasker.list_limits()"
    assert said == [
        f"| `{name}` | {initial:,} | {minimum:,} | {maximum:,} | {unit} | {meaning} |"
        for name, initial, minimum, maximum, unit, meaning in rows(database, query)
    ]
