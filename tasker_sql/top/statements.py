"""What an operator can do: the statements, as they are shown and run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

WHY: Final = "<why>"  # stands in a statement for the reason that the operator will give
DONE: Final = {"complete", "cancelled", "resolved_manually", "skipped"}


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that an operator can do: its key, its name, and its statement."""

    key: str
    name: str
    statement: str


def literal(text: str) -> str:
    """A text as SQL reads it, whatever standard_conforming_strings is."""
    quoted = "'" + text.replace("'", "''") + "'"
    return f"E{quoted.replace(chr(92), chr(92) * 2)}" if "\\" in text else quoted


def statement(function: str, *arguments: object) -> str:
    """A call as it is shown and run."""
    return f"select * from tasker.{function}({', '.join(literal(str(a)) for a in arguments)})"


def with_reason(sql: str, reason: str) -> str:
    """The statement with the reason that was given."""
    return sql.replace(f"'{WHY}'", literal(reason))


def needs_reason(sql: str) -> bool:
    return f"'{WHY}'" in sql


def cure_verbs(cure: str | None) -> tuple[Verb, ...]:
    """A cure can be run from here when it is one call of a function of ours; advice may follow."""
    found = CALL.fullmatch(cure or "")
    return (Verb("x", "run cure", found[1]),) if found else ()


CALL: Final = re.compile(
    r"(select \* from tasker\.[a-z]\w*\((?:E?'(?:[^'\\]|''|\\\\)*'|[^'();])*\))(?:; .*)?", re.DOTALL
)


def task_verbs(uuid: UUID, state: str, pause: str | None) -> tuple[Verb, ...]:
    if state in DONE or state == "error":
        return ()
    verbs = [Verb("P", f"{pause} task", statement(f"{pause}_task", uuid, WHY))] if pause else []
    return (*verbs, Verb("C", "cancel task", statement("cancel_task", uuid, WHY)))


def step_verbs(uuid: UUID, state: str) -> tuple[Verb, ...]:
    verbs = []
    if state in ("error", "waiting_for_retry"):
        verbs.append(Verb("R", "retry step", statement("retry_step", uuid, WHY)))
    if state not in DONE:
        verbs.append(Verb("S", "settle step", statement("resolve_step", uuid, WHY)))
    return tuple(verbs)
