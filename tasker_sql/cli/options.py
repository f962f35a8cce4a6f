"""Options and arguments that several commands take."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tasker_sql.cli import completion
from tasker_sql.durations import moment, time_to_come
from tasker_sql.errors import FileError
from tasker_sql.jsonb import JsonError, JsonText, given


def argument(meaning: str, offers: completion.Offers | None = None, **more: Any) -> Any:
    """An argument that must be given."""
    return typer.Argument(help=meaning, autocompletion=offers, show_default=False, **more)


def option(*names: str, meaning: str, offers: completion.Offers | None = None) -> Any:
    return typer.Option(*names, help=meaning, autocompletion=offers, show_default=False)


DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would do, and end.")]
Reason = Annotated[str, option("--reason", "-r", meaning="Why. It is kept in the history.")]
OfNamespace = Annotated[
    str | None,
    option("--namespace", "-n", meaning="Of this namespace.", offers=completion.namespaces),
]
OfTemplate = Annotated[
    str | None,
    option(
        "--template",
        meaning="Of this template: NAME or NAMESPACE/NAME.",
        offers=completion.template_names,
    ),
]


def moment_option(name: str, what: str) -> Any:
    """A time in ISO 8601, or how long ago."""
    return typer.Option(name, parser=_moment, metavar="TIME", help=what, show_default=False)


def time_option(name: str, what: str) -> Any:
    """A time to come, in ISO 8601."""
    return typer.Option(name, parser=_time, metavar="TIME", help=what, show_default=False)


def time_argument(what: str) -> Any:
    """A time in ISO 8601, which may be left out."""
    return typer.Argument(parser=_time, metavar="TIME", help=what, show_default=False)


def _time(text: str) -> datetime:
    try:
        return time_to_come(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _moment(text: str) -> datetime:
    try:
        return moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def of_template(namespace: str | None, template: str | None) -> tuple[str | None, str | None]:
    """The namespace and the name that were given: `--template` may name both. Raises ValueError."""
    place, slash, name = (template or "").partition("/")
    if not slash:
        return namespace, template
    if namespace not in (None, place):
        raise ValueError(f"--namespace is {namespace}, and --template is of {place}")
    return place, name


def wanted(**options: Any) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in options.items() if value is not None}


def first(read: Callable[[str], object]) -> Callable[..., Any]:
    """A callback of a parameter that reads its text before the database is looked at."""

    def callback(context: typer.Context, text: str | None) -> Any:
        return text if text is None or context.resilient_parsing else read(text)

    return callback


def well(parse: Callable[[str], object]) -> Callable[..., Any]:
    """A callback: the text must be one that `parse` understands."""
    return first(lambda text: (parse(text), text)[1])


def json_of(what: str) -> Callable[..., Any]:
    """A callback: the parameter is JSON, as `json_argument` takes it."""
    return first(lambda text: json_argument(text, what))


def json_argument(text: str, what: str) -> JsonText:
    """JSON given on the command line, as @file, or as - for standard input; passed on as it is."""
    if text == "-":
        return _json(sys.stdin.buffer.read(), "standard input")
    if text.startswith("@"):
        return _json(Path(text[1:]).read_bytes(), text[1:])
    try:
        return given(text)
    except ValueError as error:
        raise ValueError(f"{what} is not JSON: {error}") from error


def _json(data: bytes, file: str) -> JsonText:
    """Raises FileError."""
    try:
        return given(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(f"{file}:{line}: this is not text in UTF-8") from error
    except JsonError as error:
        raise FileError(f"{file}:{error.line}: this is not JSON: {error.what}") from error
    except ValueError as error:
        raise FileError(f"{file}:1: this is not JSON for PostgreSQL: {error}") from error


def template_argument(text: str) -> tuple[str, str, str | None]:
    """NAMESPACE/NAME or NAMESPACE/NAME@VERSION."""
    place, _, version = text.partition("@")
    namespace, slash, name = place.partition("/")
    if not (namespace and slash and name):
        raise ValueError(f"a template is written NAMESPACE/NAME or NAMESPACE/NAME@VERSION: {text}")
    return namespace, name, version or None
