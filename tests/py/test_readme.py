"""The README is true: its session in psql prints what it shows."""

from __future__ import annotations

import pytest
import readme


@pytest.mark.newest
def test_the_session_in_psql_prints_what_the_readme_shows(database: str) -> None:
    text = readme.README.read_text()
    commands = readme.commands(text)
    shown, printed = readme.outputs(text), readme.run(text, database)
    assert len(commands) == len(shown) == len(printed) > 20
    for command, expected, actual in zip(commands, shown, printed, strict=True):
        assert readme.anonymous(actual) == readme.anonymous(expected), command
