"""A workflow's DAG as a picture: Mermaid, DOT and SVG for documents, text for terminals.

Pure functions of steps, their dependencies and, when given, their states.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any, Final

Dag = Mapping[str, Sequence[str]]  # a step's name, and the names of those it depends on

NOTHING: Final[Mapping[str, str]] = {}
WIDTH: Final = 80

MARKS: Final = {
    "pending": "·",
    "enqueued": "○",
    "in_progress": "▶",
    "waiting_for_retry": "↻",
    "complete": "✓",
    "error": "✗",
    "cancelled": "⊘",
    "resolved_manually": "✓",
    "skipped": "-",
}
STYLES: Final = {
    "complete": "green",
    "resolved_manually": "green",
    "error": "red",
    "blocked_by_failures": "red",
    "waiting_for_retry": "yellow",
    "in_progress": "cyan",
    "enqueued": "blue",
    "cancelled": "dim",
    "skipped": "dim",
}
COLOURS: Final = {
    "enqueued": "#fff3bf",
    "in_progress": "#a5d8ff",
    "waiting_for_retry": "#ffd8a8",
    "complete": "#b2f2bb",
    "error": "#ffc9c9",
    "cancelled": "#dee2e6",
    "resolved_manually": "#b2f2bb",
    "skipped": "#dee2e6",
}


def dag_of(definition: Mapping[str, Any]) -> dict[str, list[str]]:
    """The DAG of a template's definition."""
    return {step["name"]: list(step.get("dependencies", [])) for step in definition["steps"]}


def levels(dag: Dag) -> list[list[str]]:
    """The steps by level: a step stands one below the lowest of those it depends on."""
    depth: dict[str, int] = {}
    waiting = {step: len(parents) for step, parents in dag.items()}
    children: dict[str, list[str]] = {step: [] for step in dag}
    for step, parents in dag.items():
        for parent in parents:
            children[parent].append(step)
    ready = [step for step, count in waiting.items() if count == 0]
    for step in ready:
        depth[step] = max((depth[parent] + 1 for parent in dag[step]), default=0)
        for child in children[step]:
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    found: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for step in dag:
        if step in depth:
            found[depth[step]].append(step)
    return found


# Mermaid


def mermaid(dag: Dag, states: Mapping[str, str] = NOTHING) -> str:
    """A Mermaid flowchart, from top to bottom; coloured by state."""
    ids = {step: f"s{number}" for number, step in enumerate(dag, 1)}
    lines = ["flowchart TD"]
    for step in dag:
        state = states.get(step)
        label = _quoted(step) + (f"<br/>{_quoted(state)}" if state else "")
        lines.append(f'  {ids[step]}["{label}"]' + (f":::{state}" if state else ""))
    lines += [f"  {ids[parent]} --> {ids[step]}" for step in dag for parent in dag[step]]
    used = sorted({state for step, state in states.items() if step in dag and state in COLOURS})
    lines += [f"  classDef {state} fill:{COLOURS[state]},color:#000" for state in used]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return re.sub(r'[<>&"#;]', lambda found: f"#{ord(found[0])};", text)


def dot(dag: Dag, states: Mapping[str, str] = NOTHING) -> str:
    """A graph for Graphviz, from top to bottom; coloured by state."""
    ids = {step: f"s{number}" for number, step in enumerate(dag, 1)}
    lines = ["digraph {", '  node [shape=box style="rounded,filled" fillcolor=white]']
    for step in dag:
        state = states.get(step)
        label = re.sub(r'(["\\\\])', r"\\\1", step) + (f"\\n{state}" if state else "")
        fill = f' fillcolor="{COLOURS[state]}"' if state in COLOURS else ""
        lines.append(f'  {ids[step]} [label="{label}"{fill}]')
    lines += [f"  {ids[parent]} -> {ids[step]}" for step in dag for parent in dag[step]]
    return "\n".join([*lines, "}"]) + "\n"


# SVG

ACROSS, DOWNWARDS, HEIGHT, MARGIN = 8, 78, 44, 12  # pixels: a column, a level, a box, the edge


def svg(dag: Dag, states: Mapping[str, str] = NOTHING) -> str:
    """A picture for browsers; coloured by state. Raises ValueError for too many steps."""
    if len(dag) > MOST_STEPS:
        raise ValueError(
            f"{len(dag)} steps are too many for SVG, which draws {MOST_STEPS}; Mermaid and DOT"
            " describe any number"
        )
    rows = _arranged(dag, states)
    boxes, edges = [], []
    for level, row in enumerate(rows):
        top = MARGIN + level * DOWNWARDS
        for node in row:
            x = MARGIN + node.x * ACROSS
            boxes.append(_box(node, x, top) if node.label else _edge(x, top, x, top + HEIGHT))
            below = [MARGIN + other.x * ACROSS for other in node.below]
            edges += [_edge(x, top + HEIGHT, lower, top + DOWNWARDS) for lower in below]
    right = max((node.x + node.half for row in rows for node in row), default=0)
    width, height = 2 * MARGIN + right * ACROSS, 2 * MARGIN + (len(rows) - 1) * DOWNWARDS + HEIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {max(height, 0)}"'
            f' width="{width}" height="{max(height, 0)}" font-family="sans-serif" font-size="13">',
            *(edges + boxes),
            "</svg>\n",
        ]
    )


def _box(node: _Node, x: int, top: int) -> str:
    state = node.label[1].split(" ", 1)[1] if len(node.label) > 1 else ""
    wide = 2 * node.half * ACROSS
    lines = [
        f'<text x="{x}" y="{top + y}" text-anchor="middle">{escape(line)}</text>'
        for line, y in zip(node.label, (19, 35) if state else (27,), strict=True)
    ]
    return (
        f'<rect x="{x - wide // 2}" y="{top}" width="{wide}" height="{HEIGHT}" rx="6"'
        f' fill="{COLOURS.get(state, "#ffffff")}" stroke="#495057"/>{"".join(lines)}'
    )


def _edge(x: int, top: int, to: int, bottom: int) -> str:
    half = (top + bottom) // 2
    bend = f"M{x} {top} C{x} {half} {to} {half} {to} {bottom}"
    return f'<path d="{bend}" fill="none" stroke="#495057"/>'


# Text


def text(dag: Dag, states: Mapping[str, str] = NOTHING, width: int = WIDTH) -> str:
    """Boxes and lines, a row for each level; a plain list where that does not fit the width."""
    picture = _boxes(dag, states)
    if picture is None or max(map(len, picture), default=0) > width:
        return _list(dag, states, width)
    return "\n".join(picture) + "\n"


def _list(dag: Dag, states: Mapping[str, str], width: int) -> str:
    """A line for each step: level, name, state, and what it depends on."""
    lines = []
    for number, level in enumerate(levels(dag), 1):
        for position, step in enumerate(level):
            mark = f"{MARKS.get(states[step], '?')} " if step in states else ""
            line = f"{number if position == 0 else '':>4}  {mark}{step}"
            if step in states:
                line += f" ({states[step]})"
            if dag[step]:
                line += f"  <- {', '.join(dag[step])}"
            lines.append(line if len(line) <= width else f"{line[: width - 4]} ...")
    return "\n".join(lines) + "\n"


GAP: Final = 3  # columns between two boxes
MOST_STEPS: Final = 200  # of a picture; crossings are looked for step by step


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


def _boxes(dag: Dag, states: Mapping[str, str]) -> list[str] | None:
    if not dag or len(dag) > MOST_STEPS:
        return None
    rows = _arranged(dag, states)
    lines: list[str] = []
    for row, following in zip(rows, [*rows[1:], []], strict=True):
        lines += _draw_row(row)
        if following:
            lines += _draw_edges(row, following)
    return [line.rstrip() for line in lines]


def _arranged(dag: Dag, states: Mapping[str, str]) -> list[list[_Node]]:
    """Nodes by level, in order, with their columns."""
    if not dag:
        return []
    rows = _layers(dag, states)
    _order(rows)
    _place(rows)
    return rows


def _layers(dag: Dag, states: Mapping[str, str]) -> list[list[_Node]]:
    """Nodes by level; an edge over several levels passes a node of its own in each of them."""
    rows: list[list[_Node]] = []
    nodes: dict[str, _Node] = {}
    passing: dict[tuple[str, int], _Node] = {}
    depth = {step: number for number, level in enumerate(levels(dag)) for step in level}
    for number, level in enumerate(levels(dag)):
        rows.append([])
        for step in level:
            state = states.get(step)
            label = (step, f"{MARKS.get(state, '?')} {state}") if state else (step,)
            nodes[step] = _Node(label)
            rows[number].append(nodes[step])
    for step, parents in dag.items():
        for parent in parents:
            upper = nodes[parent]
            for number in range(depth[parent] + 1, depth[step]):
                if (parent, number) not in passing:  # shared by all edges of this parent
                    passing[parent, number] = _Node()
                    rows[number].append(passing[parent, number])
                    _connect(upper, passing[parent, number])
                upper = passing[parent, number]
            _connect(upper, nodes[step])
    return rows


def _connect(upper: _Node, lower: _Node) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def _order(rows: list[list[_Node]]) -> None:
    """Put nodes below the middle of their parents, and above that of their children."""
    for _ in range(4):
        for upper, lower in pairwise(rows):
            place = {node: index for index, node in enumerate(upper)}
            lower.sort(key=lambda node: _mean([place[other] for other in node.above]))
        for upper, lower in reversed(list(pairwise(rows))):
            place = {node: index for index, node in enumerate(lower)}
            upper.sort(
                key=lambda node: _mean([place[other] for other in node.below]) if node.below else 0
            )
    for upper, lower in pairwise(rows):
        place = {node: index for index, node in enumerate(upper)}
        lower.sort(key=lambda node: _mean([place[other] for other in node.above]))


def _place(rows: list[list[_Node]]) -> None:
    """Give each node its column: near its neighbours, and none over another."""
    for row in rows:
        _spread(row, [0.0] * len(row))
    for _ in range(6):
        for row in rows[1:]:
            _spread(row, [_mean([other.x for other in node.above]) for node in row])
        for row in reversed(rows[:-1]):
            _spread(
                row,
                [
                    _mean([other.x for other in node.below]) if node.below else node.x
                    for node in row
                ],
            )
    left = min(node.x - node.half for row in rows for node in row)
    for row in rows:
        for node in row:
            node.x -= left


def _spread(row: list[_Node], wanted: list[float]) -> None:
    """Columns as near to the wanted ones as the boxes allow, in this order.

    Neighbours that would overlap form a block, which stands at the mean of what they want.
    """
    blocks: list[tuple[list[_Node], list[float], list[float]]] = []  # nodes, offsets, wishes
    for node, wish in zip(row, wanted, strict=True):
        blocks.append(([node], [0.0], [wish]))
        while len(blocks) > 1:
            (left, offsets, wishes), (right, more, others) = blocks[-2:]
            distance = left[-1].half + right[0].half + GAP + 1
            start = _mean([w - o for w, o in zip(wishes, offsets, strict=True)])
            next_start = _mean([w - o for w, o in zip(others, more, strict=True)])
            if next_start >= start + offsets[-1] + distance:
                break
            shift = offsets[-1] + distance
            blocks[-2:] = [
                ([*left, *right], [*offsets, *(o + shift for o in more)], [*wishes, *others])
            ]
    for nodes, offsets, wishes in blocks:
        start = round(_mean([w - o for w, o in zip(wishes, offsets, strict=True)]))
        for node, offset in zip(nodes, offsets, strict=True):
            node.x = start + round(offset)


def _draw_row(row: list[_Node]) -> list[str]:
    height = 2 + max(len(node.label) for node in row)
    canvas = _Canvas(height)
    for node in row:
        if not node.label:
            for y in range(height):
                canvas.put(node.x, y, "│")
            continue
        inner = 2 * node.half - 1
        left = node.x - node.half
        canvas.write(left, 0, f"┌{'─' * inner}┐")
        for y in range(1, height - 1):
            line = node.label[y - 1] if y <= len(node.label) else ""
            canvas.write(left, y, f"│{line:^{inner}}│")
        canvas.write(left, height - 1, f"└{'─' * inner}┘")
        if node.above:
            canvas.put(node.x, 0, "┴")
        if node.below:
            canvas.put(node.x, height - 1, "┬")
    return canvas.lines


@dataclass(slots=True)
class _Net:
    """Nodes that all lead to the same nodes below, over one horizontal line."""

    upper: list[_Node]
    lower: list[_Node]
    y: int = 0

    @property
    def columns(self) -> list[int]:
        return sorted({node.x for node in [*self.upper, *self.lower]})


def _draw_edges(upper: list[_Node], lower: list[_Node]) -> list[str]:
    """The lines between two rows: each net has a horizontal line of its own, so that it is plain
    who leads where; a vertical line that passes over a horizontal one does not touch it."""
    nets: dict[frozenset[int], _Net] = {}
    for node in upper:
        if node.below:
            key = frozenset(id(child) for child in node.below)
            nets.setdefault(key, _Net([], node.below)).upper.append(node)
    height = _stack(list(nets.values()))
    canvas = _Canvas(height + 1 if height > 1 else 1)
    tops = {
        id(child): min(net.y for net in nets.values() if child in net.lower)
        for child in lower
        if child.above
    }
    for net in nets.values():
        for node in net.upper:
            for y in range(net.y):
                canvas.join(node.x, y, UP | DOWN)
    for child in lower:
        for y in range(tops.get(id(child), height) + 1, height + 1 if height > 1 else 1):
            canvas.join(child.x, y, UP | DOWN)
    for net in nets.values():
        from_above = {node.x for node in net.upper}
        to_below = {node.x for node in net.lower}
        passing = {node.x for node in net.lower if tops[id(node)] < net.y}
        low, high = net.columns[0], net.columns[-1]
        for x in range(low, high + 1):
            if x not in from_above | to_below:
                canvas.cross(x, net.y)
                continue
            sides = LEFT * (x > low) | RIGHT * (x < high)
            sides |= UP * (x in from_above | passing) | DOWN * (x in to_below)
            canvas.join(x, net.y, sides)
    return canvas.lines


def _stack(nets: list[_Net]) -> int:
    """Give nets that would overlap different lines, short ones first; how many lines there are."""
    tracks: list[list[_Net]] = []
    for net in sorted(nets, key=lambda net: net.columns[-1] - net.columns[0]):
        for y, track in enumerate(tracks):
            if all(
                net.columns[-1] < other.columns[0] - 1 or net.columns[0] > other.columns[-1] + 1
                for other in track
            ):
                net.y = y
                track.append(net)
                break
        else:
            net.y = len(tracks)
            tracks.append([net])
    return len(tracks)


UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
JOINTS: Final = dict(zip(range(16), " │││" + "─┘┐┤" + "─└┌├" + "─┴┬┼", strict=True))


class _Canvas:
    """Lines of text that are written anywhere."""

    def __init__(self, height: int) -> None:
        self._rows: list[dict[int, str]] = [{} for _ in range(height)]

    @property
    def lines(self) -> list[str]:
        return [
            "".join(row.get(x, " ") for x in range(max(row, default=-1) + 1)) for row in self._rows
        ]

    def put(self, x: int, y: int, character: str) -> None:
        self._rows[y][x] = character

    def write(self, x: int, y: int, line: str) -> None:
        for offset, character in enumerate(line):
            self.put(x + offset, y, character)

    def cross(self, x: int, y: int) -> None:
        """A horizontal line; a vertical one that is here already passes over it."""
        self._rows[y].setdefault(x, "─")

    def join(self, x: int, y: int, sides: int) -> None:
        """Add lines from the middle of a place to some of its sides."""
        present = next((code for code, joint in JOINTS.items() if joint == self._rows[y].get(x)), 0)
        self.put(x, y, JOINTS[present | sides])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
