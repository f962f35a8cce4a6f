"""The server, its sessions and our tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from tasker_sql.top.format import size, words
from tasker_sql.top.rows import OpenTransaction, ServerHealth, TableSize
from tasker_sql.top.snapshot import Snapshot
from tasker_sql.top.table import Column, Row, View, details, view_of

MANY: Final = 1000  # dead rows of which it is worth to speak
NEARLY: Final = 0.85  # of the connections


def database(seen: Snapshot) -> View:
    """The server, then open transactions, then our largest tables."""
    rows = [
        Row(what, (what, value, note), ((what, value), ("note", note)))
        for server in seen.of(ServerHealth)
        for what, value, note in _facts(server, seen.status.at)
    ]
    rows += [_transaction(one, seen.status.at) for one in seen.of(OpenTransaction)]
    rows += [_table(one) for one in seen.of(TableSize)]
    columns = (Column("what"), Column("value", right=True), Column("note", stretches=True))
    return view_of(seen, "database", columns, rows, "The role may not read statistics.")


def _facts(one: ServerHealth, at: datetime) -> Iterable[tuple[str, Any, str | None]]:
    kind = "a standby: read only" if one.is_standby else f"started {words(one.started_at, at)}"
    yield "PostgreSQL", one.version, kind
    rest = f"{one.active_connections} active; the server takes {one.max_connections}"
    full = "NEARLY FULL: " if one.connections >= NEARLY * one.max_connections else ""
    yield "connections", one.connections, full + rest
    holds = "they hold locks and dead rows" if one.idle_in_transaction else None
    yield "idle in transaction", one.idle_in_transaction, holds
    yield "waiting for a lock", one.waiting_for_locks, None
    oldest = "vacuum cannot clean what it may still see" if one.oldest_transaction_at else None
    yield "oldest transaction", _past(one.oldest_transaction_at, at), oldest
    yield "deadlocks", one.deadlocks, "since the statistics began"
    total = one.commits + one.rollbacks
    yield "transactions", total, f"{one.rollbacks / total:.1%} rolled back" if total else None
    yield "cache hits", f"{one.cache_hits:.1f} %" if one.cache_hits is not None else None, None
    yield "size of the database", size(one.size), None


def _past(moment: datetime | None, at: datetime) -> datetime | None:
    """Sessions are seen as they are now, a moment after `at`."""
    return moment and min(moment, at)


def _transaction(one: OpenTransaction, at: datetime) -> Row:
    blocked = f"blocked by {', '.join(map(str, one.blocked_by))}" if one.blocked_by else None
    who = f"{one.role} {one.application}".strip()
    note = ", ".join(word for word in (who, one.state, one.waits_for, blocked) if word)
    name = f"process {one.pid}"
    cells = (name, _past(one.began_at, at), note)
    facts = (("began at", _past(one.began_at, at)), ("address", one.address or "this machine"))
    return Row(
        name, cells, details(one, ("process", str(one.pid)), ("who", note), *facts, skip="pid")
    )


def _table(one: TableSize) -> Row:
    total = one.live_rows + one.dead_rows
    dead = f", {one.dead_rows / total:.0%} dead" if one.dead_rows >= MANY else ""
    cells = (one.table, size(one.size), f"{one.live_rows:,} rows{dead}")
    vacuumed = ("vacuumed at", one.vacuumed_at or "never")
    return Row(one.table, cells, details(one, ("table", one.table), vacuumed, skip="size"))
