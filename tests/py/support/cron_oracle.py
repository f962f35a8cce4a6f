"""When a cron line has its ticks, read off the clock minute by minute: slow, and plainly right."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
NAMES = {
    3: ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    4: ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
}


@dataclass(frozen=True)
class Line:
    """A cron line, and what each of its fields means."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @property
    def follows_the_clock_that_runs(self) -> bool:
        return self.text.split()[1].startswith("*")

    def has_day(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        fields = self.text.split()
        number, name = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        if fields[2].startswith("*") or fields[4].startswith("*"):
            return number and name
        return number or name

    def shows(self, wall: datetime) -> bool:
        return wall.minute in self.minutes and wall.hour in self.hours and self.has_day(wall.date())


def read(text: str) -> Line:
    """Read a line of plain fields: stars, numbers, ranges, steps and lists."""
    fields = []
    for field, (low, high) in zip(text.split(), RANGES, strict=True):
        values: set[int] = set()
        for item in field.split(","):
            span, _, step = item.partition("/")
            first, _, last = span.partition("-")
            begin = low if first == "*" else int(first)
            end = high if first == "*" else int(last or first)
            values |= set(range(begin, end + 1, int(step or 1)))
        fields.append(frozenset(values))
    return Line(text, *fields)


def random_line(source: random.Random) -> Line:
    """A line with anything in it, mostly of hours at which clocks are changed."""

    def item(place: int) -> tuple[str, set[int]]:
        low, high = RANGES[place]
        top = 4 if place == 1 and source.random() < 0.7 else high
        first, last = sorted(source.randint(low, top) for _ in range(2))
        step = source.randint(1, max(1, high // 2))
        names = NAMES.get(place)
        if names and source.random() < 0.3:
            return source.choice((str.lower, str.upper))(names[first - low]), {first}
        return source.choice(
            [
                (str(first), {first}),
                (str(first), {first}),
                (f"{first}-{last}", set(range(first, last + 1))),
                (f"{first}-{last}/{step}", set(range(first, last + 1, step))),
                (f"*/{step}", set(range(low, high + 1, step))),
            ]
        )

    texts, meanings = [], []
    for place, (low, high) in enumerate(RANGES):
        if source.random() < (0.2, 0.3, 0.6, 0.8, 0.6)[place]:
            texts.append("*")
            meanings.append(frozenset(range(low, high + 1)))
            continue
        items = [item(place) for _ in range(source.choice((1, 1, 1, 2, 3)))]
        texts.append(",".join(text for text, _ in items))
        meanings.append(frozenset().union(*(values for _, values in items)))
    return Line(" ".join(texts), *meanings)


def ticks(line: Line, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """The ticks after a moment, up to and at another; offsets are whole minutes then."""
    place = ZoneInfo(zone)
    begin = after.astimezone(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
    moments = []
    while begin <= until:
        moments.append((begin, begin.astimezone(place).replace(tzinfo=None)))
        begin += MINUTE
    shown_on = {wall.date() for _, wall in moments}
    found, seen, last = set(), set(), moments[0][1] - MINUTE
    for moment, wall in moments:
        if line.follows_the_clock_that_runs:
            if line.shows(wall):
                found.add(moment)
        else:
            if wall not in seen and line.shows(wall):
                found.add(moment)
            skipped = last + MINUTE
            while skipped < wall:
                if skipped not in seen and line.shows(skipped) and skipped.date() in shown_on:
                    found.add(moment)
                skipped += MINUTE
        seen.add(wall)
        last = wall
    return sorted(tick for tick in found if after < tick <= until)


def changes(zone: str, year: int) -> list[datetime]:
    """The hours of a year after which the clock has another offset."""
    place, begin = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=UTC)

    def changed(moment: datetime, hours: int) -> bool:
        later = moment + timedelta(hours=hours)
        return moment.astimezone(place).utcoffset() != later.astimezone(place).utcoffset()

    days = [day for n in range(365) if changed(day := begin + timedelta(days=n), 24)]
    hours = [day + timedelta(hours=n) for day in days for n in range(24)]
    return [hour for hour in hours if changed(hour, 1)]
