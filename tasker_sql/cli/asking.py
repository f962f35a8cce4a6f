"""Asking the database once, or again and again."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment

from tasker_sql.cli import opening
from tasker_sql.cli.errors import AWAY, explain
from tasker_sql.cli.output import Picture, answer, console, line, parts, print_json, put
from tasker_sql.client import Client
from tasker_sql.errors import TooSlowError, UnavailableError
from tasker_sql.schema import migrations as schema
from tasker_sql.top.snapshot import who_blocks

A = TypeVar("A")

WATCH_PATIENCE: Final = 10.0  # seconds that a watched database may be silent


@contextmanager
def opened(patience: float | None = None) -> Iterator[Client]:
    """A client for one command."""
    client = opening.opened(schema.ready(), "cli", patience=patience)
    try:
        yield client
    finally:
        client.close()


def tell(
    ask: Callable[[Client], A],
    draw: Callable[[A], Picture],
    as_json: bool,
    watch: float | None = None,
    within: float | None = None,
) -> A:
    """Ask the database, and print the answer; again and again, with `watch` seconds between.

    With `within` seconds for each statement: then a lock is named and not waited for.

    On a terminal, what is watched is drawn in place, and the last good picture stays, marked, while
    the database is away. Elsewhere, and on a terminal that cannot do that (TERM=dumb), one answer
    follows the other: in JSON, one a line.
    """
    asked = ask if within is None else partial(_bounded, ask, within)
    if watch is None:
        with opened() as client:
            found = asked(client)
        answer(found, draw(found), as_json)
        return found
    out = console()
    if as_json or not out.is_terminal or out.is_dumb_terminal:
        _follow(_asked(asked, watch), draw, as_json)
    else:
        _redraw(_asked(asked, watch), draw, watch)
    raise AssertionError("Ctrl-C ends it")


def _bounded(ask: Callable[[Client], A], seconds: float, client: Client) -> A:
    """An answer in time. Raises TooSlowError, which says who stands in the way."""
    try:
        with client.limited(seconds):
            return ask(client)
    except TooSlowError:
        hint = "`select pg_terminate_backend(PID)` ends a session, and its transaction."
        raise TooSlowError(f"no answer within {seconds:g} s", who_blocks(client), hint) from None


Away = UnavailableError | TooSlowError


def _asked(ask: Callable[[Client], A], seconds: float) -> Iterator[A | Away]:
    """Answers for ever, over one connection; an error when the database is away meanwhile.

    Raises UnavailableError when it was never there.
    """
    seen = False
    while True:
        answered = False
        try:
            with opened(WATCH_PATIENCE) as client:
                while True:
                    found = ask(client)
                    seen = answered = True
                    yield found
                    time.sleep(seconds)
        except TooSlowError as error:
            if not seen:
                raise
            yield error
        except UnavailableError as error:
            if not seen:
                raise
            if answered:  # this connection was lost; another may do
                continue
            yield error
        time.sleep(seconds)


def _follow(answers: Iterable[A | Away], draw: Callable[[A], Picture], as_json: bool) -> None:
    was_away = False
    for found in answers:
        if isinstance(found, Away):
            if not was_away:
                explain(found)
        elif as_json:
            print_json(found, indent=None)
        else:
            put([f"{datetime.now(UTC):%F %T} UTC", *parts(draw(found)), ""])
        was_away = isinstance(found, Away)


def _redraw(answers: Iterable[A | Away], draw: Callable[[A], Picture], seconds: float) -> None:
    shown: Picture = []
    at = datetime.now(UTC)
    try:
        with Live(console=console(), screen=True, auto_refresh=False) as live:
            for found in answers:
                if isinstance(found, Away):
                    why = f"{AWAY}: {found}" if isinstance(found, UnavailableError) else found
                    head = line((f"as of {at:%T} UTC, {why}", "bold red"))
                else:
                    shown, at = draw(found), datetime.now(UTC)
                    head = line((f"as of {at:%T} UTC, every {seconds:g} s; Ctrl-C ends it", "dim"))
                live.update(_Screenful([head, line(), *parts(shown)]), refresh=True)
    finally:
        put(shown)  # stays when the screen is left


@dataclasses.dataclass
class _Screenful:
    """As much as fits; the last line tells how much does not."""

    parts: Sequence[RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(Group(*self.parts), options.reset_height(), pad=False)
        if (over := len(lines) - options.max_height) > 0:
            said = line((f"{over + 1} more lines do not fit", "dim"))
            lines = lines[: options.max_height - 1] + console.render_lines(said, pad=False)
        yield from (part for line in lines for part in (*line, Segment.line()))
