"""What a step is called with: written into its template, and read again where its handler runs.

Each parameter of a step has a source in the `initialization` of its handler: a path into the task,
such as `$.context.amount` or `$.results.check`, or a constant. So a task that was created before a
deployment keeps the flow of data of its own version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from tasker_sql.errors import BadInputError
from tasker_sql.worker.handlers import Step

CONTEXT: Final = "context"
RESULTS: Final = "results"

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PART: Final = re.compile(r'\.([A-Za-z_][A-Za-z0-9_]*)|\.("(?:[^"\\]|\\.)*")|\[([0-9]+)\]')


def path(parts: Sequence[str | int]) -> str:
    """Parts of the task as a path, in the notation of SQL/JSON: `$.results.check.items[0]`."""
    written = "$"
    for part in parts:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            written += f".{part if _PLAIN.fullmatch(part) else json.dumps(part)}"
    return written


def constant(text: str) -> str:
    """A text that is not a path."""
    return f"${text}" if text.startswith("$") else text


def value(source: Any, step: Step) -> Any:
    """What a source stands for in a task. Raises BadInputError when it is not there."""
    if isinstance(source, str) and source.startswith("$"):
        return source[1:] if source.startswith("$$") else _at(source, step)
    if isinstance(source, list):
        return [value(item, step) for item in source]
    if isinstance(source, dict):
        return {key: value(item, step) for key, item in source.items()}
    return source


def _at(source: str, step: Step) -> Any:
    found: Any = {CONTEXT: step.context, RESULTS: step.results}
    for plain, quoted, index in _PART.findall(source):
        key = int(index) if index else json.loads(quoted) if quoted else plain
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            raise BadInputError(f"{described(source)} is not there: nothing has {key!r}") from None
    return found


def described(source: Any) -> str:
    """A source in a message."""
    parts = [plain or quoted or index for plain, quoted, index in _PART.findall(str(source))]
    if not isinstance(source, str) or not source.startswith("$.") or not parts:
        return "the argument"
    whole = 1 if parts[0] == CONTEXT else 2
    of = "the context" if whole == 1 else f"the result of {parts[1]}"
    return f"{'.'.join(parts[whole:])} of {of}" if parts[whole:] else of
