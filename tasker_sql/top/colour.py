"""NO_COLOR: Textual draws in shades of grey then; here no escape for a colour is written."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter


class NoColour(LineFilter):
    """Leaves bold, reverse and underline, and takes every colour away."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            Segment(text, style.without_color if style else style, control)
            for text, style, control in segments
        ]
