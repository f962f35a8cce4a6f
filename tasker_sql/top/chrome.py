"""What is drawn around a screen's rows: where they come from, the tabs, the keys, the details."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from rich.text import Text
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter

from tasker_sql.top.screens import TABS
from tasker_sql.top.snapshot import Snapshot
from tasker_sql.top.table import STYLES, Row, about
from tasker_sql.visible import visible

Hint = tuple[str, str, str]  # the key, what it does, the action of the application


def head_line(seen: Snapshot, may_write: bool, freshness: str, is_fresh: bool) -> Content:
    """Which database, as whom, when, and how fresh that is."""
    status = seen.status
    return Content.assemble(
        ("tasker-sql top", "bold"),
        visible(f"  {status.database} as {status.role}"),
        ("" if may_write else "  read-only", "bold"),
        f"  {status.at:%H:%M:%S} UTC  {seen.seconds * 1000:.0f} ms  ",
        (freshness, "" if is_fresh else "bold reverse"),
    )


def no_frame_line(trouble: str) -> Content:
    return Content.assemble(("tasker-sql top  ", "bold"), (trouble or "reading ...", "bold"))


def tab_line(chosen: str, problems: int) -> Content:
    """The screens by their numbers."""
    parts: list[Content] = []
    for number, name in enumerate(TABS, 1):
        style = " reverse bold" if name == chosen else ""
        count = f" ({problems})" if name == "problems" and problems else ""
        label = f"{number} {name}{count}"
        parts.append(
            Content.from_markup(f"[{style} @click=app.go('{name}')]$label[/]", label=label)
        )
    return Content("  ").join(parts)


def hint_line(keys: Iterable[Hint]) -> Content:
    """What the keys do here; a click does it too."""
    return Content("  ").join(
        Content.from_markup(
            f"[@click=app.{action}][b]$key[/b] $name[/]", key=key, name=visible(name)
        )
        for key, name, action in keys
    )


def pane(row: Row, seen: Snapshot) -> Text:
    """Everything about a row."""
    lines = Text()
    for label, text in about(row, seen.status.at):
        lines.append(f"{label}: ", STYLES.get(label, "bold")).append(f"{text}\n")
    lines.rstrip()
    return lines


class NoColour(LineFilter):
    """For NO_COLOR, where Textual draws in grey: leaves bold, reverse and underline alone."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            Segment(text, style.without_color if style else style, control)
            for text, style, control in segments
        ]
