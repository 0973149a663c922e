"""Every problem code, with the exact place; and plans that have none."""

from typing import Any, Literal, get_args

import pytest

from kapelle.agents.spec import agent
from kapelle.plan.catalog import Catalog, make_catalog
from kapelle.plan.model import Plan
from kapelle.plan.problem import Code
from kapelle.plan.validate import validate
from kapelle.tools.decorator import tool


@tool
def look(text: str, level: Literal["low", "high"] = "low", most: int = 3) -> dict[str, str]:
    """Look at a text."""
    return {}


@tool
def names() -> list[str]:
    """Give names."""
    return []


@tool(effect="write")
def put(text: str) -> str:
    """Change something."""
    return text


async def think(topic: str) -> str:
    """Think."""
    return topic


CATALOG: Catalog = make_catalog([look, names, put], [agent(think)], ["handbook"])


def a(id: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "tool", "id": id, "tool": "look", "inputs": {"text": "t"}, **fields}


def mapped(*body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "map", "id": "m", "over": [1], "body": list(body), "output": body[-1]["id"], **fields}


def repeated(*body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "repeat", "id": "r", "rounds": 2, "body": list(body), "output": body[-1]["id"], **fields}


def problems(*steps: dict[str, Any], output: str = "") -> list[tuple[str, str, str]]:
    plan = Plan.model_validate({"steps": list(steps), "output": output or steps[-1]["id"]})
    return [(one.code, one.step, one.field) for one in validate(plan, CATALOG)]


REF = {"$ref": "nowhere"}
SECRET = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
CASES: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str, str]]]] = {
    "a cycle": (
        [
            a("a", inputs={"text": {"$ref": "c"}}),
            a("b", after=["a"]),
            a("c", when={"value": {"$ref": "b"}, "op": "eq"}),
        ],
        [("cycle", "a", "inputs"), ("no_entry", "", "steps")],
    ),
    "a step that waits for itself": ([a("a", after=["a"])], [("cycle", "a", "after")]),
    "a step that reads itself": ([a("a", inputs={"text": {"$ref": "a", "path": "/x"}})], [("cycle", "a", "inputs")]),
    "a condition on the step itself": (
        [a("a", when={"value": {"$ref": "a"}, "op": "truthy"})],
        [("cycle", "a", "when")],
    ),
    "a body that reads its own map": (
        [mapped(a("a", inputs={"text": {"$ref": "m", "path": "/0/x"}}))],
        [("cycle", "m/a", "inputs")],
    ),
    "a cycle through a body": (
        [mapped(a("a", inputs={"text": {"$ref": "b"}})), a("b", after=["m"])],
        [("cycle", "b", "inputs"), ("no_entry", "", "steps")],
    ),
    "an unknown step in inputs": ([a("a", inputs={"text": REF})], [("unknown_step", "a", "inputs")]),
    "an unknown step deep in inputs": (
        [a("a", inputs={"text": "t", "most": {"$json": REF}}), a("b", inputs={"text": {"$ref": "a", "path": "/x"}})],
        [
            ("bad_arguments", "a", "inputs.most"),
        ],
    ),
    "an unknown step in a condition": (
        [a("a", when={"not": [{"value": REF, "op": "truthy"}]})],
        [("unknown_step", "a", "when")],
    ),
    "an unknown step in after": ([a("a", after=["nowhere"])], [("unknown_step", "a", "after")]),
    "an unknown step in an undo": (
        [a("a", undo={"tool": "look", "inputs": {"text": REF}})],
        [("unknown_step", "a", "undo.inputs")],
    ),
    "a step of another body": (
        [mapped(a("inner")), a("b", inputs={"text": {"$ref": "inner"}})],
        [("unknown_step", "b", "inputs")],
    ),
    "after from a body outwards": (
        [a("b"), mapped(a("inner", after=["b"]))],
        [("unknown_step", "m/inner", "after")],
    ),
    "an unknown tool": ([a("a", tool="lok")], [("unknown_tool", "a", "tool")]),
    "an unknown tool to undo with": ([a("a", undo={"tool": "lok"})], [("unknown_tool", "a", "undo.tool")]),
    "an unknown tool that is guarded": (
        [{"kind": "approval", "id": "a", "action": "Go?", "guards": "lok"}],
        [("unknown_tool", "a", "guards")],
    ),
    "an unknown agent": ([{"kind": "agent", "id": "a", "agent": "thinck"}], [("unknown_agent", "a", "agent")]),
    "an unknown corpus": (
        [{"kind": "search", "id": "a", "corpora": ["handbok"], "inputs": {"query": "q"}}],
        [("unknown_corpus", "a", "corpora")],
    ),
    "a duplicate id": ([a("a"), a("a")], [("duplicate_id", "a", "id")]),
    "an id used again in a body": ([a("a"), mapped(a("a"))], [("duplicate_id", "a", "id")]),
    "a reserved id": ([a("round")], [("reserved_id", "round", "id")]),
    "item outside a map": ([a("a", inputs={"text": {"$ref": "item"}})], [("bad_reference", "a", "inputs")]),
    "last in a map": ([mapped(a("a", inputs={"text": {"$ref": "last"}}))], [("bad_reference", "m/a", "inputs")]),
    "round outside a repeat": (
        [a("a", when={"value": {"$ref": "round"}, "op": "eq", "to": 1})],
        [("bad_condition", "a", "when")],
    ),
    "item in until": (
        [repeated(a("a"), until={"value": {"$ref": "item"}, "op": "truthy"})],
        [("bad_condition", "r", "until")],
    ),
    "a reference with more keys": (
        [a("a", inputs={"text": {"$ref": "task", "pth": "/prompt"}})],
        [("bad_reference", "a", "inputs")],
    ),
    "a place that the output has not": (
        [
            {"kind": "approval", "id": "ok", "action": "Go?"},
            a("a", inputs={"text": {"$ref": "ok", "path": "/decison"}}),
        ],
        [("bad_reference", "a", "inputs")],
    ),
    "a condition on a place that the output has not": (
        [
            {"kind": "approval", "id": "ok", "action": "Go?"},
            a("a", when={"value": {"$ref": "ok", "path": "/x"}, "op": "eq"}),
        ],
        [("bad_condition", "a", "when")],
    ),
    "a missing argument": ([a("a", inputs={})], [("bad_arguments", "a", "inputs.text")]),
    "an unknown argument": ([a("a", inputs={"text": "t", "txt": 1})], [("bad_arguments", "a", "inputs.txt")]),
    "an argument of another type": ([a("a", inputs={"text": 7})], [("bad_arguments", "a", "inputs.text")]),
    "a word that is not among the words": (
        [a("a", inputs={"text": "t", "level": "mid"})],
        [("bad_arguments", "a", "inputs.level")],
    ),
    "a reference of another type": (
        [{"kind": "tool", "id": "n", "tool": "names"}, a("a", inputs={"text": {"$ref": "n"}})],
        [("bad_arguments", "a", "inputs.text")],
    ),
    "an undo with other arguments": (
        [a("a", undo={"tool": "look", "inputs": {"txt": "t"}})],
        [("bad_arguments", "a", "undo.inputs.text"), ("bad_arguments", "a", "undo.inputs.txt")],
    ),
    "a search without a query": (
        [{"kind": "search", "id": "a", "corpora": ["handbook"]}],
        [("bad_arguments", "a", "inputs.query")],
    ),
    "a verdict without a candidate": ([{"kind": "verdict", "id": "a"}], [("bad_arguments", "a", "inputs.candidate")]),
    "a map over no list": ([mapped(a("a"), over={"x": 1})], [("bad_arguments", "m", "over")]),
    "a map over a text": (
        [{"kind": "tool", "id": "p", "tool": "put", "inputs": {"text": "t"}}, mapped(a("a"), over={"$ref": "p"})],
        [("bad_arguments", "m", "over")],
    ),
    "an output that is no step": ([a("a")], [("bad_output", "", "output")]),
    "a body's output that is outside": ([a("a"), mapped(a("b"), output="a")], [("bad_output", "m", "output")]),
    "more items than the limit": ([mapped(a("a"), over=[1, 2, 3], limit=2)], [("unbounded", "m", "over")]),
    "a fallback that is no step": ([a("a", on_error={"fallback": "b"})], [("bad_fallback", "a", "on_error")]),
    "a fallback to itself": ([a("a", on_error={"fallback": "a"}), a("b")], [("bad_fallback", "a", "on_error")]),
    "a fallback that needs what it stands in for": (
        [a("a", on_error={"fallback": "b"}), a("b", after=["a"])],
        [("bad_fallback", "a", "on_error")],
    ),
    "a fallback that needs it by way of another": (
        [a("a", on_error={"fallback": "c"}), a("b", after=["a"]), a("c", after=["b"])],
        [("bad_fallback", "a", "on_error")],
    ),
    "a fallback that is needed by what it stands in for": (
        [a("a", on_error={"fallback": "b"}, after=["b"]), a("b"), a("c")],
        [("bad_fallback", "a", "on_error")],
    ),
    "a fallback that waits for another fallback that waits for it": (
        [
            a("a", on_error={"fallback": "b"}),
            a("b", after=["d"]),
            a("c", after=["a"], on_error={"fallback": "d"}),
            a("d"),
        ],
        [("bad_fallback", "a", "on_error"), ("bad_fallback", "c", "on_error")],
    ),
    "a condition of a round that reads the repeat itself": (
        [repeated(a("a"), until={"value": {"$ref": "r"}, "op": "truthy"})],
        [("cycle", "r", "until")],
    ),
    "fallbacks to each other": (
        [a("a", on_error={"fallback": "b"}), a("b", on_error={"fallback": "a"}), a("c")],
        [("bad_fallback", "a", "on_error"), ("bad_fallback", "b", "on_error")],
    ),
    "a quorum of more than there are": (
        [a("a"), a("b", inputs={"text": {"$ref": "a", "path": "/x"}}, join={"quorum": 2})],
        [("bad_join", "b", "join")],
    ),
    "exclusive in a spread map": (
        [mapped(a("a", exclusive=True), spread=True)],
        [("exclusive_in_spread", "m/a", "exclusive")],
    ),
    "a kind of step that a newer version brought": (
        [{"kind": "unknown", "id": "w", "of": "webhook"}],
        [("unknown_kind", "w", "kind")],
    ),
    "a timeout on a map": ([mapped(a("a"), timeout=3)], [("bad_limit", "m", "timeout")]),
    "a retry on a repeat": ([repeated(a("a"), retry={"max_retries": 1})], [("bad_limit", "r", "timeout")]),
    "a secret among the literals": (
        [
            a("a", inputs={"text": SECRET}),
            a("b", title=f"use {SECRET}", undo={"tool": "look", "inputs": {"text": SECRET}}),
            mapped(a("c", inputs={"text": {"$ref": "item"}}), over=[1, {"key": SECRET}]),
            repeated(a("d", when={"value": {"$ref": "a"}, "op": "eq", "to": SECRET})),
        ],
        [
            ("secret", "a", "inputs.text"),
            ("secret", "b", "title"),
            ("secret", "b", "undo.inputs.text"),
            ("secret", "m", "over[1].key"),
            ("secret", "r/d", "when.to"),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_problem_is_found_at_its_place(name: str) -> None:
    steps, expected = CASES[name]
    output = "nowhere" if name == "an output that is no step" else ""
    assert sorted(problems(*steps, output=output)) == sorted(expected)


def test_every_code_has_a_case() -> None:
    assert {code for _, expected in CASES.values() for code, _, _ in expected} == set(get_args(Code))


def test_all_problems_of_a_plan_are_told_at_once() -> None:
    found = problems(
        a("a", tool="lok"),
        a("b", inputs={"text": 1, "more": 2}, after=["x"]),
        mapped(a("c", inputs={"text": {"$ref": "last"}}), over=[1, 2], limit=1),
    )
    assert sorted(found) == sorted(
        [
            ("unknown_tool", "a", "tool"),
            ("bad_arguments", "b", "inputs.text"),
            ("bad_arguments", "b", "inputs.more"),
            ("unknown_step", "b", "after"),
            ("bad_reference", "m/c", "inputs"),
            ("unbounded", "m", "over"),
        ]
    )


def test_a_message_says_what_there_is_instead() -> None:
    plan = Plan.model_validate({"steps": [a("a", tool="lok")], "output": "a"})
    (problem,) = validate(plan, CATALOG)
    assert str(problem) == "step `a`, `tool`: there is no tool `lok`; known: `look`, `names`, `put`"


def test_a_wrong_value_is_not_repeated_in_the_message() -> None:
    plan = Plan.model_validate({"steps": [a("a", inputs={"text": {"password": "hunter22"}})], "output": "a"})
    assert "hunter22" not in "".join(str(one) for one in validate(plan, CATALOG))


def test_a_secret_is_not_repeated_wherever_it_stands() -> None:
    steps = [a(SECRET, inputs={"text": SECRET, SECRET: 1})]
    plan = Plan.model_validate({"steps": steps, "output": SECRET, "why": SECRET})
    found = [one for one in validate(plan, CATALOG) if one.code == "secret"]
    assert {(one.step, one.field) for one in found} >= {("", "why"), ("[redacted]", "inputs"), ("[redacted]", "id")}
    assert SECRET not in "".join(str(one) for one in found)


VALID: dict[str, list[dict[str, Any]]] = {
    "an undo that uses the step's own output": [
        a("a", undo={"tool": "look", "inputs": {"text": {"$ref": "a", "path": "/id"}}})
    ],
    "a body that reads a step outside": [a("a"), mapped(a("b", inputs={"text": {"$ref": "a", "path": "/x"}}))],
    "a body in a body that reads item and round": [
        mapped(
            {
                "kind": "repeat",
                "id": "r",
                "rounds": 2,
                "output": "b",
                "body": [
                    a(
                        "b",
                        inputs={"text": "t", "most": {"$ref": "item"}},
                        when={"value": {"$ref": "round"}, "op": "lt", "to": 2},
                    )
                ],
            }
        )
    ],
    "a literal that looks like a reference": [
        {"kind": "approval", "id": "ok", "action": "Go?", "inputs": {"arguments": {"$json": {"$ref": "nowhere"}}}}
    ],
    "two steps with one fallback": [
        a("a", on_error={"fallback": "c"}),
        a("b", after=["a"], on_error={"fallback": "c"}),
        a("c"),
        a("d", after=["b"]),
    ],
    "a chain of fallbacks": [a("a", on_error={"fallback": "b"}), a("b", on_error={"fallback": "c"}), a("c"), a("d")],
    "a quorum on a map counts items": [mapped(a("a"), over=[1, 2, 3], join={"quorum": 2})],
    "a map over what a tool lists": [{"kind": "tool", "id": "n", "tool": "names"}, mapped(a("a"), over={"$ref": "n"})],
    "an id with a slash": [a("a/b"), a("c", inputs={"text": {"$ref": "a/b", "path": "/x"}})],
}


@pytest.mark.parametrize("name", VALID)
def test_a_good_plan_has_no_problem(name: str) -> None:
    assert problems(*VALID[name]) == []


def test_a_plan_of_thousands_of_steps_is_validated_without_recursion() -> None:
    chain = [a("s0"), *(a(f"s{n}", after=[f"s{n - 1}"]) for n in range(1, 3000))]
    assert problems(*chain) == []
