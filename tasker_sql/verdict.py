"""Whose trouble an error of the database is: one table, for everybody who calls it.

A finished result, or a transaction that was rolled back, is given up only when the error is its
own. Everything else passes: it is the moment's, the server's, or somebody else's, and the same call
is made again.

Several codes are ours only when our own function raised them: a trigger of somebody else on our
tables may raise whatever it likes. The context of an error names the functions, the innermost
first; in every language, PostgreSQL writes those of PL/pgSQL in the same way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Whose(StrEnum):
    """Whose trouble it is."""

    CLAIM = "the claim's"  # the step was taken away: drop what was made of it
    NOBODY = "nobody's"  # this claim completed the step before
    RESULT = "the result's"  # our own check refuses it
    CALLER = "the caller's"  # the contract: our own function refuses the call
    WRITES = "the transaction's"  # what else it wrote breaks a constraint when it commits
    MOMENT = "the moment's"  # the same call may be made again at once
    TIME = "a time limit's"  # of statements, by a setting, or by somebody who cancels
    CONNECTION = "the connection's"
    STANDBY = "a read-only server's"  # or a setting's
    SERVER = "the server's"  # it is full, or broken
    SCHEMA = "the schema's"  # something is missing or has changed below us
    RIGHT = "a missing right's"
    OTHERS = "somebody else's"  # a trigger, an extension


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an error means for the caller.

    `longest` bounds the pause in seconds before it is made again. `answered` says that the database
    works, `counts` that it does not; neither, that the error says nothing about it. `reconnect`
    asks for a new connection first.
    """

    whose: Whose
    longest: float = 1.0
    answered: bool = False
    counts: bool = False
    reconnect: bool = False

    @property
    def unavailable(self) -> bool:
        """Whether there was no answer, so that nobody knows what was done."""
        return self.whose in (Whose.CONNECTION, Whose.STANDBY, Whose.SERVER)


CLAIM: Final = Verdict(Whose.CLAIM, answered=True)
NOBODY: Final = Verdict(Whose.NOBODY, answered=True)
RESULT: Final = Verdict(Whose.RESULT, answered=True)
CALLER: Final = Verdict(Whose.CALLER, answered=True)
WRITES: Final = Verdict(Whose.WRITES, answered=True)
MOMENT: Final = Verdict(Whose.MOMENT)
TIME: Final = Verdict(Whose.TIME, longest=5.0)
CONNECTION: Final = Verdict(Whose.CONNECTION, counts=True, reconnect=True)
IDLE: Final = Verdict(Whose.CONNECTION, reconnect=True)
STANDBY: Final = Verdict(Whose.STANDBY, counts=True, reconnect=True)
SERVER: Final = Verdict(Whose.SERVER, counts=True, reconnect=True)
SCHEMA: Final = Verdict(Whose.SCHEMA, longest=5.0, reconnect=True)
RIGHT: Final = Verdict(Whose.RIGHT, longest=30.0)
OTHERS: Final = Verdict(Whose.OTHERS, longest=30.0)

BY_CODE: Final = {
    "40001": MOMENT,  # serialization failure
    "40P01": MOMENT,  # deadlock
    "55P03": MOMENT,  # lock_timeout
    "57014": TIME,  # statement_timeout, or pg_cancel_backend
    "25006": STANDBY,
    "25P03": CONNECTION,  # idle_in_transaction_session_timeout
    "25P04": CONNECTION,  # transaction_timeout
    "57P01": CONNECTION,  # the server is shut down
    "57P02": CONNECTION,  # it crashed
    "57P03": CONNECTION,  # it is starting
    "57P04": CONNECTION,  # the database is dropped
    "57P05": IDLE,  # idle_session_timeout
    "42883": SCHEMA,  # no such function
    "42P01": SCHEMA,  # no such table
    "42703": SCHEMA,  # no such column
    "42704": SCHEMA,  # no such object
    "3F000": SCHEMA,  # no such schema
    "0A000": SCHEMA,  # a cached plan must not change its result type
    "26000": SCHEMA,  # a pooler: no such prepared statement
    "42P05": SCHEMA,  # a pooler: it is there already
    "42501": RIGHT,
    "3D000": RIGHT,  # no such database
}
BY_CLASS: Final = {
    "08": CONNECTION,
    "28": RIGHT,
    "53": SERVER,  # disk, memory, connections
    "58": SERVER,  # the system
    "XX": SERVER,  # data corruption, an internal error
}

# What our check of outcomes raises, and the server before it, about text that is not jsonb.
_OF_RESULTS: Final = {"22023", "TK006", "22P02", "22P05", "54000", "54001"}
_OURS: Final = ("tasker.", "tasker_queues.", "pgmq.")
_FRAME: Final = re.compile(r'PL/pgSQL.*?([a-z_"][\w$."]*)\(', re.ASCII | re.IGNORECASE)


def frames(context: str) -> list[str]:
    """The functions that an error came through, the innermost first."""
    found = (_FRAME.search(line) for line in context.splitlines())
    return [frame[1] for frame in found if frame]


def verdict(sqlstate: str | None, context: str = "", table: str = "") -> Verdict:
    """Whose trouble an error is; without a code there was no server to send one. `table` is that
    of a constraint, with its schema."""
    if sqlstate is None:
        return CONNECTION
    through = frames(context)
    ours = not through or through[0].startswith("tasker.")
    if sqlstate in _OF_RESULTS and ours and (not through or "tasker._outcomes" in through):
        return RESULT
    if ours and (sqlstate.startswith("TK") or sqlstate == "22023"):
        return _of_ours(sqlstate, through)
    if table and not context and not table.startswith(_OURS):
        return WRITES
    return BY_CODE.get(sqlstate) or BY_CLASS.get(sqlstate[:2]) or OTHERS


# What operators look up: the codes of `problems`, and what a server says that lets nobody in, which
# comes without a code.
_TROUBLES: Final = {
    Whose.STANDBY: "read_only",
    Whose.SCHEMA: "schema_changed",
    Whose.RIGHT: "permission_missing",
}
_REFUSALS: Final = {
    "too_many_connections": re.compile(r"too many (connections|clients)|slots are reserved"),
    "permission_missing": re.compile(r"authentication failed|no pg_hba|permission denied for"),
}


def trouble(sqlstate: str | None, message: str = "", context: str = "") -> str | None:
    """The code of the problem that an operator has to deal with; None when there is none."""
    if sqlstate is None:
        return next((code for code, said in _REFUSALS.items() if said.search(message)), None)
    if sqlstate in ("53100", "53300"):
        return "disk_full" if sqlstate == "53100" else "too_many_connections"
    if sqlstate in ("26000", "42P05", "3D000"):
        return None
    return _TROUBLES.get(verdict(sqlstate, context).whose)


def _of_ours(sqlstate: str, through: list[str]) -> Verdict:
    if sqlstate == "TK009":
        return NOBODY
    if sqlstate == "TK001" or (sqlstate == "TK002" and through[:1] == ["tasker._stale"]):
        return CLAIM
    return CALLER
