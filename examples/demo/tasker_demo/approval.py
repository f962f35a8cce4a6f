"""An order above a limit: it waits until a person approves it, who is played here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from tasker_demo import orders
from tasker_demo.orders import Order
from tasker_demo.prepare import OURS, VERSION, Run
from tasker_sql.client import Client

Connection = psycopg.Connection[Any]

WITHIN: Final = 60.0  # seconds, for what takes a moment
LOOK_EVERY: Final = 0.05  # seconds
PERSON: Final = "the demo, for a person"
ENDED: Final = frozenset({"complete", "error", "cancelled", "resolved_manually"})


@dataclass(frozen=True)
class Approval:
    """What was asked and answered. After an interruption it may have been asked before."""

    order_id: int
    task_uuid: UUID
    prompt: str
    reason: str  # why the task waited, in the words of the engine
    answered_by: str
    state: str


def approve(connection: Connection, run: Run) -> Approval:
    """Place the order, read the question as `tasker-sql wait list` does, answer it, and wait.

    Raises TimeoutError.
    """
    client = Client(connection)
    order = orders.large(run.number)
    task_uuid = _placed(client, connection, run, order)
    prompt = reason = ""
    until = time.monotonic() + WITHIN
    while not (asked := client.open_waits("demo_orders", {"task_uuid": str(task_uuid)})):
        if client.get_task(task_uuid).state in ENDED:
            break
        if time.monotonic() > until:
            raise TimeoutError(f"the order {order.order_id} asks nobody")
        time.sleep(LOOK_EVERY)
    for wait in asked:
        prompt = wait.prompt or ""
        reason = client.explain_step(wait.step_uuid)[0].reason
        client.answer_wait(wait.step_uuid, {"ok": True}, {"initiator": PERSON})
    state = client.wait(task_uuid, WITHIN).state
    by = ", ".join(one.sent_by for one in client.list_signals(task_uuid))
    return Approval(order.order_id, task_uuid, prompt, reason, by, state)


def _placed(client: Client, connection: Connection, run: Run, order: Order) -> UUID:
    """The order's task: made with the order and the delivery of its goods, or made before."""
    with connection.transaction():
        row = connection.execute(
            "select task_uuid from shop.orders where order_id = %s", [order.order_id]
        ).fetchone()
        if row is not None:
            return UUID(str(row[0]))
        context = order.context
        for item in context["items"]:
            connection.execute("select shop.deliver(%s, %s)", [item["sku"], item["quantity"]])
        options = {"version": VERSION, "tags": ["demo"], "initiator": OURS}
        task = client.create_task("demo_orders", "large_order", context, options)
        connection.execute(
            """
            insert into shop.orders (order_id, run, customer, items, task_uuid)
            values (%s, %s, %s, %s, %s)
            """,
            [
                *(order.order_id, run.number, context["customer"], Jsonb(context["items"])),
                task.task_uuid,
            ],
        )
        return task.task_uuid
