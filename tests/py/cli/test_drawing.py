"""Pictures of DAGs. The five workflows are drawn as in `drawings.txt`, 80 columns wide."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tasker_sql.templates import drawing
from tasker_sql.templates import files as templates

EXAMPLES = Path(__file__).parents[3] / "examples" / "workflows"
STORED = Path(__file__).with_name("drawings.txt")
NAMES = ["linear", "diamond", "tree", "mixed", "order"]
SVG = "{http://www.w3.org/2000/svg}"
DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def drawn(name: str) -> str:
    definition = templates.load(EXAMPLES / f"{name}.yaml", "development").definition
    return f"{name}\n\n{drawing.text(drawing.dag_of(definition))}"


def test_the_five_workflows_are_drawn_as_stored() -> None:
    assert "\n".join(map(drawn, NAMES)) == STORED.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_fits_into_80_columns(name: str) -> None:
    assert max(map(len, drawn(name).splitlines())) <= 80


def test_shows_states() -> None:
    picture = drawing.text(DIAMOND, {"a": "complete", "b": "error", "c": "in_progress"})
    assert [word for word in ("✓ complete", "✗ error", "▶ in_progress") if word in picture] == [
        "✓ complete",
        "✗ error",
        "▶ in_progress",
    ]


def test_what_is_too_wide_becomes_a_list() -> None:
    wide = {"a": list[str](), **{f"step_{number}": ["a"] for number in range(20)}}
    lines = drawing.text(wide, {"a": "complete"}).splitlines()
    assert lines[0] == "   1  ✓ a (complete)"
    assert lines[1] == "   2  step_0  <- a"
    assert len(lines) == 21


def test_what_is_too_large_becomes_a_list() -> None:
    chain = {str(number): [str(number - 1)] if number else [] for number in range(1000)}
    assert len(drawing.text(chain).splitlines()) == 1000


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawing.text({}).strip() == ""


def test_a_level_is_one_below_the_lowest_parent() -> None:
    dag = {"d": ["a", "c"], "a": [], "c": ["b"], "b": ["a"]}
    assert drawing.levels(dag) == [["a"], ["b"], ["c"], ["d"]]


def boxes(svg: ElementTree.Element) -> dict[str, tuple[int, int, int, int]]:
    """Left, top, width and height of the box of each step."""
    return {
        str(group[1].text): tuple(int(group[0].attrib[n]) for n in ("x", "y", "width", "height"))  # type: ignore[misc]
        for group in [*svg.iter(f"{SVG}g"), *svg.iter(f"{SVG}a")]
    }


@pytest.mark.parametrize("name", NAMES)
def test_svg_has_every_step_and_edge(name: str) -> None:
    definition = templates.load(EXAMPLES / f"{name}.yaml", "development").definition
    dag = drawing.dag_of(definition)
    svg = ElementTree.fromstring(drawing.svg(dag))
    found = boxes(svg)
    assert found.keys() == dag.keys()
    path = svg[0].attrib["d"]
    for step, parents in dag.items():
        left, top, wide, _ = found[step]
        assert path.count(f" {left + wide // 2} {top}M") + path.endswith(
            f" {left + wide // 2} {top}"
        ) == len(parents)
        assert all(found[parent][1] < top for parent in parents), "children stand below"
    for one, (left, top, wide, high) in found.items():
        assert left >= 0 and left + wide <= int(svg.attrib["width"])
        assert top + high <= int(svg.attrib["height"])
        others = [box for other, box in found.items() if other != one and box[1] == top]
        assert all(left + wide < x or x + w < left for x, _, w, _ in others), "no box on another"


def test_svg_shows_states_and_leads_on() -> None:
    svg = drawing.svg(DIAMOND, {"a": "complete", "b": "error"}, {"b": "/steps/2?a&b"})
    found = ElementTree.fromstring(svg)
    (link,) = found.iter(f"{SVG}a")
    assert (link.attrib["href"], link[0].attrib["fill"]) == ("/steps/2?a&b", "#ffc9c9")
    assert [text.text for text in link.iter(f"{SVG}text")] == ["b", "✗ error"]
    assert "✓ complete" in svg


def test_svg_of_hostile_names_is_harmless() -> None:
    names = ["</text><script>alert(1)</script>", '"><a href="//x">', "\x1b[2J"]
    svg = drawing.svg({name: [] for name in names}, {}, dict.fromkeys(names, '"><script>'))
    assert [one.tag for one in ElementTree.fromstring(svg).iter(f"{SVG}script")] == []
    assert "<script" not in svg and "\x1b" not in svg


def test_svg_of_nothing_is_empty() -> None:
    assert [*boxes(ElementTree.fromstring(drawing.svg({})))] == []


def test_mermaid() -> None:
    assert drawing.mermaid({"a": [], "b<": ["a"]}, {"a": "complete"}) == (
        "flowchart TD\n"
        '  s1["a<br/>complete"]:::complete\n'
        '  s2["b#60;"]\n'
        "  s1 --> s2\n"
        "  classDef complete fill:#b2f2bb,color:#000\n"
    )
