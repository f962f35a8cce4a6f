"""Why there is no answer: a sentence for each kind of trouble, and what helps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.schema import migrations
from tasker_sql.schema.embedded import EmbeddedError
from tasker_sql.schema.migrations import SchemaError

AWAY: Final = "the database cannot be reached"
NOT_ALLOWED: Final = "42501"
READ_ONLY: Final = "25006"
KNOWN: Final = (TaskerError, UnavailableError, EmbeddedError, SchemaError)

# SQLSTATEs; what libpq says where it has none, for a connection that was never made; the sentence;
# what helps. The first that fits.
KINDS: Final = (
    (
        {"28P01"},
        "password authentication failed|no password supplied",
        f"{AWAY}: the server refuses the password",
        "Check the password in DATABASE_URL, PGPASSWORD or ~/.pgpass.",
    ),
    (
        {"3D000"},
        'database ".*" does not exist',
        f"{AWAY}: the server has no such database",
        "Create it, and run `tasker-sql db upgrade`; or correct DATABASE_URL.",
    ),
    (
        {"28000"},
        'role ".*" does not exist|no pg_hba.conf entry|not permitted to log in|uthentication fail',
        f"{AWAY}: the server does not let this role in",
        "Check the role in DATABASE_URL, and pg_hba.conf on the server.",
    ),
    (
        {"53300"},
        "too many (clients|connections)|remaining connection slots",
        f"{AWAY}: the server takes no more connections",
        "Close some, or raise max_connections or the limit of the role or database.",
    ),
    (
        {"57P03"},
        "starting up|shutting down|in recovery mode|not currently accepting connections",
        f"{AWAY}: it takes no connections now",
        "The server starts, stops, or was configured to refuse them: try again in a moment.",
    ),
    (
        {READ_ONLY},
        "read-only transaction",
        "the database is read-only",
        "It is a standby, or it lets this role only read: DATABASE_URL must name the primary.",
    ),
    ({"53100"}, "No space left", "the disk of the database is full", "Free some space on it."),
    (
        set[str](),
        "timeout expired|timed out|was silent",
        f"{AWAY}: the server does not answer",
        "Is it alive, and does a firewall let packets through?",
    ),
    (
        set[str](),
        "translate host name|not known|resolve",
        f"{AWAY}: its host is unknown",
        "Check the host in DATABASE_URL.",
    ),
    (
        set[str](),
        "[Cc]onnection refused|No such file",
        f"{AWAY}: no server listens there",
        "Is PostgreSQL running, and are host and port in DATABASE_URL right?",
    ),
    (set[str](), "", AWAY, "Is DATABASE_URL right?"),
)


@dataclass(frozen=True)
class Explanation:
    """A sentence, the facts, and what helps; `is_refusal` when the database works and says no."""

    message: str
    detail: str = ""
    hint: str = ""
    is_refusal: bool = False

    def __str__(self) -> str:
        facts = f"{self.message}: {self.detail}" if self.detail else self.message
        return f"{facts}. {self.hint}" if self.hint else facts


def advice(error: Exception) -> Explanation:
    """What an error of the database means to people."""
    if isinstance(error, UnavailableError):
        text = str(error)
        for codes, pattern, message, hint in KINDS:
            if error.sqlstate in codes or (not error.sqlstate and re.search(pattern, text)):
                return Explanation(message, text, hint)
        return Explanation(AWAY, text)
    if not isinstance(error, TaskerError):
        return Explanation(str(error) or type(error).__name__)
    if error.sqlstate == NOT_ALLOWED:
        hint = "Connect as a role that may: see DATABASE_URL."
        return Explanation(error.message, error.detail, hint)
    if _lacks_schema(error):
        hint = f"Is tasker-sql installed there, and up to date? Run `{migrations.UPGRADE_COMMAND}`."
        return Explanation(error.message, "", hint)
    return Explanation(error.message, error.detail, error.hint, is_refusal=True)


def _lacks_schema(error: TaskerError) -> bool:
    return error.sqlstate != NOT_ALLOWED and error.sqlstate.startswith(("42", "3F"))


@contextmanager
def naming_schema(dsn: str) -> Iterator[None]:
    """Raises SchemaError for an error whose cause is the schema: missing, older, newer, damaged."""
    try:
        yield
    except TaskerError as error:
        if _lacks_schema(error):
            migrations.check(dsn)
            found, known = migrations.current(dsn), migrations.head()
            if found and found > known:
                raise SchemaError(
                    f"the database is at revision {found}, and this version of tasker-sql knows "
                    f"{known}: upgrade tasker-sql"
                ) from error
        raise
