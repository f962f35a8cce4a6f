"""What an error means to the person who typed the command: what is said, and the exit code."""

from __future__ import annotations

import traceback
from typing import Final

from tasker_sql.advice import KNOWN, advice
from tasker_sql.cli.output import Part, line, put
from tasker_sql.errors import FileError
from tasker_sql.masking import masked
from tasker_sql.templates.files import TemplateError
from tasker_sql.visible import visible_lines

NO, USAGE, NO_DATABASE, DEFECT = 1, 2, 3, 4
# Packages that an installation may lack, and what brings them.
BRINGS: Final = {
    **dict.fromkeys(("alembic", "pgmq", "sqlalchemy", "textual"), "tasker-sql"),
    **dict.fromkeys(
        ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn"), "'tasker-sql[server]'"
    ),
}
KNOWN_ERRORS: Final = (*KNOWN, TemplateError, ValueError, OSError, ImportError)


def complain(*message: str, detail: str = "", hint: str = "") -> None:
    """Print on stderr what went wrong, in one line or some; the facts, and what helps."""
    first, *more = map(masked, message)
    parts: list[Part] = [line(("error: ", "bold red"), first), *more]
    parts += [f"  {masked(detail)}"] if detail else []
    parts += [line(("  hint: ", "bold"), hint)] if hint else []
    put(parts, stderr=True)


def confess(defect: Exception) -> None:
    """Print the traceback of a defect on stderr."""
    text = "".join(traceback.format_exception(defect)).rstrip("\n")
    put([*visible_lines(masked(text))], stderr=True)


def explain(error: Exception) -> int:
    """Print what an error means; returns the exit code."""
    if isinstance(error, KNOWN):
        found = advice(error)
        complain(*found.message.split("\n"), detail=found.detail, hint=found.hint)
        return NO if found.is_refusal else NO_DATABASE
    if isinstance(error, ModuleNotFoundError) and error.name in BRINGS:
        complain(str(error), hint=f"pip install {BRINGS[error.name]}")
        return NO
    lines = (str(error) or type(error).__name__).split("\n")
    if isinstance(error, TemplateError | FileError):  # its lines begin as editors like to read them
        put([*map(masked, lines)], stderr=True)
    else:
        complain(*lines)
    return USAGE if isinstance(error, ValueError) else NO
