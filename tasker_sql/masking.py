"""Passwords and tokens do not get out: `***` stands for them in everything that is shown.

`connection` shows what it understands of a connection string, and nothing else of it. `masked` is
for text whose author is unknown, such as the lines of a log: the secrets that this process uses
(`remember`) are replaced however they are spelled there, and so is everything else that looks like
a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

HIDDEN: Final = "***"
HARMLESS: Final = ("host", "hostaddr", "port", "dbname", "user", "application_name", "sslmode")
SECRET: Final = (
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
)
# What a harmless value looks like. Another one is perhaps a piece of a password.
SOUND: Final = re.compile(r"[^\s:@?#&=%/]*|[\w.,-]+|/[\w./,-]*|[\da-fA-F:.,%]+")
OUR_WORDS: Final = {"tasker", "postgres", "postgresql", "pgmq", "public"}  # a log is full of them
SHORT: Final = 6  # characters: a shorter secret is only replaced where it is a word
_known: Mapping[str, re.Pattern[str]] = {}  # the secrets of this process, the longest first

QUOTED: Final = r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*\""""
URL_PASSWORD: Final = re.compile(r"(://[^:/@\s]*:)\S*@")
NAMES: Final = "|".join(
    "".join(f"(?:{char}|%{ord(char):02x})" for char in name)  # in a URL, a name may be encoded, too
    for name in ("password", "passwd", "passphrase", "pwd", "secret")
)
NAMED: Final = re.compile(
    rf"""((?:{NAMES})\w*["']?\s*[=:]\s*)(b?(?:{QUOTED})|(?:\\.|[^\s\\])+)""", re.IGNORECASE
)
AUTHORIZATION: Final = re.compile(
    rf"""(authorization["']?\s*[=:,]\s*)(?:b?(?:{QUOTED})|(?:\w+\s+)?\S+)|\b(bearer\s+)[^\s"',;)}}\]]+""",
    re.IGNORECASE,
)


def connection(dsn: str) -> str:
    """A connection string as it may be shown; one that is not understood shows nothing."""
    from psycopg.conninfo import make_conninfo

    if not dsn:
        return dsn
    found = _parsed(dsn)
    if found is None:
        return HIDDEN
    return make_conninfo(
        **{name: value if name in HARMLESS else HIDDEN for name, value in found.items()}
    )


def masked(text: str) -> str:
    """A text without secrets."""
    for pattern in _known.values():
        text = pattern.sub(HIDDEN, text)
    text = URL_PASSWORD.sub(rf"\1{HIDDEN}@", text)
    text = NAMED.sub(rf"\1{HIDDEN}", text)
    return AUTHORIZATION.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", text)


def masked_value(value: Any) -> Any:
    """A value as it goes into JSON, without secrets in its texts."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {
            masked(str(key)): HIDDEN if NAMED.match(f"{key}=x") else masked_value(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked_value(item) for item in value]
    return value


def remember(secret: str) -> None:
    """From now on `masked` hides this."""
    global _known
    if secret and secret not in _known and secret.lower() not in OUR_WORDS:
        patterns = {**_known, secret: re.compile(_spellings(secret))}
        _known = {known: patterns[known] for known in sorted(patterns, key=len, reverse=True)}


def remember_connection(dsn: str) -> None:
    """From now on `masked` hides the secrets of this connection string."""
    raw = _parts(dsn)
    if raw is None:
        remember(dsn)
        return
    shown = _parsed(dsn) or {}
    plain = {value for name, value in shown.items() if name in HARMLESS}
    for name, value in raw.items():
        if (name in SECRET or name not in shown) and value not in plain:
            remember(value)


def _parsed(dsn: str) -> dict[str, str] | None:
    """The parts of a connection string that can be understood: with an unescaped `@`, `/` or `:` in
    a password, its rest becomes a host, a port or a database."""
    found = _parts(dsn)
    if found is None:
        return None
    harmless = [value for name, value in found.items() if name in HARMLESS]
    is_sound = all(SOUND.fullmatch(value) for value in harmless)
    return found if is_sound and re.fullmatch(r"[\d,]*", found.get("port", "")) else None


def _parts(dsn: str) -> dict[str, str] | None:
    """What libpq makes of a connection string, if anything."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    except ProgrammingError:
        return None


def _spellings(secret: str) -> str:
    """A pattern for a text as it is, in a URL, in a connection string, in JSON or in Python."""
    pattern = "".join(f"(?:{'|'.join(_spelled(char))})" for char in secret)
    return pattern if len(secret) >= SHORT else rf"(?<![^\W_]){pattern}(?![^\W_])"


def _spelled(char: str) -> Iterator[str]:
    quotes = "" if char.isalnum() else r"\\*"
    yield quotes + re.escape(char) + ("'?" if char == "'" else "")
    yield "(?i:" + "".join(f"%{byte:02x}" for byte in char.encode(errors="replace")) + ")"
    escaped = {ascii(char)[1:-1], f"\\u{ord(char):04x}", f"\\x{ord(char):02x}"}
    yield from (f"(?i:{re.escape(one)})" for one in sorted(escaped) if one != char)
    if char == " ":
        yield r"\+"
