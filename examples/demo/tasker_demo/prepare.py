"""Before the run: the demo's own schemas, its templates, the orders and days to work on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from tasker_demo import dataset, orders
from tasker_sql.client import Client
from tasker_sql.errors import IllegalTransitionError
from tasker_sql.templates import files as templates

Connection = psycopg.Connection[Any]

HERE: Final = Path(__file__).parent
OURS: Final = "tasker-sql demo"
VERSION: Final = "1.0.0"  # of all templates
TEMPLATES: Final = ("process_order", "large_order", "analyze_day", "report_night")


class PrepareError(Exception):
    """The demo cannot run in this database. The message says what helps."""


@dataclass(frozen=True)
class Run:
    """What there is to do: the tasks, each with its order or its day."""

    number: int
    order_tasks: dict[UUID, int]
    day_tasks: dict[UUID, date]
    continued: bool = False

    @property
    def tasks(self) -> list[UUID]:
        return [*self.order_tasks, *self.day_tasks]


def install(connection: Connection, *, fresh: bool, flights: bool) -> None:
    """Make the schemas `shop` and `flights`, unless they are there. `fresh` drops them before.

    Raises PrepareError when a schema of that name is not the demo's, or is of another version.
    """
    names = ["shop", "flights"] if flights else ["shop"]
    with connection.transaction():
        if fresh:
            _drop(connection)
        for name in names:
            _install(connection, name)
    for name in TEMPLATES:
        template = templates.load(HERE / "templates" / f"{name}.yaml")
        Client(connection).register_template(template.definition)


def _install(connection: Connection, name: str) -> None:
    text = (HERE / f"{name}.sql").read_bytes()
    mark = f"{OURS} {sha256(text).hexdigest()[:8]}"
    found = _mark(connection, name)
    if found == mark:
        return
    if found is not None and found.startswith(OURS):
        raise PrepareError(
            f"the schema {name} was made by another version of the demo: "
            "`tasker-sql demo --fresh` makes it again"
        )
    if found is not None:
        raise PrepareError(
            f"this database has a schema {name} that is not the demo's; "
            "DATABASE_URL chooses another database"
        )
    connection.execute(text)
    connection.execute(f"comment on schema {name} is '{mark}'".encode())
    if name == "flights":
        for table in ("airlines", "airports", "planes"):
            copy = f"copy flights.{table} from stdin (format csv, header, null 'NA')"
            with connection.cursor() as cursor, cursor.copy(copy.encode()) as into:
                into.write(dataset.read(table))


def _mark(connection: Connection, name: str) -> str | None:
    """The comment of a schema; nothing when there is no such schema."""
    row = connection.execute(
        """
        select coalesce(pg_catalog.obj_description(oid, 'pg_namespace'), '')
          from pg_catalog.pg_namespace
         where nspname = %s
        """,
        [name],
    ).fetchone()
    return None if row is None else str(row[0])


def _drop(connection: Connection) -> None:
    """Drop the demo's schemas, and cancel what an interrupted run has left open."""
    shop, flights = (
        (_mark(connection, name) or "").startswith(OURS) for name in ("shop", "flights")
    )
    if shop:
        left = "select task_uuid from shop.orders natural join shop.runs where finished_at is null"
        if flights:
            left += """
                union all
                select task_uuid from flights.requests natural join shop.runs
                 where finished_at is null"""
        for (task_uuid,) in connection.execute(left.encode()).fetchall():
            try:
                with connection.transaction():
                    Client(connection).cancel_task(task_uuid, "tasker-sql demo --fresh")
            except IllegalTransitionError:
                pass  # it has ended
        connection.execute("drop schema shop cascade")
    if flights:
        connection.execute("drop schema flights cascade")


def begin(connection: Connection, order_count: int, days: list[date]) -> Run:
    """Create a run with its tasks, or continue one like it that was interrupted.

    All in one transaction: with each order comes the task that processes it, or neither.
    """
    with connection.transaction():
        connection.execute("lock table shop.runs in share row exclusive mode")
        row = connection.execute(
            "select run from shop.runs where finished_at is null order by run desc limit 1"
        ).fetchone()
        if row is not None:
            left = _load(connection, row[0])
            if len(left.order_tasks) == order_count and list(left.day_tasks.values()) == days:
                return replace(left, continued=True)
        row = connection.execute("insert into shop.runs default values returning run").fetchone()
        assert row is not None
        _order(connection, row[0], orders.batch(row[0], order_count))
        _request(connection, row[0], days)
        return _load(connection, row[0])


def finish(connection: Connection, run: Run) -> None:
    """The run has ended: the next one begins again."""
    connection.execute(
        "update shop.runs set finished_at = clock_timestamp() where run = %s", [run.number]
    )


def _load(connection: Connection, number: int) -> Run:
    """A run as it stands in the tables."""
    placed = connection.execute(
        """
        select task_uuid, order_id from shop.orders where run = %s and order_id <= %s
         order by order_id
        """,
        [number, orders.LARGE_ORDERS],
    ).fetchall()
    days: list[Any] = []
    if _mark(connection, "flights") is not None:
        days = connection.execute(
            "select task_uuid, day from flights.requests where run = %s order by day", [number]
        ).fetchall()
    return Run(number, dict(placed), dict(days))


def _order(connection: Connection, run: int, batch: orders.Batch) -> None:
    """Bring goods into stock, and place the orders."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into shop.stock (sku, name, cents, available) values (%s, %s, %s, 0)
            on conflict do nothing
            """,
            [(item.sku, item.name, item.cents) for item in (*orders.PRODUCTS, orders.SCARCE)],
        )
        cursor.executemany("select shop.deliver(%s, %s)", list(batch.deliveries.items()))
        if not batch.orders:
            return
        tasks = Client(connection).create_tasks(
            "demo_orders",
            "process_order",
            [order.context for order in batch.orders],
            {"version": VERSION, "tags": ["demo"], "initiator": OURS},
        )
        copy = "copy shop.orders (order_id, run, customer, items, task_uuid) from stdin"
        with cursor.copy(copy) as into:
            for order, task in zip(batch.orders, tasks, strict=True):
                context = order.context
                into.write_row(
                    (
                        order.order_id,
                        run,
                        context["customer"],
                        Jsonb(context["items"]),
                        task.task_uuid,
                    )
                )


def _request(connection: Connection, run: int, days: list[date]) -> None:
    """Ask for the days to be analyzed."""
    if not days:
        return
    tasks = Client(connection).create_tasks(
        "demo_flights",
        "analyze_day",
        [{"day": day.isoformat()} for day in days],
        {"version": VERSION, "tags": ["demo"], "initiator": OURS},
    )
    copy = "copy flights.requests (run, day, task_uuid) from stdin"
    with connection.cursor() as cursor, cursor.copy(copy) as into:
        for day, task in zip(days, tasks, strict=True):
            into.write_row((run, day, task.task_uuid))
