"""Options and arguments that several commands take."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.query import listed, opened
from tasker_sql.durations import moment, time_to_come
from tasker_sql.errors import FileError
from tasker_sql.jsonb import JsonError, JsonText, given
from tasker_sql.top.snapshot import place_of


def argument(meaning: str, offers: completion.Offers | None = None, **more: Any) -> Any:
    return typer.Argument(help=meaning, autocompletion=offers, show_default=False, **more)


def option(meaning: str, *names: str, offers: completion.Offers | None = None, **more: Any) -> Any:
    return typer.Option(*names, help=meaning, autocompletion=offers, **more)


def first(read: Callable[[str], object]) -> Callable[..., Any]:
    """A callback of a parameter that reads its text before the command begins, and not while the
    shell completes a line. What is wrong with the text is said with the parameter's name."""

    def callback(context: typer.Context, text: str | None) -> Any:
        if text is None or context.resilient_parsing:
            return text
        try:
            return read(text)
        except FileError:  # names a file and a line instead
            raise
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return callback


def read_as(metavar: str, read: Callable[[str], object]) -> dict[str, Any]:
    """Of a parameter whose value is what `read` makes of its text."""
    return {"parser": str, "metavar": metavar, "callback": first(read)}


MOMENT: Final = read_as("TIME", moment)  # ISO 8601, or how long ago
TIME: Final = read_as("TIME", time_to_come)  # ISO 8601
DryRun = Annotated[bool, option("Show what it would do, and end.", "--dry-run")]
Limit = Annotated[int, option("How many.", min=1)]
Quiet = Annotated[bool, option("Log only warnings.", "--quiet", "-q")]
Rate = Annotated[int, option("How many a second, at most.", min=1, max=1000)]
Reason = Annotated[str, option("Why. It is kept in the history.", "--reason", "-r")]
Yes = Annotated[bool, option("Do not ask.", "--yes", "-y")]
OfNamespace = Annotated[
    str | None, option("Of this namespace.", "--namespace", "-n", offers=completion.namespaces)
]
OfTemplate = Annotated[
    str | None,
    option("Of this template: NAME or NAMESPACE/NAME.", offers=completion.template_names),
]


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


@first
def json_text(text: str) -> JsonText:
    """A callback: JSON, @FILE, or - for standard input; passed on as it is."""
    if text == "-":
        return json_in(sys.stdin.buffer.read(), "standard input")
    if text.startswith("@"):
        return json_in(Path(text[1:]).read_bytes(), text[1:])
    try:
        return given(text)
    except ValueError as error:
        raise ValueError(f"this is not JSON: {error}") from None


def json_in(data: bytes, file: object, line: int = 1) -> JsonText:
    """The JSON in a file, or in this line of it and those that follow. Raises FileError."""
    try:
        return given(data.decode())
    except UnicodeDecodeError as error:
        line += data.count(b"\n", 0, error.start)
        wrong = "this is not text in UTF-8"
    except JsonError as error:
        line += error.line - 1
        wrong = f"this is not JSON: {error.what} (column {error.column})"
    except ValueError as error:
        wrong = f"this is not JSON for PostgreSQL: {error}"
    raise FileError(f"{file}:{line}: {wrong}")


class Place(NamedTuple):
    """Where a template or a schedule is: NAMESPACE/NAME."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def template_argument(text: str) -> tuple[Place, str | None]:
    """NAMESPACE/NAME or NAMESPACE/NAME@VERSION. Raises ValueError."""
    place, _, version = text.partition("@")
    namespace, slash, name = place.partition("/")
    if not (namespace and slash and name):
        raise ValueError(f"a template is written NAMESPACE/NAME or NAMESPACE/NAME@VERSION: {text}")
    return Place(namespace, name), version or None


# Tasks and steps: by their uuids, or by the ends of these

NEWEST: Final = 10_000  # tasks, among which the end of a uuid is looked for


def uuid_of(text: str) -> UUID:
    """A uuid; or its end, as `top` shows it, of one of the newest tasks, or of a step of one.

    Raises ValueError.
    """
    with suppress(ValueError):
        return UUID(text)
    end = text.removeprefix("…").replace("-", "").lower()
    if not re.fullmatch("[0-9a-f]{6,31}", end):
        raise ValueError(f"a uuid is needed, or the last six of its digits, or more: {text}")
    task, step = f"{end[:-5]}00000", int(end[-5:], 16)
    with opened() as client:
        newest = [one.task_uuid for one in listed(client, {}, NEWEST) if one.task_uuid]
    found = [uuid for uuid in newest if uuid.hex.endswith(task)]
    exact = [uuid for uuid in found if uuid.hex[-12:].lstrip("0") == task] or found
    if len(exact) != 1:
        known = f"these end so: {', '.join(map(str, exact[:5]))}" if exact else "none ends so"
        raise ValueError(f"{text}: of the newest {NEWEST:,} tasks, {known}")
    return UUID(int=exact[0].int | step)


def _is_task(uuid: UUID) -> bool:
    return place_of(uuid).task_uuid == uuid


def _task(text: str) -> UUID:
    uuid = uuid_of(text)
    if uuid.version == 7 and not _is_task(uuid):  # else it is none of ours: not found
        raise ValueError(f"{uuid} is a step of the task {place_of(uuid).task_uuid}")
    return uuid


def _step(text: str) -> UUID:
    task, slash, name = text.partition("/")
    try:
        uuid = uuid_of(task)
    except ValueError as error:
        raise ValueError(f"a step is its uuid, or TASK_UUID/NAME: {text}: {error}") from None
    if not slash:
        if uuid.version == 7 and _is_task(uuid):
            raise ValueError(f"{text} is a task; a step of it is written {text}/NAME")
        return uuid
    with opened() as client:
        steps = {one.name: one.step_uuid for one in client.get_task_steps(uuid)}
    if name not in steps:
        known = ", ".join([*steps][:20])
        raise ValueError(f"the task has no step {name!r}; it has {known}")
    return steps[name]


_AS_TASK: Final = read_as("TASK_UUID", _task)
AS_STEP: Final = read_as("STEP", _step)
TaskUuid = Annotated[UUID, argument("The task.", completion.tasks, **_AS_TASK)]
OpenTaskUuid = Annotated[UUID, argument("The task.", completion.open_tasks, **_AS_TASK)]
StepUuid = Annotated[UUID, argument("Its uuid, or TASK_UUID/NAME.", completion.steps, **AS_STEP)]
