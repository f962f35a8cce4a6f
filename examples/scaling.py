"""Watch a runner scale: python examples/scaling.py [TASKS]

On a throw-away PostgreSQL, tasks are asked for in one burst. Each has a step that holds a database
connection for a quarter of a second. The pools grow, the connections run short, the executors hold
back; when the burst is over, the pools shrink. It takes about a minute; Ctrl-C ends it.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tasker_sql import config
from tasker_sql.client import Client, connect
from tasker_sql.ops.control import Health
from tasker_sql.ops.orchestrator import OrchestrationCore
from tasker_sql.schema import migrations as schema
from tasker_sql.schema.embedded import EmbeddedServer
from tasker_sql.worker.handlers import Registry, Step

CHOSEN = {
    "database.pool_size": 40,
    "orchestration.heartbeat": 0.5,
    "executor_pools.scaling.interval": 1,
    "executor_pools.scaling.cooldown": 2,
    "executor_pools.task_claimer.min": 4,
    "executor_pools.task_claimer.max": 60,
}
TEMPLATE = {
    "namespace_name": "burst",
    "name": "order",
    "version": "1.0.0",
    "steps": [{"name": "book", "handler": {"callable": "book"}}],
}
BARS = " ▁▂▃▄▅▆▇█"
WIDTH = 30  # samples that are shown

registry = Registry()


@registry.handler("book", transactional=True)
def book(_: Step, connection: psycopg.Connection[Any]) -> None:
    connection.execute("select pg_sleep(0.25)")


def ask_for(dsn: str, tasks: int) -> None:
    """Ask for tasks by message, all at once."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "select pgmq.send_batch('orchestration_task_requests', array_fill("
            """'{"namespace": "burst", "name": "order"}'::jsonb, array[%s]))""",
            [tasks],
        )


class Screen(logging.Handler):
    """What is shown: the pools, the connections, and the decisions as they are made."""

    def __init__(self) -> None:
        super().__init__()
        self.phase = ""
        self._began = time.monotonic()
        self._decisions: deque[str] = deque(maxlen=8)
        self._sizes: dict[str, deque[float]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if "executors:" in record.msg:
            self._decisions.append(f"{self._seconds:5.1f} s  {record.getMessage()}")

    def show(self, found: Health, tasks: int) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for header in ("pool", "executors", "", "busy", "waiting", "a second", "poll", "batch"):
            table.add_column(header, justify="left" if header in ("pool", "") else "right")
        for pool in found.pools:
            table.add_row(
                pool.pool,
                f"{pool.executors} of {pool.min_executors}-{pool.max_executors}",
                self._plot(pool.pool, pool.executors / pool.max_executors, "cyan"),
                f"{pool.utilization:.0%}",
                str(pool.queue_depth),
                f"{pool.throughput:.0f}",
                f"{pool.poll * 1000:.0f} ms",
                str(pool.batch),
            )
        size, used = CHOSEN["database.pool_size"], found.connections_used
        table.add_row(
            "connections in use",
            f"{used} of {size}",
            self._plot("connections", used / size, "magenta"),
            f"{used / size:.0%}",
            f"{found.callers_waiting:.0f}",
            *("", f"x {1 / found.pressure:.1f}", f"x {found.pressure:.2f}"),
        )
        head = Text(f"{self._seconds:5.1f} s  {self.phase}, {tasks} tasks to go\n", style="bold")
        return Group(head, table, Text("\n" + "\n".join(self._decisions), style="dim"))

    def _plot(self, name: str, value: float, style: str) -> Text:
        kept = self._sizes.setdefault(name, deque([0.0] * WIDTH, maxlen=WIDTH))
        kept.append(value)
        return Text("".join(BARS[round(min(one, 1) * 8)] for one in kept), style=style)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began


@contextmanager
def database() -> Iterator[str]:
    """A throw-away server."""
    with tempfile.TemporaryDirectory(prefix="tasker-sql-scaling-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "data", {"fsync": "off"})
        server.start()
        try:
            dsn = server.url("postgres")
            schema.upgrade(dsn)
            yield dsn
        finally:
            server.stop("immediate")


def watch(core: OrchestrationCore, client: Client, screen: Screen, tasks: int) -> None:
    """The burst from its beginning to its end, and the time after it."""
    with Live(refresh_per_second=4) as live:

        def until(phase: str, happened: Callable[[], bool]) -> None:
            screen.phase = phase
            while not happened():
                live.update(screen.show(core.health(), left()))
                time.sleep(0.5)
            live.update(screen.show(core.health(), left()))

        def left() -> int:
            return tasks - core.worker.done if asked else 0

        def at_rest() -> bool:
            return all(pool.executors == pool.min_executors for pool in core.health().pools)

        asked = False
        began = time.monotonic()
        until("nothing to do", lambda: time.monotonic() > began + 3)
        ask_for(core.dsn, tasks)
        asked = True
        until("a burst", lambda: left() == 0)
        until("the burst is over", at_rest)
    assert client.check_invariants() == []


def main() -> None:
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    screen = Screen()
    logging.getLogger("tasker_sql.ops.control").addHandler(screen)
    logging.getLogger("tasker_sql").setLevel(logging.INFO)
    print("starting a PostgreSQL ...")
    with database() as dsn:
        client = connect(dsn, "scaling")
        client.register_template(TEMPLATE)
        chosen = {"database.url": dsn, "orchestration.namespaces": ["burst"], **CHOSEN}
        with OrchestrationCore(config.load(chosen).config, registry) as core:
            watch(core, client, screen, tasks)
        client.close()


if __name__ == "__main__":
    main()
