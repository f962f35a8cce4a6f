"""What is drawn around a screen's rows: where they come from, the tabs, the keys, the details."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.text import Text
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter

from tasker_sql.top.screens import TABS
from tasker_sql.top.snapshot import Snapshot
from tasker_sql.top.table import STYLES
from tasker_sql.visible import visible

Hint = tuple[str, str, str]  # the key, what it does, the action of the application


def head_line(
    seen: Snapshot, may_write: bool, freshness: str, is_fresh: bool, problems: Content
) -> Content:
    """Which database, as whom, when, how fresh that is, and how many problems there are."""
    status = seen.status
    return Content.assemble(
        ("tasker-sql", "bold"),
        visible(f"  {status.database} as {status.role}"),
        ("" if may_write else "  read-only", "bold"),
        "  ",
        (freshness, "" if is_fresh else "bold reverse"),
        problems,
        f"  {status.at:%H:%M:%S} UTC  {seen.seconds * 1000:.0f} ms",
    )


def problem_counts(seen: Snapshot) -> Content:
    """How many are critical, how many are warnings, and how many somebody knows of."""
    found = seen.of("problems")
    known = sum(bool(one.acknowledged_by) for one in found)
    critical = sum(one.severity == "critical" and not one.acknowledged_by for one in found)
    warnings = len(found) - known - critical
    return Content.assemble(
        "  ",
        (f"{critical} critical", "bold reverse" if critical else ""),
        f"  {warnings} warning{'' if warnings == 1 else 's'}",
        f"  {known} known" if known else "",
    )


def tab_line(chosen: str) -> Content:
    """The screens by their numbers."""
    parts: list[Content] = []
    for number, name in enumerate(TABS, 1):
        style = " reverse bold" if name == chosen else ""
        label = f"{number} {name}"
        parts.append(
            Content.from_markup(f"[{style} @click=app.go('{name}')]$label[/]", label=label)
        )
    return Content(" ").join(parts)


def hint_line(keys: Iterable[Hint]) -> Content:
    """What the keys do here; a click does it too."""
    return Content("  ").join(
        Content.from_markup(
            f"[@click=app.{action}][b]$key[/b] $name[/]", key=key, name=visible(name)
        )
        for key, name, action in keys
    )


def pane(facts: Sequence[tuple[str, str]]) -> Text:
    """Everything about a row."""
    lines = [
        Text.assemble((f"{label}: ", STYLES.get(label, "bold")), text) for label, text in facts
    ]
    return Text("\n").join(lines)


class NoColour(LineFilter):
    """For NO_COLOR, where Textual draws in grey: leaves bold, reverse and underline alone."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            Segment(text, style.without_color if style else style, control)
            for text, style, control in segments
        ]
