"""Pictures of plans: each step once, well formed, and nothing in a title breaks out."""

import re
from xml.etree import ElementTree

import pytest
from tests.builders import again, each, plan_of, step, when

from kapelle.plan.draw import draw_mermaid, draw_svg, draw_text, ranks
from kapelle.plan.model import ApprovalStep, Plan

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    '"]; click n_a "javascript:alert(1)',
    "<script>alert(1)</script>",
    "a & b < c > d",
    "two\nlines\r\nand more",
    "\x1b[31mred\x07\x00",
    "]]> <![CDATA[ x",
    "`ticks` and #quot;",
    "\u202eright to left\ufffe",
    "--> n_b",
]


def varied() -> Plan:
    return plan_of(
        step("a"),
        step("b", "a", on_error={"fallback": "c"}),
        step("c"),
        each("m", [1], step("d"), again("r", 2, step("e"))),
        ApprovalStep(id="ok", action="Go?", after=("b", "m")),
        step("f", "b", after=["ok"], when=when("ok", "/decision")),
    )


def test_ranks_are_distances_from_the_start() -> None:
    assert [sorted(one.id for one in row) for row in ranks(varied().steps)] == [["a", "m"], ["b"], ["c", "ok"], ["f"]]


def test_a_cycle_is_drawn_rather_than_lost() -> None:
    rows = ranks((step("a", "b"), step("b", "a"), step("c")))
    assert [[one.id for one in row] for row in rows] == [["c"], ["a", "b"]]


def test_text_has_a_line_for_each_step_of_each_body() -> None:
    lines = draw_text(varied()).splitlines()
    assert len(lines) == 1 + 9
    assert any("⚙ f: note  (if)  ← b, ok" in line for line in lines)
    assert any("↻ r: up to 2 rounds" in line for line in lines)


def test_mermaid_has_a_node_for_each_step_and_an_edge_for_each_need() -> None:
    text = draw_mermaid(varied())
    assert text.startswith("flowchart TD\n")
    assert text.count("subgraph") == 2 == text.count("end\n")
    assert "n_a --> n_b" in text
    assert "n_ok -.-> n_f" in text
    assert "n_b -.->|on error| n_c" in text


def test_svg_is_well_formed_and_shows_every_step_of_the_plan() -> None:
    root = ElementTree.fromstring(draw_svg(varied(), {"a": "succeeded"}))
    assert len(root.findall(f"{SVG}g")) == 6
    assert root.find(f"{SVG}g/{SVG}rect[@class='succeeded']") is not None


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_title_stays_text_in_svg(title: str) -> None:
    plan = plan_of(step("a", title=title), step("b")).model_copy(update={"why": title})
    root = ElementTree.fromstring(draw_svg(plan, {"a": '"><script>'}))
    assert {part.tag.removeprefix(SVG) for part in root.iter()} <= {
        *("svg", "title", "style", "defs", "marker", "path", "g", "rect", "text")
    }


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_title_stays_one_label_in_mermaid(title: str) -> None:
    lines = draw_mermaid(plan_of(step("a", title=title), step("b"))).splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r'  n_a\["⚙ [^"<>`\x00-\x1f]*"\]', lines[1])


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_title_stays_one_line_without_control_characters_in_text(title: str) -> None:
    plan = plan_of(step("a", title=title)).model_copy(update={"why": title})
    lines = draw_text(plan).split("\n")
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_different_ids_are_different_nodes() -> None:
    text = draw_mermaid(plan_of(step("a-b"), step("a_b"), step("a b"), step("ä")))
    assert len(set(re.findall(r"n_\S+?(?=\[)", text))) == 4
