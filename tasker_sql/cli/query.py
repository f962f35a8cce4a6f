"""Asking the database once, or again and again."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import typer
from rich.console import Group
from rich.live import Live

from tasker_sql.advice import advice, naming_schema
from tasker_sql.cli.commands import Commands, Json, Watch, options
from tasker_sql.cli.errors import NO, complain, explain
from tasker_sql.cli.output import Output, Picture, answer, console, line, parts, print_json, put
from tasker_sql.client import Client
from tasker_sql.errors import TooSlowError, UnavailableError
from tasker_sql.rows import AppliedRepair, ListedTask
from tasker_sql.schema import migrations
from tasker_sql.top.backend import SILENCE, blockers, connected
from tasker_sql.top.statements import repaired

Ask = Callable[[Client], Output]
F = TypeVar("F", bound=Callable[..., Output | Ask])
Away = UnavailableError | TooSlowError

WITHIN: Final = 30.0  # seconds that a call may take
PAGE: Final = 1000  # tasks


def query(
    app: Commands, name: str | None = None, *, watch: bool = False, within: float = WITHIN
) -> Callable[[F], F]:
    """A command of `app` that prints the Output that the function returns.

    A function that takes a client asks the database, in one transaction. Another one may read files
    first, and return what asks. `--json` comes by itself, and with `watch` also `--watch`. A call
    may take `within` seconds.
    """

    def register(ask: F) -> F:
        @functools.wraps(ask)
        def command(*, as_json: bool, watch: float | None = None, **given: Any) -> None:
            found: Any = functools.partial(ask, **given) if takes_client else ask(**given)
            if isinstance(found, Output):
                _show(found, as_json)
            else:
                run_query(found, as_json, watch, within)

        taken = dict(inspect.signature(ask, eval_str=True).parameters)
        takes_client = taken.pop("client", None) is not None
        taken["as_json"] = _keyword("as_json", Json, False)
        if watch:
            taken["watch"] = _keyword("watch", Watch, None)
        command.__signature__ = inspect.Signature([*taken.values()])  # type: ignore[attr-defined]
        command.__annotations__ = {name: one.annotation for name, one in taken.items()}
        app.command(name)(command)
        return ask

    return register


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


@contextmanager
def opened(within: float = WITHIN) -> Iterator[Client]:
    """A client for one command, whose calls take no longer than `within` seconds."""
    dsn = migrations.ready()
    client = connected(dsn, "cli", read_timeout=(options.timeout or within) + SILENCE)
    with closing(client), naming_schema(dsn):
        yield client


def listed(client: Client, given: dict[str, str], limit: int) -> list[ListedTask]:
    """Tasks, newest first, however many pages that takes."""
    found: list[ListedTask] = []
    before: UUID | None = None
    while len(found) < limit:
        page = client.list_tasks(given, min(limit - len(found), PAGE), before)
        found += [task for task in page if task.task_uuid is not None]
        before = page[-1].next_before if page else None
        if before is None:
            break
    return found


@contextmanager
def limited(client: Client, within: float = WITHIN) -> Iterator[None]:
    """A transaction for calls that take no longer. Raises TooSlowError, which says who blocks."""
    seconds = options.timeout or within
    try:
        with client.limited(seconds):
            yield
    except TooSlowError:
        hint = "`select pg_terminate_backend(PID)` ends a session, `--timeout` waits longer."
        raise TooSlowError(f"no answer within {seconds:g} s", blockers(client), hint) from None


def _show(found: Output, as_json: bool) -> None:
    answer(found.value, found.picture, as_json)
    if not found.well:
        raise typer.Exit(NO)


def run_query(ask: Ask, as_json: bool, watch: float | None = None, within: float = WITHIN) -> None:
    """Print the answer; again and again, with `watch` seconds between.

    On a terminal, what is watched is drawn in place, and the last good picture stays, marked, while
    the database is away. Elsewhere, and on a terminal that cannot do that (TERM=dumb), one answer
    follows the other: in JSON, one a line.
    """

    def bounded(client: Client) -> Output:
        with limited(client, within):
            return ask(client)

    if watch is None:
        with opened(within) as client:
            found = bounded(client)
        _show(found, as_json)
        return
    out = console()
    if as_json or not out.is_terminal or out.is_dumb_terminal:
        _follow(_answers(bounded, watch, within), as_json)
    else:
        _redraw(_answers(bounded, watch, within), watch)
    raise AssertionError("Ctrl-C ends it")


def _answers(ask: Ask, seconds: float, within: float) -> Iterator[Output | Away]:
    """Answers for ever, over one connection; an error when the database is away meanwhile.

    Raises the error when the database was never there.
    """
    seen = False
    while True:
        answered = False
        try:
            with opened(within) as client:
                while True:
                    found = ask(client)
                    seen = answered = True
                    yield found
                    time.sleep(seconds)
        except (TooSlowError, UnavailableError) as error:
            if not seen:
                raise
            if answered and isinstance(error, UnavailableError):
                continue  # this connection was lost; another may do
            yield error
        time.sleep(seconds)


def _follow(answers: Iterator[Output | Away], as_json: bool) -> None:
    was_away = False
    for found in answers:
        if isinstance(found, Away):
            if not was_away:
                explain(found)
        elif as_json:
            print_json(found.value, indent=None)
        else:
            put([f"{datetime.now(UTC):%F %T} UTC", *parts(found.picture), ""])
        was_away = isinstance(found, Away)


def _redraw(answers: Iterator[Output | Away], seconds: float) -> None:
    shown: Picture = []
    at = datetime.now(UTC)
    with Live(console=console(), auto_refresh=False) as live:
        for found in answers:
            if isinstance(found, Away):
                head = line((f"as of {at:%T} UTC, {advice(found)}", "bold red"))
            else:
                shown, at = found.picture, datetime.now(UTC)
                head = line((f"as of {at:%T} UTC, every {seconds:g} s; Ctrl-C ends it", "dim"))
            live.update(Group(head, line(), *parts(shown)), refresh=True)


def agreed(yes: bool, dry_run: bool, as_json: bool) -> bool:
    """Whether a plan that was shown is to be applied; asks, unless scripts read the answer.

    Raises typer.Exit for a no.
    """
    if not (yes or dry_run or as_json) and not typer.confirm("Go on?"):
        raise typer.Exit(NO)
    return not dry_run and (yes or not as_json)


def apply_plan(client: Client, plan_uuid: UUID, reason: str, rate: int) -> AppliedRepair:
    """Apply a plan to all that it found, `rate` of them a second."""

    def apply() -> AppliedRepair:
        with limited(client):
            return client.apply_repair(plan_uuid, reason, rate)

    *_, done = repaired(apply, time.sleep)
    return done


def show_applied(planned: Any, done: AppliedRepair | None, as_json: bool, what: str) -> None:
    """Print `what` a plan did, and to how many, if it was applied; exit code 1 when something was
    refused."""
    if as_json:
        print_json({"planned": planned, "done": done})
    elif done:
        put(what + (f", {done.refused} refused" if done.refused else ""))
        if done.last_refusal:
            complain(f"refused: {done.last_refusal}")
    if done and done.refused:
        raise typer.Exit(NO)
