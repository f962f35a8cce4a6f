"""Pictures of DAGs. The five workflows are drawn as in `drawings.txt`, 80 columns wide."""

from __future__ import annotations

import shutil
from collections.abc import Callable
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


def test_dot() -> None:
    assert drawing.dot({"a": [], 'b"\\': ["a"]}, {"a": "complete"}) == (
        "digraph {\n"
        '  node [shape=box style="rounded,filled" fillcolor=white]\n'
        '  s1 [label="a\\ncomplete" fillcolor="#b2f2bb"]\n'
        '  s2 [label="b\\"\\\\"]\n'
        "  s1 -> s2\n"
        "}\n"
    )


@pytest.fixture
def graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program `dot` on the path, in place of any other, that runs a line of shell."""

    def put(line: str) -> None:
        program = tmp_path / "dot"
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return put


def test_svg_is_drawn_by_graphviz(graphviz: Callable[[str], None]) -> None:
    graphviz('echo "<svg $1>"; cat')
    states = {"a": "complete"}
    assert drawing.svg(DIAMOND, states) == f"<svg -Tsvg>\n{drawing.dot(DIAMOND, states)}"


def test_svg_fails_with_the_words_of_graphviz(graphviz: Callable[[str], None]) -> None:
    graphviz("cat > /dev/null; echo no fonts >&2; exit 1")
    with pytest.raises(ValueError, match=r"^Graphviz cannot draw this: no fonts$"):
        drawing.svg(DIAMOND)


def test_svg_without_graphviz_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"apt install graphviz.*Mermaid draws the same"):
        drawing.svg(DIAMOND)


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_graphviz_draws_every_step_and_edge(name: str) -> None:
    definition = templates.load(EXAMPLES / f"{name}.yaml", "development").definition
    dag = drawing.dag_of(definition)
    svg = ElementTree.fromstring(drawing.svg(dag))
    assert {text.text for text in svg.iter(f"{SVG}text")} == dag.keys()
    edges = [group for group in svg.iter(f"{SVG}g") if group.get("class") == "edge"]
    assert len(edges) == sum(map(len, dag.values()))


def test_mermaid() -> None:
    assert drawing.mermaid({"a": [], "b<": ["a"]}, {"a": "complete"}) == (
        "flowchart TD\n"
        '  s1["a<br/>complete"]:::complete\n'
        '  s2["b#60;"]\n'
        "  s1 --> s2\n"
        "  classDef complete fill:#b2f2bb,color:#000\n"
    )
