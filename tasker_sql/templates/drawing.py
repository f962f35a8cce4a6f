"""A workflow's DAG as a picture: text for terminals, Mermaid and SVG for documents.

Functions of steps, their dependencies and, when given, their states.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from html import escape
from itertools import pairwise
from typing import Any, Final

from tasker_sql.visible import visible

Dag = Mapping[str, Sequence[str]]  # a step's name, and the names of those it depends on

NOTHING: Final[Mapping[str, str]] = {}
WIDTH: Final = 80
GAP: Final = 3  # columns between two boxes
MOST_STEPS: Final = 200  # in boxes; a list has no limit

LOOKS: Final = {  # of a state: mark, style in a terminal, colour in a document
    "pending": ("·", "", ""),
    "enqueued": ("○", "blue", "#fff3bf"),
    "in_progress": ("▶", "cyan", "#a5d8ff"),
    "waiting_for_retry": ("↻", "yellow", "#ffd8a8"),
    "complete": ("✓", "green", "#b2f2bb"),
    "error": ("✗", "red", "#ffc9c9"),
    "cancelled": ("⊘", "dim", "#dee2e6"),
    "resolved_manually": ("✓", "green", "#b2f2bb"),
    "skipped": ("-", "dim", "#dee2e6"),
    "upstream_failed": ("∅", "dim", "#dee2e6"),
    "blocked_by_failures": ("", "red", ""),  # a task's
}
MARKS: Final = {state: mark for state, (mark, _, _) in LOOKS.items() if mark}
STYLES: Final = {state: style for state, (_, style, _) in LOOKS.items() if style}
COLOURS: Final = {state: colour for state, (_, _, colour) in LOOKS.items() if colour}


def dag_of(definition: Mapping[str, Any]) -> dict[str, list[str]]:
    """The DAG of a template's definition."""
    return {step["name"]: list(step.get("dependencies", [])) for step in definition["steps"]}


def levels(dag: Dag) -> list[list[str]]:
    """The steps by level: a step is one below the lowest of its dependencies."""
    depth: dict[str, int] = {}
    for step in TopologicalSorter(dag).static_order():
        depth[step] = max((depth[parent] + 1 for parent in dag[step]), default=0)
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for step in dag:
        rows[depth[step]].append(step)
    return rows


# For documents


def mermaid(dag: Dag, states: Mapping[str, str] = NOTHING) -> str:
    """A Mermaid flowchart, from top to bottom; coloured by state."""

    def quoted(text: str) -> str:
        return re.sub(r'[<>&"#;]', lambda found: f"#{ord(found[0])};", text)

    ids = {step: f"s{number}" for number, step in enumerate(dag, 1)}
    lines = ["flowchart TD"]
    for step in dag:
        state = states.get(step)
        label = quoted(step) + (f"<br/>{quoted(state)}" if state else "")
        lines.append(f'  {ids[step]}["{label}"]' + (f":::{state}" if state else ""))
    lines += [f"  {ids[parent]} --> {ids[step]}" for step in dag for parent in dag[step]]
    used = sorted({state for step, state in states.items() if step in dag and state in COLOURS})
    lines += [f"  classDef {state} fill:{COLOURS[state]},color:#000" for state in used]
    return "\n".join(lines) + "\n"


CHARACTER, LINE, BOX, BETWEEN, AROUND = 8, 18, 46, 34, 8  # pixels


def svg(dag: Dag, states: Mapping[str, str] = NOTHING, links: Mapping[str, str] = NOTHING) -> str:
    """A picture for browsers, which needs no style sheet; a step that has a link leads there."""
    rows = _placed(dag, states) if dag else []
    lines, boxes, width = list[str](), list[str](), 0
    for number, row in enumerate(rows):
        top = AROUND + number * (BOX + BETWEEN)
        for node in row:
            x = AROUND + node.x * CHARACTER
            width = max(width, x + node.half * CHARACTER + AROUND)
            for upper in node.above:
                start, middle = AROUND + upper.x * CHARACTER, top - BETWEEN // 2
                lines.append(f"M{start} {top - BETWEEN}C{start} {middle} {x} {middle} {x} {top}")
            if node.label:
                colour = COLOURS.get(states.get(node.label[0], ""), "#f1f3f5")
                boxes.append(_box(node, x, top, colour, links.get(node.label[0])))
            else:
                lines.append(f"M{x} {top}V{top + BOX}")
    height = 2 * AROUND + len(rows) * (BOX + BETWEEN) - BETWEEN if rows else 0
    edges = f'<path d="{"".join(lines)}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>'
    head = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    text = 'font-family="monospace" font-size="13" text-anchor="middle"'
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" {head} {text}>', edges, *boxes, "</svg>"]
    )


def _box(node: _Node, x: int, top: int, colour: str, link: str | None) -> str:
    left, wide = x - node.half * CHARACTER, 2 * node.half * CHARACTER
    first = top + (BOX - LINE * len(node.label)) // 2 + 13
    texts = [
        f'<text x="{x}" y="{first + LINE * number}" fill="#111">{escape(visible(label))}</text>'
        for number, label in enumerate(node.label)
    ]
    box = (
        f'<rect x="{left}" y="{top}" width="{wide}" height="{BOX}" rx="7" fill="{colour}"'
        f' stroke="#868e96"/>{"".join(texts)}'
    )
    return f'<a href="{escape(link)}">{box}</a>' if link else f"<g>{box}</g>"


# For terminals


def text(dag: Dag, states: Mapping[str, str] = NOTHING, width: int = WIDTH) -> str:
    """Boxes and lines, a row for each level; a plain list where that does not fit the width."""
    lines = _boxes(dag, states) if 0 < len(dag) <= MOST_STEPS else []
    if not lines or max(map(len, lines)) > width:
        lines = _list(dag, states, width)
    return "\n".join(lines) + "\n"


def _list(dag: Dag, states: Mapping[str, str], width: int) -> list[str]:
    """A line for each step: level, name, state, dependencies."""
    lines = []
    for number, level in enumerate(levels(dag), 1):
        for position, step in enumerate(level):
            line = f"{'' if position else number:>4}  "
            if state := states.get(step):
                line += f"{MARKS.get(state, '?')} {step} ({state})"
            else:
                line += step
            line += f"  <- {', '.join(dag[step])}" if dag[step] else ""
            lines.append(line if len(line) <= width else f"{line[: width - 4]} ...")
    return lines


@dataclass(slots=True, eq=False)
class _Node:
    """A step in its level, or a point where an edge crosses a level on its way further down."""

    label: tuple[str, ...] = ()
    above: list[_Node] = field(default_factory=list)
    below: list[_Node] = field(default_factory=list)
    x: int = 0  # of its middle

    @property
    def half(self) -> int:
        """Columns from the middle to the border."""
        return (max(map(len, self.label)) + 5) // 2 if self.label else 0


def _placed(dag: Dag, states: Mapping[str, str]) -> list[list[_Node]]:
    """The nodes by level, each with its column."""
    rows = _layers(dag, states)
    _order(rows)
    _place(rows)
    return rows


def _boxes(dag: Dag, states: Mapping[str, str]) -> list[str]:
    rows = _placed(dag, states)
    canvas, y = _Canvas(), 0
    for row in rows:
        y = _draw_row(canvas, row, y)
        y = _draw_edges(canvas, row, y)
    width = max(x for x, _ in canvas) + 1
    return [canvas.line(line, width) for line in range(y)]


def _layers(dag: Dag, states: Mapping[str, str]) -> list[list[_Node]]:
    """Nodes by level; an edge over several levels passes a node of its own in each of them."""
    nodes, depth, rows = dict[str, _Node](), dict[str, int](), list[list[_Node]]()
    for number, level in enumerate(levels(dag)):
        for step in level:
            state = states.get(step)
            nodes[step] = _Node((step, f"{MARKS.get(state, '?')} {state}") if state else (step,))
            depth[step] = number
        rows.append([nodes[step] for step in level])
    passing: dict[tuple[str, int], _Node] = {}  # shared by all edges of a step
    for step, parents in dag.items():
        for parent in parents:
            upper = nodes[parent]
            for number in range(depth[parent] + 1, depth[step]):
                if (parent, number) not in passing:
                    passing[parent, number] = _Node(above=[upper])
                    upper.below.append(passing[parent, number])
                    rows[number].append(passing[parent, number])
                upper = passing[parent, number]
            upper.below.append(nodes[step])
            nodes[step].above.append(upper)
    return rows


def _order(rows: list[list[_Node]]) -> None:
    """Put nodes below the middle of their parents, and above that of their children."""
    down = [(lower, upper, "above") for upper, lower in pairwise(rows)]
    up = [(upper, lower, "below") for upper, lower in reversed(list(pairwise(rows)))]
    for row, beside, side in [*(down + up) * 4, *down]:
        place = {node: index for index, node in enumerate(beside)}
        mean = {node: _mean([place[other] for other in getattr(node, side)]) for node in row}
        row.sort(key=mean.__getitem__)


def _place(rows: list[list[_Node]]) -> None:
    """Give each node its column: near its neighbours, and none over another."""
    for row in rows:
        _spread(row, [0.0] * len(row))
    down = [(row, "above") for row in rows[1:]]
    up = [(row, "below") for row in reversed(rows[:-1])]
    for row, side in (down + up) * 6:
        beside = [[other.x for other in getattr(node, side)] or [node.x] for node in row]
        _spread(row, [*map(_mean, beside)])
    left = min(node.x - node.half for row in rows for node in row)
    for row in rows:
        for node in row:
            node.x -= left


def _spread(row: list[_Node], wishes: list[float]) -> None:
    """Columns as near to the wanted ones as the boxes allow, in this order.

    Neighbours that would overlap form a block, which stands at the mean of what they want.
    """

    def start(block: list[tuple[_Node, int, float]]) -> float:
        return _mean([wish - offset for _, offset, wish in block])

    blocks: list[list[tuple[_Node, int, float]]] = []
    for node, wish in zip(row, wishes, strict=True):
        blocks.append([(node, 0, wish)])
        while len(blocks) > 1:
            left, right = blocks[-2:]
            shift = left[-1][1] + left[-1][0].half + right[0][0].half + GAP + 1
            if start(right) >= start(left) + shift:
                break
            blocks[-2:] = [[*left, *((other, at + shift, wish) for other, at, wish in right)]]
    for block in blocks:
        for node, offset, _ in block:
            node.x = round(start(block)) + offset


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
JOINTS: Final = " │││─┘┐┤─└┌├─┴┬┼"  # by the sum of the sides that lines lead to


class _Canvas(dict[tuple[int, int], str | int]):
    """Characters, or the sides that lines lead to, by column and line."""

    def join(self, x: int, y: int, sides: int) -> None:
        """Add lines from the middle of a place to some of its sides."""
        known = self.get((x, y), 0)
        self[x, y] = sides | (known if isinstance(known, int) else 0)

    def fall(self, x: int, top: int, bottom: int) -> None:
        """A vertical line, from the middle of a place to that of another."""
        for y in range(top, bottom):
            self.join(x, y, DOWN)
            self.join(x, y + 1, UP)

    def box(self, node: _Node, top: int, bottom: int) -> None:
        left, right = node.x - node.half, node.x + node.half
        for column in (left, right):
            self.fall(column, top, bottom)
        for x in range(left, right):
            for y in (top, bottom):
                self.join(x, y, RIGHT)
                self.join(x + 1, y, LEFT)
        for y, label in enumerate(node.label, top + 1):
            for x, character in enumerate(f"{label:^{right - left - 1}}", left + 1):
                self[x, y] = character

    def line(self, y: int, width: int) -> str:
        found = (self.get((x, y), 0) for x in range(width))
        return "".join(JOINTS[one] if isinstance(one, int) else one for one in found).rstrip()


def _draw_row(canvas: _Canvas, row: list[_Node], y: int) -> int:
    bottom = y + 1 + max(len(node.label) for node in row)
    for node in row:
        if node.label:
            canvas.box(node, y, bottom)
        else:
            canvas.fall(node.x, y, bottom)
    return bottom + 1


@dataclass(slots=True)
class _Net:
    """Nodes that all lead to the same nodes below, over one horizontal line."""

    upper: list[_Node]
    lower: list[_Node]
    y: int = 0

    @property
    def columns(self) -> range:
        columns = [node.x for node in [*self.upper, *self.lower]]
        return range(min(columns), max(columns) + 1)


def _draw_edges(canvas: _Canvas, row: list[_Node], y: int) -> int:
    """The lines below a row: each net has a horizontal line of its own, so that it is plain who
    leads where; a vertical line that passes over a horizontal one does not touch it."""
    by_children: dict[frozenset[int], _Net] = {}
    for node in row:
        if node.below:
            key = frozenset(map(id, node.below))
            by_children.setdefault(key, _Net([], node.below)).upper.append(node)
    nets = [*by_children.values()]
    bottom = y + _stack(nets, y)
    bottom += bottom > y + 1
    for net in nets:
        for node in net.upper:
            canvas.fall(node.x, y - 1, net.y)
        for node in net.lower:
            canvas.fall(node.x, net.y, bottom)
    for net in nets:
        ends = {node.x for node in [*net.upper, *net.lower]}
        for x in net.columns:
            if x in ends:
                left, right = x > net.columns[0], x < net.columns[-1]
                canvas.join(x, net.y, LEFT * left | RIGHT * right)
            else:
                canvas.setdefault((x, net.y), LEFT | RIGHT)
    return bottom


def _stack(nets: list[_Net], y: int) -> int:
    """Give nets that would overlap different lines, short ones first; how many lines there are."""
    tracks: list[list[_Net]] = []
    for net in sorted(nets, key=lambda net: len(net.columns)):
        low, high = net.columns[0] - 1, net.columns[-1] + 1
        beside = [
            all(high < other.columns[0] or low > other.columns[-1] for other in track)
            for track in tracks
        ]
        if True not in beside:
            tracks.append([])
        number = [*beside, True].index(True)
        tracks[number].append(net)
        net.y = y + number
    return len(tracks)
