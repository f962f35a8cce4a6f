"""The figures in docs/guarantees.md: filled in from docs/evidence, where the long runs leave them.

`<!-- chaos.faults -->2,013<!-- / -->` is one figure, and a list of objects becomes a table.
`python tests/py/guarantees.py` fills them all in anew.
"""

from __future__ import annotations

import re
from typing import Any

from evidence import ROOT, recorded

PAGE = ROOT / "docs" / "guarantees.md"
FIGURE = re.compile(r"<!-- (\w+)\.(\w+) -->.*?<!-- / -->", re.DOTALL)


def filled(text: str) -> str:
    """The page with the figures of the last recorded runs."""

    def fill(figure: re.Match[str]) -> str:
        value = recorded(figure[1])[figure[2]]
        return f"<!-- {figure[1]}.{figure[2]} -->{shown(value)}<!-- / -->"

    return FIGURE.sub(fill, text)


def shown(value: Any) -> str:
    """A figure as people read it; a list of objects as a table."""
    if isinstance(value, list):
        head = list(value[0])
        lines = [head, ["---"] * len(head)]
        lines += [[shown(row[column]) for column in head] for row in value]
        return "\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
