"""What the demo says at its end: tables for a person, or one JSON object for a program."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import psycopg
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tasker_demo.approval import Approval
from tasker_demo.checks import Check, OrderEnd
from tasker_demo.nights import SCHEDULE, Schedule
from tasker_demo.orders import SCARCE, Outcome
from tasker_demo.prepare import Run

Connection = psycopg.Connection[Any]

# What an operator can do about an order that ended like this.
ADVICE: Final = {
    Outcome.RETRIED: "the payment gateway was busy or timed out; the retries were enough",
    Outcome.OUT_OF_STOCK: "restock with shop.deliver, then tasker.retry_step",
    Outcome.INVALID_ADDRESS: "order again with the right one, close this with tasker.resolve_task",
    Outcome.CARD_DECLINED: "ask for another card, close this with tasker.resolve_task",
    Outcome.GATEWAY_DOWN: "all attempts used up: tasker.retry_step when the gateway is back",
}


@dataclass(frozen=True)
class BadDay:
    """A day, and why it was bad; minutes are those of a flight, on average."""

    day: date
    minutes_lost: float
    mean_delay: float
    cancelled: float  # of all flights, 0 to 1
    airline: str
    airport: str
    why: str


@dataclass(frozen=True)
class Figures:
    """The run in numbers. `seconds` are those in which the workers worked."""

    tasks: int
    steps: int
    retries: int
    seconds: float

    @property
    def steps_per_second(self) -> float:
        return self.steps / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Summary:
    """All that there is to say about a run."""

    run: Run
    ends: Sequence[OrderEnd]
    worst: Sequence[BadDay]
    approval: Approval | None
    schedule: Schedule | None
    checks: Sequence[Check]
    figures: Figures
    database_bytes: int
    program: str  # how to call tasker-sql

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


def worst_days(connection: Connection, run: Run, limit: int = 10) -> list[BadDay]:
    """The days of the run that lost most."""
    rows = connection.execute(
        """
        select day,
               minutes_lost::double precision,
               coalesce(mean_delay, 0)::double precision,
               cancelled::double precision / flights,
               coalesce(airline.name, worst_carrier),
               coalesce(airport.name, worst_airport),
               why
          from flights.days
          join flights.requests using (day)
          left join flights.airlines as airline on airline.carrier = worst_carrier
          left join flights.airports as airport on airport.faa = worst_airport
         where run = %s
         order by minutes_lost desc, day
         limit %s
        """,
        [run.number, limit],
    ).fetchall()
    return [BadDay(*row) for row in rows]


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary for programs."""
    figures = summary.figures
    return {
        "run": summary.run.number,
        "continued": summary.run.continued,
        "passed": summary.passed,
        "orders": Counter(str(end.outcome or "lost") for end in summary.ends),
        "days": len(summary.run.day_tasks),
        "worst_days": [
            {**asdict(day), "day": day.day.isoformat(), "cancelled": round(day.cancelled, 3)}
            for day in summary.worst
        ],
        "approval": _plain(summary.approval),
        "schedule": _plain(summary.schedule),
        "checks": [asdict(check) for check in summary.checks],
        **asdict(figures),
        "seconds": round(figures.seconds, 3),
        "steps_per_second": round(figures.steps_per_second, 1),
        "database_bytes": summary.database_bytes,
    }


def _plain(found: Approval | Schedule | None) -> Any:
    """What json.dumps can write."""
    return found and json.loads(json.dumps(asdict(found), default=str))


def as_text(summary: Summary) -> RenderableType:
    """The summary for people."""
    parts: list[RenderableType] = []
    if summary.ends:
        parts += [_heading("How the orders ended"), _orders(summary.ends)]
    if summary.worst:
        title = f"The {len(summary.worst)} worst days for leaving New York, and why"
        parts += [_heading(title), *_worst(summary.worst)]
    if summary.approval:
        parts += [_heading("An order above a limit, and the person"), _approval(summary.approval)]
    if summary.schedule:
        title = "A schedule, every night at 02:30 in New York"
        parts += [_heading(title), *_schedule(summary.schedule)]
    parts += [_heading("Checked"), _checks(summary.checks)]
    parts += [_heading("In numbers"), _numbers(summary)]
    parts += [_heading("Look around"), *_queries(summary)]
    return Group(*parts)


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _line(text: Text | str) -> Padding:
    return Padding(text, (0, 0, 0, 2))


def _orders(ends: Sequence[OrderEnd]) -> Table:
    counts = Counter(end.outcome for end in ends)
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", min_width=6)
    table.add_column(overflow="fold")
    for outcome in Outcome:
        if not counts[outcome]:
            continue
        good = outcome in (Outcome.SHIPPED, Outcome.RETRIED)
        text = Text(str(outcome), style="green" if good else "red")
        example = next(end.message for end in ends if end.outcome is outcome)
        if example:
            text = Text(f"error, for example: {example}", style="red")
        table.add_row(f"{counts[outcome]:,}", text)
        if advice := ADVICE.get(outcome):
            table.add_row("", Text(advice, style="dim"))
    return table


def _worst(days: Sequence[BadDay]) -> Iterator[Padding]:
    yield _line(
        Text("               lost  cancelled     late   worst airline and airport", style="dim")
    )
    for day in days:
        text = Text(f"{day.day:%a %e %b}  ")
        text.append(f"{day.minutes_lost:3.0f} min", style="red")
        text.append(f"       {day.cancelled:4.0%}  {day.mean_delay:3.0f} min")
        text.append(f"   {_short(day.airline)}, {_short(day.airport)}")
        yield _line(text)
        yield Padding(Text(day.why, style="cyan"), (0, 0, 0, 14))
    yield _line(
        Text(
            "lost: the minutes a flight left late, or three hours when it was cancelled",
            style="dim",
        )
    )


def _approval(approval: Approval) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", min_width=8)
    table.add_column(overflow="fold")
    if approval.prompt:
        table.add_row("  asks", Text(approval.prompt, style="cyan"))
        table.add_row("  why", Text(f"it {approval.reason}"))
    table.add_row("  answer", f"yes, by {approval.answered_by}; the task is {approval.state}")
    return table


def _schedule(schedule: Schedule) -> Iterator[Padding]:
    for night in schedule.nights:
        lost, before = (night.result.get(key) for key in ("minutes_lost", "week_before"))
        text = Text(f"{night.wall:%a %e %b %H:%M}  ")
        text.append(f"{night.tick_at:%H:%M} UTC  ", style="dim")
        text.append("no flights" if lost is None else f"lost {lost:3.0f} min the day before")
        text.append("" if before is None else f", {before:.0f} the week before")
        yield _line(text)
        if night.note:
            yield Padding(Text(night.note, style="cyan"), (0, 0, 0, 19))
    for reason in schedule.reasons:
        yield _line(Text(reason, style="dim"))


def _short(name: str) -> str:
    """An airline without its legal form, an airport without its rank."""
    for ending in (" Inc.", " Co.", " Corporation", " Intl"):
        name = name.removesuffix(ending)
    return name


def _checks(checks: Sequence[Check]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=4, justify="right")
    table.add_column(overflow="fold")
    for check in checks:
        mark = Text("ok", style="green") if check.passed else Text("NO", style="bold red")
        table.add_row(mark, Text(check.text))
    return table


def _numbers(summary: Summary) -> Padding:
    figures = summary.figures
    return _line(
        f"{figures.steps:,} steps of {figures.tasks:,} tasks in {figures.seconds:.1f} s: "
        f"{figures.steps_per_second:,.0f} steps/s, {figures.retries:,} retries; "
        f"database {summary.database_bytes / 1e6:,.0f} MB"
    )


def _queries(summary: Summary) -> Iterator[Padding]:
    """Commands and queries that work as they stand."""
    program = summary.program
    failed = [end for end in summary.ends if end.step_uuid]
    short = next((end for end in failed if end.outcome is Outcome.OUT_OF_STOCK), None)
    if summary.approval:
        yield _line(Text(f"{program} task show {summary.approval.task_uuid}"))
    if summary.schedule:
        yield _line(Text(f"{program} schedule ticks {'/'.join(SCHEDULE)}"))
    yield _line(Text(f"{program} db psql"))
    if summary.worst:
        yield _sql(
            "select ceil(visib) as visible_miles,",
            "       sum(minutes_lost) / sum(flights) as minutes_lost",
            "  from flights.airport_hours group by 1 order by 1;",
        )
    if failed:
        yield _sql(
            "select name, state, attempt, last_error ->> 'message' as error",
            f"  from tasker.get_task_steps('{failed[0].task_uuid}');",
        )
    if short:
        yield _sql(
            f"select shop.deliver('{SCARCE.sku}', 5);",
            "select * from tasker.retry_step(",
            f"  '{short.step_uuid}', 'restocked');",
        )
        yield _line(
            Text.assemble(
                f"{program} run --handlers tasker_demo.handlers", ("  then ships it", "dim")
            )
        )


def _sql(*lines: str) -> Padding:
    return Padding(Text("\n".join(lines), style="cyan"), (0, 0, 0, 4))
