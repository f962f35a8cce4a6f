"""The pages of docs/reference are what the code gives; and so is the site."""

from __future__ import annotations

import generate_reference
import pytest
from servers import rows

pytestmark = pytest.mark.newest


def test_the_pages_are_what_the_code_gives(database: str) -> None:
    made = generate_reference.pages(database)
    assert {path.name for path in made} == {
        path.name for path in generate_reference.PAGES.iterdir()
    }
    for path, text in made.items():
        assert path.read_text() == text, f"{path.name} is out of date: run `make reference`"


def test_text_is_shown_as_it_is() -> None:
    shown = generate_reference.plain("a_b _c `d_*` [e](f) <g> *h*")
    assert shown == r"a_b \_c `d_*` \[e\](f) \<g\> \*h\*"


def test_another_comment_gives_another_page(database: str) -> None:
    before = generate_reference.pages(database)[generate_reference.PAGES / "sql.md"]
    rows(database, "comment on function tasker.sweep is 'Sweeps a | b. Raises TK001.'")
    after = generate_reference.pages(database)[generate_reference.PAGES / "sql.md"]
    assert before != after
    assert "\nSweeps a | b. Raises TK001.\n\nSQLSTATEs: [TK001](errors.md#sqlstates)\n" in after
