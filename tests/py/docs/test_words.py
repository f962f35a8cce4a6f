"""docs/words.md holds wherever people read, code and tests included: what it refuses is nowhere."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs/words.md"
PAGES: Final = (
    "*.md",
    "docs/*.md",
    "docs/reference/*.md",
    "docs/decisions/*.md",
    "Makefile",
    ".ci/*",
    "tasker_sql/server/html/*.html",
    "sql/README.md",
    "config/**/*.toml",
    "docker/*",
    "examples/**/*.yaml",
    "examples/**/*.md",
    "benchmarks/**/*.md",
)
SQL: Final = ("sql", "alembic/frozen", "tests/sql")
PYTHON: Final = ("tasker_sql", "alembic", "examples", "packages", "benchmarks", "tools", "tests")
EVIDENCE: Final = {"CHANGELOG.md", "mutants.md", "words.md", "test_words.py"}
PERMITTED: Final = re.compile(
    r"there\s+(?:is|are)\s+no\b|(?:is|are)\s+no\s+(?:longer|more|less|later|earlier)\b",
    re.IGNORECASE,
)


def refused() -> dict[str, str]:
    """Each word that the page refuses, and what to write instead."""
    found = {}
    for row in re.findall(r"^\| (.*) \|$", PAGE.read_text(), re.MULTILINE):
        right, *_, wrong = row.split(" | ")
        if right not in ("term", "write"):
            found.update(dict.fromkeys(filter(None, wrong.strip(" |").split(", ")), right))
    return found


REFUSED: Final = refused()
WORDS: Final = "|".join(sorted(map(re.escape, REFUSED), key=len, reverse=True))
PATTERN: Final = re.compile(
    rf"\b(?:{WORDS})\b".replace("…", r"\w+").replace(r"\ ", r"\s+"), re.IGNORECASE
)


def texts() -> Iterator[tuple[Path, int, str]]:
    """What people read: file, line, text."""
    for pattern in PAGES:
        for file in sorted(ROOT.glob(pattern)):
            if file.is_file() and file.name not in EVIDENCE:
                yield file, 1, file.read_text()
    for folder in SQL:
        for file in sorted((ROOT / folder).rglob("*.*sql")):
            yield from comments_and_messages(file)
    for folder in PYTHON:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file.name not in EVIDENCE:
                yield from strings(file)
                yield from comments(file)


def comments_and_messages(file: Path) -> Iterator[tuple[Path, int, str]]:
    """Of a file in SQL: its comments, and texts of several words."""
    text = file.read_text()
    for found in re.finditer(r"--.*$|'(?:[^'\n]|'')*'", text, re.MULTILINE):
        if " " in found[0]:
            yield file, text.count("\n", 0, found.start()) + 1, found[0]


def strings(file: Path) -> Iterator[tuple[Path, int, str]]:
    """Of a file in Python: messages, help and docstrings."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield file, node.lineno, node.value


def comments(file: Path) -> Iterator[tuple[Path, int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield file, token.start[0], token.string


def wrong(text: str) -> Iterator[tuple[int, str]]:
    """Refused words in a text, with how many lines stand before them."""
    blank = PERMITTED.sub(lambda found: "_" * len(found[0]), text)
    for found in PATTERN.finditer(blank):
        yield text.count("\n", 0, found.start()), found[0]


def right(word: str) -> str:
    """What to write instead of a refused word."""
    plain = " ".join(word.lower().split())
    return next(write for no, write in REFUSED.items() if plain.startswith(no.rstrip("… ")))


def test_nothing_that_people_read_has_a_refused_word() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line + more}: {word!r}: write {right(word)!r}"
        for file, line, text in texts()
        for more, word in wrong(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what became of it, whoever\nmended it", ["became of", "whoever", "mended"]),
        ("there is no server, and it is no longer needed", []),
        ("two words over\na line: poison\nmessage", ["poison\nmessage"]),
    ],
)
def test_refused_words_are_found(text: str, words: list[str]) -> None:
    assert [word for _, word in wrong(text)] == words


def test_the_page_is_read() -> None:
    assert len(REFUSED) > 40
    assert right("carries out") == "apply"
    assert right("is no server") == "is not a …"
