"""After the run: is everything as it must be? Each check is one line for the reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from tasker_demo import dataset, nights, orders
from tasker_demo.approval import Approval
from tasker_demo.nights import Schedule
from tasker_demo.orders import Order, Outcome
from tasker_demo.prepare import Run

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Check:
    """What was found to be so, or what was not."""

    passed: bool
    text: str


@dataclass(frozen=True)
class OrderEnd:
    """How an order really ended: by the shop's tables, and for errors by the engine."""

    order: Order
    task_uuid: UUID
    outcome: Outcome | None
    step_uuid: UUID | None = None
    message: str = ""


def check(passed: bool, text: str, otherwise: object) -> Check:
    """The text, when it holds; else that it does not, and what was found instead."""
    return Check(passed, text if passed else f"not so: {text}; found: {otherwise}")


def first_difference(found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> str:
    """Where two tables differ first, in words; nothing when they do not."""
    for key in sorted({*found, *wanted}):
        if found.get(key) != wanted.get(key):
            return f"{_words(key)}: {_words(found.get(key))} instead of {_words(wanted.get(key))}"
    return ""


def _words(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


# Orders ------------------------------------------------------------------------------------------

ERRORS = {
    "no such zip code": Outcome.INVALID_ADDRESS,
    "out of stock": Outcome.OUT_OF_STOCK,
    "card declined": Outcome.CARD_DECLINED,
    "payment gateway": Outcome.GATEWAY_DOWN,
}


def order_ends(connection: Connection, run: Run) -> list[OrderEnd]:
    """How each order of the run ended."""
    batch = orders.batch(run.number, len(run.order_tasks))
    shipped = dict(
        connection.execute(
            """
            select order_id, attempt
              from shop.shipments
              join shop.payments using (order_id)
              join shop.orders using (order_id)
             where run = %s
            """,
            [run.number],
        ).fetchall()
    )
    tasks = {order_id: task_uuid for task_uuid, order_id in run.order_tasks.items()}
    return [
        OrderEnd(
            order,
            tasks[order.order_id],
            Outcome.SHIPPED if shipped[order.order_id] == 1 else Outcome.RETRIED,
        )
        if order.order_id in shipped
        else _error(connection, order, tasks[order.order_id])
        for order in batch.orders
    ]


def _error(connection: Connection, order: Order, task_uuid: UUID) -> OrderEnd:
    """What the engine knows about an order that was not shipped."""
    row = connection.execute(
        """
        select step_uuid, last_error ->> 'message'
          from tasker.get_task_steps(p_task_uuid => %s)
         where state = 'error'
        """,
        [task_uuid],
    ).fetchone()
    if row is None:
        return OrderEnd(order, task_uuid, None)
    step_uuid, message = row
    outcome = next((end for words, end in ERRORS.items() if message.startswith(words)), None)
    return OrderEnd(order, task_uuid, outcome, step_uuid, message)


def check_shop(connection: Connection, ends: list[OrderEnd]) -> Iterator[Check]:
    """Orders, stock, money and parcels agree with each other and with what had to happen."""
    wrong = [
        f"order {end.order.order_id}: {end.outcome or 'lost'}"
        for end in ends
        if not end.order.may_end(end.outcome)
    ]
    counts = Counter(end.outcome for end in ends)
    parcels = counts[Outcome.SHIPPED] + counts[Outcome.RETRIED]
    yield check(
        not wrong,
        f"{parcels:,} orders shipped, {len(ends) - parcels:,} in error, each of them as it must",
        "; ".join(wrong[:3]),
    )
    yield _check_stock(connection, bool(counts[Outcome.OUT_OF_STOCK]))
    yield _check_money(connection, ends, parcels)


def _check_stock(connection: Connection, something_ran_out: bool) -> Check:
    """The ledger, over all runs: what came is on the shelf or reserved, for every product."""
    ledger = connection.execute(
        """
        select sku,
               available,
               (select coalesce(sum(quantity), 0) from shop.deliveries where sku = stock.sku),
               (select coalesce(sum(quantity), 0) from shop.reservations where sku = stock.sku)
          from shop.stock as stock
        """
    ).fetchall()
    wrong = [row for row in ledger if row[1] + row[3] != row[2] or row[1] < 0]
    left = {row[0]: row[1] for row in ledger}
    if something_ran_out and left[orders.SCARCE.sku]:
        wrong.append(("an order was refused, but there are some left", orders.SCARCE.sku))
    available, delivered, reserved = (sum(row[column] for row in ledger) for column in (1, 2, 3))
    return check(
        not wrong,
        f"{delivered:,} pieces delivered = {reserved:,} reserved + {available:,} on the shelf, "
        "never below zero",
        wrong[:3],
    )


def _check_money(connection: Connection, ends: list[OrderEnd], parcels: int) -> Check:
    """One payment and one parcel for each order that was shipped, of the right sum; else none."""
    wanted = {
        end.order.order_id: (end.order.cents, 1)
        for end in ends
        if end.outcome in (Outcome.SHIPPED, Outcome.RETRIED)
    }
    rows = connection.execute(
        """
        select order_id,
               cents,
               (select count(*) from shop.shipments where order_id = payments.order_id)
          from shop.payments
         where order_id = any (%s)
        """,
        [[end.order.order_id for end in ends]],
    ).fetchall()
    found = {order_id: tuple(rest) for order_id, *rest in rows}
    different = first_difference(found, wanted)
    total = sum(cents for cents, _ in wanted.values()) / 100
    return check(
        not different,
        f"{parcels:,} payments for {parcels:,} parcels, {total:,.2f} USD, none of them twice",
        f"order {different}",
    )


def check_approval(connection: Connection, approval: Approval) -> Check:
    """The order above the limit was sent, once, and somebody had said so before."""
    found = connection.execute(
        """
        select (select count(*) from shop.payments where order_id = %(order)s),
               (select count(*) from shop.shipments where order_id = %(order)s),
               (select count(*) from tasker.list_signals(p_task_uuid => %(task)s)
                 where state = 'taken'
                   and sent_at < (select shipped_at from shop.shipments
                                   where order_id = %(order)s))
        """,
        {"order": approval.order_id, "task": approval.task_uuid},
    ).fetchone()
    return check(
        found == (1, 1, 1),
        f"order {approval.order_id} waited for a person, who approved it, before it was sent",
        f"{found} payments, parcels and answers",
    )


# Flights -----------------------------------------------------------------------------------------


def check_flights(connection: Connection, run: Run) -> Iterator[Check]:
    """What the workflows computed is what a loop over the CSV files computes."""
    last = max(run.day_tasks.values())
    wanted = dataset.reference(last)
    yield _check_loaded(connection, last, wanted)
    differences = [
        *_different_delays(connection, last, wanted),
        *_different_hours(connection, last, wanted),
        *_different_days(connection, last, wanted),
    ]
    tables = (wanted.by_carrier, wanted.by_airport, wanted.by_hour, wanted.by_day)
    yield check(
        not differences,
        f"{sum(len(table) for table in tables):,} rows of results equal those of a plain loop "
        "over the CSV files",
        "; ".join(differences[:3]),
    )


def _check_loaded(connection: Connection, last: date, wanted: dataset.Reference) -> Check:
    found = dict(
        connection.execute(
            """
            select flight_date, count(*) from flights.flights where flight_date <= %s group by 1
            """,
            [last],
        ).fetchall()
    )
    weather = dict(
        connection.execute(
            """
            select weather_date, count(*) from flights.weather where weather_date <= %s group by 1
            """,
            [last],
        ).fetchall()
    )
    different = first_difference(
        found, {day: delays.flights for day, delays in wanted.by_day.items()}
    ) or first_difference(weather, wanted.weather_hours)
    return check(
        not different,
        f"{sum(found.values()):,} flights and {sum(weather.values()):,} hours of weather loaded, "
        "each once",
        different,
    )


def _different_delays(
    connection: Connection, last: date, wanted: dataset.Reference
) -> Iterator[str]:
    for table, key, delays in (
        ("carrier_days", "carrier", wanted.by_carrier),
        ("airport_days", "origin", wanted.by_airport),
    ):
        rows = connection.execute(
            f"""
            select day, {key}, flights, cancelled, delay_minutes, minutes_lost
              from flights.{table}
             where day <= %s
            """.encode(),
            [last],
        ).fetchall()
        found = {(row[0], row[1]): dataset.Delays(*row[2:]) for row in rows}
        if different := first_difference(found, delays):
            yield f"flights.{table}: {different}"


def _different_hours(
    connection: Connection, last: date, wanted: dataset.Reference
) -> Iterator[str]:
    rows = connection.execute(
        """
        select day, origin, time_hour, flights, cancelled, minutes_lost, temp, wind, precip, visib
          from flights.airport_hours
         where day <= %s
        """,
        [last],
    ).fetchall()
    none = dataset.Hour(None, None, None, None)
    found = {tuple(row[:3]): (*row[3:6], dataset.Hour(*row[6:])) for row in rows}
    joined = {
        (day, origin, hour): (
            *(delays.flights, delays.cancelled, delays.minutes_lost),
            wanted.weather.get((origin, hour), none),
        )
        for (day, origin, hour), delays in wanted.by_hour.items()
    }
    if different := first_difference(found, joined):
        yield f"flights.airport_hours: {different}"


def _different_days(connection: Connection, last: date, wanted: dataset.Reference) -> Iterator[str]:
    rows = connection.execute(
        """
        select day, flights, cancelled, mean_delay, minutes_lost, worst_carrier, worst_airport
          from flights.days
         where day <= %s
        """,
        [last],
    ).fetchall()
    found = {row[0]: tuple(row[1:3]) for row in rows}
    totals = {day: (delays.flights, delays.cancelled) for day, delays in wanted.by_day.items()}
    if different := first_difference(found, totals):
        yield f"flights.days: {different}"
        return
    for day, _, _, mean, lost, carrier, airport in rows:
        total = wanted.by_day[day]
        flown = total.flights - total.cancelled
        right = (
            _rounded(mean, total.delay_minutes, flown)
            and _rounded(lost, total.minutes_lost, total.flights)
            and carrier == _worst(wanted.by_carrier, day, at_least=10)
            and airport == _worst(wanted.by_airport, day, at_least=1)
        )
        if not right:
            yield f"flights.days: {day}: {mean} {lost} {carrier} {airport}"


def _rounded(found: Decimal | None, total: int | None, count: int) -> bool:
    """Whether a mean is right to the tenth that it is rounded to."""
    if found is None or total is None or count == 0:
        return found is None and (total is None or count == 0)
    return abs(found * count - total) * 20 <= count


def _worst(table: Mapping[tuple[date, str], dataset.Delays], day: date, at_least: int) -> str:
    """Who lost most minutes a flight that day."""
    return min(
        (few, -lost, name)
        for few, lost, name in (
            (delays.flights < at_least, delays.minutes_lost / delays.flights, name)
            for (when, name), delays in table.items()
            if when == day
        )
    )[2]


def check_nights(schedule: Schedule, days: Sequence[date]) -> Check:
    """Each night has a task of its own, which has completed."""
    wanted = nights.covering(days)
    done = {
        night.task_uuid: night.wall.date() for night in schedule.nights if night.state == "complete"
    }
    return check(
        list(done.values()) == wanted,
        f"{len(wanted)} nights made {len(done)} tasks of the schedule, one each",
        [str(night) for night in done.values()],
    )


# Engine ------------------------------------------------------------------------------------------


def check_engine(connection: Connection, run: Run) -> Check:
    """Whatever must hold in the engine's tables does, and none of the run's tasks is stuck."""
    rows = connection.execute(
        """
        select invariant, detail
          from tasker.check_invariants()
         where severity = 'safety' or task_uuid = any (%s)
        """,
        [run.tasks],
    ).fetchall()
    return check(not rows, "no invariant of the engine is violated", rows[:3])
