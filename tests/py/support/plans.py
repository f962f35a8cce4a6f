"""Plans as PostgreSQL carried them out, of a statement and of all that its functions run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg.errors import Diagnostic

SETTINGS: tuple[LiteralString, ...] = (
    "set statement_timeout = '60s'",  # a plan that hangs is a failure, and not a wait
    "load 'auto_explain'",
    "set auto_explain.log_nested_statements = on",
    "set auto_explain.log_analyze = on",
    "set auto_explain.log_buffers = on",
    "set auto_explain.log_timing = off",
    "set auto_explain.log_format = json",
    "set auto_explain.log_level = notice",
)

# What grows with the work that was done or waits to be done.
GROWS = re.compile(
    r"^(steps|tasks|transitions|open_tasks|idempotency_keys|step_failures|dead_steps|timers"
    r"|unfinalized_tasks|submissions|finalization_attempts|[qa]_\w+)$"
)
FEW = 500  # rows


@dataclass(frozen=True)
class Seen:
    """What one statement did: pages read, and every node of every plan with its statement."""

    pages: int
    nodes: Sequence[tuple[dict[str, Any], str]]

    def relations(self) -> set[str]:
        return {node["Relation Name"] for node, _ in self.nodes if "Relation Name" in node}

    def faults(self, shown: str = "") -> list[str]:
        """Rows that were compared in vain, and tables that grow and were read from end to end,
        but for the one that is shown."""
        found = []
        for node, text in self.nodes:
            loops = node["Actual Loops"]
            removed = node.get("Rows Removed by Join Filter", 0) * loops
            relation = node.get("Relation Name", "")
            rows = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * loops
            if removed > FEW:
                found.append(f"{removed:.0f} rows removed by a join filter in: {text}")
            scanned = node["Node Type"] == "Seq Scan" and relation != shown
            if scanned and GROWS.match(relation) and rows > FEW:
                found.append(f"{rows:.0f} rows of {relation} read from end to end in: {text}")
        return found


class Explained:
    """A connection that can tell what a statement did."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        for setting in SETTINGS:
            self.connection.execute(setting)
        self._plans: list[dict[str, Any]] = []
        self.connection.add_notice_handler(self._note)

    def __enter__(self) -> Explained:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def _note(self, notice: Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:" in text:
            self._plans.append(json.loads(text[text.index("{") :]))

    def run(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        cursor = self.connection.execute(sql.encode(), arguments or None)
        return cursor.fetchall() if cursor.description else []

    def see(self, sql: str, *arguments: Any) -> tuple[list[tuple[Any, ...]], Seen]:
        """The rows of a statement, and what it did."""
        self._plans.clear()
        self.connection.execute("set auto_explain.log_min_duration = 0")
        self._plans.clear()
        rows = self.run(sql, *arguments)
        whole = self._plans[-1]["Plan"]  # the outermost statement ends last
        nodes = [(node, plan["Query Text"]) for plan in self._plans for node in _nodes(plan)]
        self.connection.execute("set auto_explain.log_min_duration = -1")
        return rows, Seen(whole["Shared Hit Blocks"] + whole["Shared Read Blocks"], nodes)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [plan["Plan"]]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.get("Plans", [])
