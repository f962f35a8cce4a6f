"""What the terminal shows while the demo runs: a pure function of a snapshot."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

# Minutes lost for each flight, up to which a day has a colour; where there is none, a letter.
LEVELS: Final = (
    (10.0, "#1a9850", "·"),
    (15.0, "#a6d96a", "░"),
    (25.0, "#fee08b", "▒"),
    (45.0, "#fdae61", "▓"),
    (75.0, "#f46d43", "█"),
    (float("inf"), "#a50026", "@"),
)
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
YEAR: Final = 2013
BARS: Final = " ▁▂▃▄▅▆▇█"
SPARKS: Final = 24


@dataclass(frozen=True)
class Lane:
    """How far the tasks of one workflow are; `progress` counts their steps, from 0 to 1."""

    name: str
    total: int
    ended: int = 0
    in_error: int = 0
    progress: float = 0.0


@dataclass(frozen=True)
class Day:
    """How far a day is: its steps completed, then the minutes lost, at last the report."""

    steps: int = 0
    lost: float | None = None
    reported: bool = False


@dataclass(frozen=True)
class Snapshot:
    """The run at one moment. `rates` are steps per second, the latest last."""

    seconds: float
    lanes: tuple[Lane, ...]
    steps: int
    retries: int
    rates: tuple[float, ...] = ()
    days: Mapping[date, Day] = field(default_factory=dict)
    note: str = ""


class Screen:
    """A snapshot as Rich prints it. Fits a terminal of 80 columns and 24 lines."""

    def __init__(self, seen: Snapshot) -> None:
        self.seen = seen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _lanes(self.seen, max(50, min(options.max_width, 100)))
        yield _numbers(self.seen)
        if any(lane.name == "days" and lane.total for lane in self.seen.lanes):
            yield Text()
            yield from calendar(self.seen.days, colour=console.color_system is not None)
        if self.seen.note:
            yield Text(self.seen.note, style="dim")


def _lanes(seen: Snapshot, width: int) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", min_width=6)
    grid.add_column(width=width - 40)
    grid.add_column(justify="right", min_width=10)
    grid.add_column(min_width=12)
    for lane in seen.lanes:
        if lane.total:
            errors = f"{lane.in_error} in error" if lane.in_error else ""
            bar = ProgressBar(
                total=1.0,
                completed=1.0 if lane.ended == lane.total else min(lane.progress, 0.999),
                width=width - 40,
                complete_style="cyan",
                finished_style="green",
            )
            grid.add_row(lane.name, bar, f"{lane.ended} of {lane.total}", Text(errors, style="red"))
    return grid


def _numbers(seen: Snapshot) -> Text:
    text = Text()
    text.append("steps   ", style="bold")
    text.append(f"{seen.steps:,} done", style="cyan")
    text.append(f"  {spark(seen.rates)}  ", style="cyan")
    text.append(f"{_rate(seen):,.0f}/s")
    text.append(f"   {seen.retries} retries   ", style="yellow" if seen.retries else "")
    text.append(f"{seen.seconds:.1f} s")
    return text


def _rate(seen: Snapshot) -> float:
    """Steps per second: at the moment, and at the end of it all."""
    if all(lane.ended == lane.total for lane in seen.lanes):
        return seen.steps / seen.seconds if seen.seconds else 0.0
    return seen.rates[-1] if seen.rates else 0.0


def spark(rates: Sequence[float]) -> str:
    """The latest rates as small bars, as tall as the fastest of them allows."""
    latest = list(rates[-SPARKS:])
    top = max(latest, default=0) or 1
    return "".join(BARS[round(rate / top * (len(BARS) - 1))] for rate in latest).rjust(SPARKS)


def calendar(days: Mapping[date, Day], *, colour: bool) -> list[Text]:
    """The year, a line a month, a cell a day."""
    lines = []
    for month, name in enumerate(MONTHS, 1):
        line = Text(f"{name}     ", style="dim")
        for number in range(1, monthrange(YEAR, month)[1] + 1):
            line.append_text(_cell(days.get(date(YEAR, month, number), Day()), colour=colour))
        lines.append(line)
    lines.append(_legend(colour=colour))
    return lines


def _cell(day: Day, *, colour: bool) -> Text:
    """A dot; grey when something is loaded; thin when the delays are known, full when reported."""
    if day.lost is None:
        loaded = "▒▒" if day.steps > 1 else "░░" if day.steps else "· "
        return Text(loaded if colour else "  ", style="bright_black")
    _, shade, letter = next(level for level in LEVELS if day.lost < level[0])
    if not colour:
        return Text(letter * 2)
    return Text("██" if day.reported else "▒▒", style=shade)


def _legend(*, colour: bool) -> Text:
    text = Text("        minutes lost a flight   ", style="dim")
    for limit, shade, letter in LEVELS:
        text.append("██" if colour else letter * 2, style=shade if colour else "")
        text.append(" more" if limit == float("inf") else f" <{limit:.0f}  ", style="dim")
    return text
