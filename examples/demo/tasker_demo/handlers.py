"""The steps that are written in Python.

The transactional ones get the connection, in a transaction that also completes the step.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
from psycopg import sql

from tasker_demo import dataset
from tasker_demo.why import why
from tasker_sql.errors import PermanentError, RetryableError
from tasker_sql.worker.handlers import Step, handler

Connection = psycopg.Connection[Any]


# demo_orders/process_order -----------------------------------------------------------------------


@handler("shop.validate_order")
def validate_order(step: Step) -> dict[str, int]:
    """Check the address, add up the prices."""
    order = step.context
    if not re.fullmatch(r"(?!00000)\d{5}", order["address"]["zip"]):
        raise PermanentError(f"no such zip code: {order['address']['zip']}")
    return {"cents": sum(item["cents"] * item["quantity"] for item in order["items"])}


@handler("shop.process_payment", transactional=True)
def process_payment(step: Step, connection: Connection) -> dict[str, Any]:
    """Charge the card and book the money.

    The charge happens elsewhere, so it carries the step's uuid, which is the same in every attempt,
    as its idempotency key. The booking happens here, and commits together with the step.
    """
    cents = step.results["validate_order"]["cents"]
    charge_id = charge(step.context["payment"], cents, str(step.step_uuid), step.attempt)
    connection.execute(
        "insert into shop.payments (order_id, cents, charge_id, attempt) values (%s, %s, %s, %s)",
        [step.context["order_id"], cents, charge_id, step.attempt],
    )
    return {"charge_id": charge_id}


def charge(payment: dict[str, Any], cents: int, idempotency_key: str, attempt: int) -> str:
    """A payment gateway for tests: it answers what the order says, attempt by attempt."""
    answers = payment["gateway_says"]
    match answers[min(attempt, len(answers)) - 1]:
        case "ok":
            return f"ch_{idempotency_key.replace('-', '')}"
        case "declined":
            raise PermanentError(f"card declined: {payment['card']}, {cents / 100:.2f} USD")
        case trouble:
            raise RetryableError(f"payment gateway: {trouble}")


# demo_flights/analyze_day ------------------------------------------------------------------------


@handler("flights.load_flights", transactional=True)
def load_flights(step: Step, connection: Connection) -> dict[str, int]:
    """Copy a day's flights."""
    return _load(connection, "flights", "flight_date", dataset.flights(), step.context["day"])


@handler("flights.load_weather", transactional=True)
def load_weather(step: Step, connection: Connection) -> dict[str, int]:
    """Copy a day's weather."""
    return _load(connection, "weather", "weather_date", dataset.weather(), step.context["day"])


def _load(
    connection: Connection, name: str, date_column: str, table: dataset.Table, day: str
) -> dict[str, int]:
    target = sql.Identifier("flights", name)
    connection.execute(
        sql.SQL("delete from {} where {} = %s").format(target, sql.Identifier(date_column)), [day]
    )
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    copy = sql.SQL("copy {} ({}) from stdin {}").format(
        target, columns, sql.SQL(dataset.COPY_OPTIONS)
    )
    with connection.cursor() as cursor:
        with cursor.copy(copy) as into:
            into.write(table.of(day))
        return {"rows": cursor.rowcount}


@handler("flights.report", transactional=True)
def report(step: Step, connection: Connection) -> dict[str, str]:
    """Write the day's row, with the reason in words."""
    total = step.results["delays_by_carrier"]
    reason = why(step.results["join_weather"])
    connection.execute(
        """
        insert into flights.days (
          day, flights, cancelled, mean_delay, minutes_lost,
          worst_carrier, worst_airport, why, task_uuid
        )
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (day) do update
           set (flights, cancelled, mean_delay, minutes_lost,
                worst_carrier, worst_airport, why, task_uuid)
             = (excluded.flights, excluded.cancelled, excluded.mean_delay, excluded.minutes_lost,
                excluded.worst_carrier, excluded.worst_airport, excluded.why, excluded.task_uuid)
        """,
        [
            step.context["day"],
            total["flights"],
            total["cancelled"],
            _mean(total["delay_minutes"], total["flights"] - total["cancelled"]),
            _mean(total["minutes_lost"], total["flights"]),
            total["worst"],
            step.results["delays_by_airport"]["worst"],
            reason,
            step.task_uuid,
        ],
    )
    return {"why": reason}


def _mean(total: int | None, count: int) -> Decimal | None:
    if total is None or count == 0:
        return None
    return (Decimal(total) / count).quantize(Decimal("0.1"), ROUND_HALF_UP)


# demo_flights/report_night -----------------------------------------------------------------------


@handler("flights.report_night", transactional=True)
def report_night(step: Step, connection: Connection) -> dict[str, Any]:
    """Compare the day before the tick with its week.

    The tick says which day that is, not the clock: it is the same when the task runs late.
    """
    day = date.fromisoformat(step.context["schedule"]["wall"][:10]) - timedelta(days=1)
    lost, before = connection.execute(
        """
        select sum(minutes_lost) filter (where day = %(day)s)::double precision,
               round(avg(minutes_lost) filter (where day < %(day)s), 1)::double precision
          from flights.days
         where day between %(day)s - 7 and %(day)s
        """,
        {"day": day},
    ).fetchone() or (None, None)
    return {"day": day.isoformat(), "minutes_lost": lost, "week_before": before}
