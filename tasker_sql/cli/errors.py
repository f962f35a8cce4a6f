"""What an error means to whoever typed the command: what is said, and the exit code."""

from __future__ import annotations

import traceback
from typing import Final

from tasker_sql.cli.output import Part, line, put
from tasker_sql.errors import FileError, TaskerError, UnavailableError
from tasker_sql.masking import masked
from tasker_sql.schema.embedded import EmbeddedError
from tasker_sql.schema.migrations import SchemaError
from tasker_sql.templates.files import TemplateError
from tasker_sql.visible import visible_lines

NO, USAGE, NO_DATABASE, DEFECT = 1, 2, 3, 4
AWAY: Final = "the database cannot be reached"

KNOWN_ERRORS: Final = (
    TaskerError,
    UnavailableError,
    EmbeddedError,
    SchemaError,
    TemplateError,
    ValueError,
    OSError,
    ImportError,
)
SHOWN_FAULTS: Final = 20
NOT_ALLOWED: Final = "42501"
READ_ONLY: Final = "25006"


class Faults:
    """What is wrong with a file, to be said at once."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._more = 0

    def add(self, message: str) -> None:
        if len(self._first) < SHOWN_FAULTS:
            self._first.append(message)
        else:
            self._more += 1

    @property
    def error(self) -> FileError | None:
        """Nothing when nothing is wrong."""
        more = [f"and {self._more} more"] if self._more else []
        return FileError("\n".join([*self._first, *more])) if self._first else None

    def raise_any(self) -> None:
        if self.error:
            raise self.error


def complain(*message: str, detail: str = "", hint: str = "") -> None:
    """Say on stderr what went wrong, in one line or some; the facts, and what helps."""
    first, *more = map(masked, message)
    said: list[Part] = [line(("error: ", "bold red"), first), *more]
    said += [f"  {masked(detail)}"] if detail else []
    said += [line(("  hint: ", "bold"), hint)] if hint else []
    put(said, stderr=True)


def confess(defect: Exception) -> None:
    """Show the traceback of a defect on stderr."""
    told = "".join(traceback.format_exception(defect)).rstrip("\n")
    put([line(one) for one in visible_lines(masked(told))], stderr=True)


def explain(error: Exception) -> int:
    """Say what an error means; the exit code."""
    if isinstance(error, TaskerError) and error.sqlstate == NOT_ALLOWED:
        hint = "Connect as a role that may: see DATABASE_URL."
        complain(error.message, detail=error.detail, hint=hint)
        return NO_DATABASE
    if isinstance(error, TaskerError) and error.sqlstate.startswith(("42", "3F")):
        hint = "tasker-sql is not installed there, or not up to date: run `tasker-sql db upgrade`."
        complain(error.message, hint=hint)
        return NO_DATABASE
    if isinstance(error, TaskerError):
        complain(error.message, detail=error.detail, hint=error.hint)
        return NO
    if isinstance(error, UnavailableError) and error.sqlstate == READ_ONLY:
        hint = (
            "It is a standby, or it lets this role only read: DATABASE_URL must name the primary."
        )
        complain("the database is read-only", *_lines(error, "  "), hint=hint)
        return NO_DATABASE
    if isinstance(error, UnavailableError):
        complain(AWAY, *_lines(error, "  "), hint="Is DATABASE_URL right?")
        return NO_DATABASE
    if isinstance(error, EmbeddedError | SchemaError):
        complain(*_lines(error))
        return NO_DATABASE
    if isinstance(error, TemplateError | FileError):  # its lines begin as editors like to read them
        put([*map(masked, _lines(error))], stderr=True)
    else:
        complain(*_lines(error))
    return USAGE if isinstance(error, ValueError) else NO


def _lines(error: Exception, indent: str = "") -> list[str]:
    """An error of this machine, which may have a line for each fault."""
    return [f"{indent}{one}" for one in (str(error) or type(error).__name__).split("\n")]
