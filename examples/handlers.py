"""Handlers of the example workflows.

To see one run, in two shells:

    tasker-sql template register examples/workflows
    tasker-sql run --handlers examples/handlers.py
    tasker-sql task create linear_workflow/mathematical_sequence -c '{"number": 6}' --wait
"""

from __future__ import annotations

from typing import Any

from tasker_sql.worker.handlers import PermanentError, Step, handler


def number(step: Step) -> int:
    """The sum of the results of the steps before; at the beginning, the task's number."""
    if not step.results:
        return int(step.context["number"])
    return sum(result["value"] for result in step.results.values())


@handler("square")
def square(step: Step) -> dict[str, int]:
    return {"value": number(step) ** 2}


@handler("double")
def double(step: Step) -> dict[str, int]:
    return {"value": 2 * number(step)}


@handler("add_ten")
def add_ten(step: Step) -> dict[str, int]:
    return {"value": number(step) + 10}


@handler("sum")
def total(step: Step) -> dict[str, int]:
    return {"value": number(step)}


@handler("validate_order")
def validate_order(step: Step) -> dict[str, Any]:
    items = step.context["items"]
    if not all(item["quantity"] > 0 for item in items):
        raise PermanentError("a quantity is not positive")
    return {"total": sum(item["quantity"] * item["price"] for item in items)}


@handler("reserve_inventory")
def reserve_inventory(step: Step) -> dict[str, Any]:
    # A real one would pass step.step_uuid along: the same in every attempt, so it reserves once.
    return {"reserved": sum(item["quantity"] for item in step.context["items"])}


@handler("process_payment")
def process_payment(step: Step) -> dict[str, Any]:
    amount = step.results["validate_order"]["total"]
    return {"charged": amount, "currency": step.config.get("currency", "EUR")}


@handler("ship_order")
def ship_order(step: Step) -> dict[str, Any]:
    return {"parcel": f"order {step.context['order_id']}", "paid": step.results["process_payment"]}
