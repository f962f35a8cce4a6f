"""What an operator can do: the statements, as they are shown and run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from tasker_sql.rows import AppliedRepair

WHY: Final = "<why>"  # stands in a statement for the reason that the operator will give
DONE: Final = {"complete", "cancelled", "resolved_manually", "skipped", "upstream_failed"}


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that an operator can do: its key, its name, and its statement; that of one for
    `many` only plans. With a `form`, a JSON Schema, it is the step that a value is asked for."""

    key: str
    name: str
    statement: str
    many: bool = False
    form: Any = None


def literal(text: str) -> str:
    """A text as SQL reads it, whatever standard_conforming_strings is."""
    quoted = "'" + text.replace("'", "''") + "'"
    return f"E{quoted.replace(chr(92), chr(92) * 2)}" if "\\" in text else quoted


def statement(function: str, *arguments: object) -> str:
    """A call as it is shown and run."""
    literals = ", ".join(literal(str(argument)) for argument in arguments)
    return f"select * from tasker.{function}({literals})"


def with_reason(sql: str, reason: str) -> str:
    """The statement with the reason that was given."""
    return sql.replace(f"'{WHY}'", literal(reason))


def needs_reason(sql: str) -> bool:
    return f"'{WHY}'" in sql


def cure_verbs(cure: str | None) -> tuple[Verb, ...]:
    """A cure can be run from here when it is one call of a function of ours; advice may follow.
    What `tasker-sql dlq retry` does is done here, too."""
    if found := CALL.fullmatch(cure or ""):
        return (Verb("x", "run cure", found[1]),)
    if found := RETRY_ALL.fullmatch(cure or ""):
        options = dict(re.findall(r"--([a-z]+) (\S+)", found[1]))
        return (many_verb("x", "run cure", "retry_step", options),)
    return ()


def many_verb(key: str, name: str, verb: str, wanted: Mapping[str, str]) -> Verb:
    """Do the same to all that match a filter."""
    return Verb(key, name, statement("plan_repair", verb, json.dumps(wanted)), many=True)


CALL: Final = re.compile(
    r"(select \* from tasker\.[a-z]\w*\((?:E?'(?:[^'\\]|''|\\\\)*'|[^'();])*\))(?:; .*)?", re.DOTALL
)


OPTION: Final = r"--(?:namespace|template|step|fingerprint) [\w.-]+"
RETRY_ALL: Final = re.compile(rf"tasker-sql dlq retry ({OPTION}(?: {OPTION})*) --reason '{WHY}'")


def task_verbs(uuid: UUID, state: str, pause: str) -> tuple[Verb, ...]:
    if state in DONE or state == "error":
        return ()
    return (
        Verb("P", f"{pause} task", statement(f"{pause}_task", uuid, WHY)),
        Verb("C", "cancel task", statement("cancel_task", uuid, WHY)),
    )


def requeue(uuid: UUID) -> Verb:
    """Take a step back from its worker, or put its message in the queue again."""
    return Verb("Q", "requeue step", statement("requeue_step", uuid, WHY))


def step_verbs(uuid: UUID, state: str) -> tuple[Verb, ...]:
    verbs = []
    if state in ("error", "waiting_for_retry"):
        verbs.append(Verb("R", "retry step", statement("retry_step", uuid, WHY)))
    if state in ("enqueued", "in_progress"):
        verbs.append(requeue(uuid))
    if state not in DONE:
        verbs.append(Verb("S", "resolve step", statement("resolve_step", uuid, WHY)))
    return tuple(verbs)


def repaired(
    apply: Callable[[], AppliedRepair], pause: Callable[[float], Any]
) -> Iterator[AppliedRepair]:
    """Carry a plan out, one call a second: what all calls have done, and what remains. It ends
    early when the pause between two calls says so."""
    total = AppliedRepair(0, 0, 1, None)
    while total.remaining:
        began = time.monotonic()
        done = apply()
        total = AppliedRepair(
            *(total.applied + done.applied, total.refused + done.refused, done.remaining),
            done.last_refusal or total.last_refusal,
        )
        yield total
        if total.remaining and pause(max(0.0, began + 1 - time.monotonic())):
            return
