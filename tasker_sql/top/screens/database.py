"""The server, its sessions and our tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from tasker_sql.durations import span
from tasker_sql.top.answers import DatabaseHealth, Relation, Transaction
from tasker_sql.top.snapshot import Snapshot
from tasker_sql.top.table import Column, Row, View, view_of
from tasker_sql.top.words import clock, size

MANY: Final = 1000  # dead rows of which it is worth to speak


def database(seen: Snapshot) -> View:
    """The server, then open transactions, then our largest tables."""
    at = seen.status.at
    rows = [_fact(*fact) for one in seen.of(DatabaseHealth) for fact in _facts(one, at)]
    rows += [_transaction(one) for one in seen.of(Transaction)]
    rows += [_relation(one) for one in seen.of(Relation)]
    columns = (Column("what"), Column("value", right=True), Column("note", stretches=True))
    return view_of(seen, "database", columns, rows, "The role may not read statistics.")


def _fact(what: str, value: Any, note: str | None) -> Row:
    return Row(what, (what, value, note), ((what, value), ("note", note)))


def _facts(one: DatabaseHealth, at: datetime) -> Iterable[tuple[str, Any, str | None]]:
    kind = "a standby: read only" if one.is_standby else None
    yield "PostgreSQL", one.version, kind or f"runs for {span(at - one.started_at)}"
    full = one.connections >= 0.85 * one.max_connections
    rest = f"{one.active_connections} active; the server takes {one.max_connections}"
    yield "connections", one.connections, f"NEARLY FULL: {rest}" if full else rest
    yield (
        *("idle in transaction", one.idle_in_transaction),
        "they hold locks and dead rows" if one.idle_in_transaction else None,
    )
    yield "waiting for a lock", one.waiting_for_locks, None
    yield (
        *("oldest transaction", one.oldest_transaction_at),
        "vacuum cannot clean what it may still see" if one.oldest_transaction_at else None,
    )
    yield "deadlocks", one.deadlocks, "since the statistics began"
    total = one.commits + one.rollbacks
    share = f"{one.rollbacks / total:.1%} rolled back" if total else None
    yield "transactions", total, share
    yield "cache hits", f"{one.cache_hits:.1f} %" if one.cache_hits is not None else None, None
    yield "size of the database", size(one.size), None


def _transaction(one: Transaction) -> Row:
    blocked = f"blocked by {', '.join(map(str, one.blocked_by))}" if one.blocked_by else None
    who = f"{one.role} {one.application}".strip()
    note = ", ".join(word for word in (who, one.state, one.waits_for, blocked) if word)
    return Row(
        f"process {one.pid}",
        (f"process {one.pid}", one.began_at, note),
        (
            ("process", str(one.pid)),
            ("who", note),
            ("from", one.address or "this machine"),
            ("began", clock(one.began_at)),
            ("last statement", one.query),
        ),
    )


def _relation(one: Relation) -> Row:
    total = one.live_rows + one.dead_rows
    dead = f", {one.dead_rows / total:.0%} dead" if one.dead_rows >= MANY else ""
    note = f"{one.live_rows:,} rows{dead}"
    return Row(
        one.table,
        (one.table, size(one.size), note),
        (
            ("table", one.table),
            ("rows", f"about {one.live_rows:,} live, {one.dead_rows:,} dead"),
            ("vacuumed", clock(one.vacuumed_at) or "never"),
        ),
    )
