"""A verdict looks at the answer, its citations and how the run went."""

from typing import Any

import pytest
from tests.builders import circumstances

from kapelle.answer.model import Candidate
from kapelle.errors import ToolInputError
from kapelle.evidence.load import document_of
from kapelle.plan.catalog import make_catalog
from kapelle.plan.model import VerdictStep
from kapelle.run.judge import judge
from kapelle.run.outcome import StepFact, Stretch
from kapelle.task.model import Checklist, ChecklistItem, Task
from kapelle.tools.decorator import tool

SOURCE = document_of("policies/v2.md", "Invoices are kept for ten years.")
TEXTS = {(SOURCE.source, SOURCE.sha256): SOURCE}
GOOD: dict[str, Any] = {
    "text": "Invoices are kept for ten years. [c1]",
    "citations": [
        {
            "id": "c1",
            "claim": "Invoices are kept for ten years.",
            "source": SOURCE.source,
            "sha256": SOURCE.sha256,
            "quote": "kept for ten years",
            "start": 13,
            "end": 31,
        }
    ],
}


@tool(tags=frozenset({"evidence", "policy"}))
def look() -> str:
    """Look."""
    return ""


def judged(
    candidate: Any = GOOD, *checks: str, facts: tuple[StepFact, ...] = (), sources: Any = None, **task: Any
) -> Candidate:
    steps = {one.path: one for one in facts}
    about = circumstances(Task(prompt="p", **task), texts=TEXTS, steps=steps)
    step = VerdictStep(id="v", checks=checks)
    outcome = judge(step, {"candidate": candidate}, about, make_catalog([look], [], []), sources or {})
    return Candidate.model_validate(outcome.output)


def passed(candidate: Candidate) -> bool:
    assert candidate.verdict is not None
    return candidate.verdict.passed


def failing(candidate: Candidate) -> list[str | None]:
    assert candidate.checklist is not None
    return [item.check for item in candidate.checklist.items if item.passed is False]


def test_an_answer_that_quotes_what_was_read_passes() -> None:
    made = judged()
    assert passed(made)
    assert (made.score, made.run_id) == (1.0, "run_1")


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"text": "Invoices are kept. And more."}, "cited"),
        ({"text": "They are kept. [c9]"}, "cited"),
        ({"citations": [{**GOOD["citations"][0], "start": 0, "end": 18}]}, "citations"),
        ({"citations": [{**GOOD["citations"][0], "sha256": "0" * 64}]}, "citations"),
        ({"found": False}, "found"),
    ],
)
def test_an_answer_with_a_fault_does_not_pass(changed: dict[str, Any], check: str) -> None:
    made = judged({**GOOD, **changed})
    assert not passed(made)
    assert check in failing(made)


def test_what_is_no_answer_cannot_be_judged() -> None:
    with pytest.raises(ToolInputError, match="`candidate`"):
        judged("text")


GOOD_FACT = StepFact("a", "tool", "look", "succeeded")


@pytest.mark.parametrize("check", ["evidence", "policy"])
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((GOOD_FACT,), True),
        ((), False),
        ((StepFact("a", "tool", "look", "succeeded", empty=True),), False),
        ((StepFact("a", "tool", "look", "failed", error="down"),), False),
        ((StepFact("a", "tool", "look", "failed"), GOOD_FACT), True),
        ((StepFact("a", "agent", "look", "succeeded"),), False),
    ],
)
def test_a_gate_wants_a_source_that_answered(check: str, facts: tuple[StepFact, ...], expected: bool) -> None:
    assert passed(judged(GOOD, check, facts=facts)) is expected


def test_a_cited_policy_opens_the_policy_gate() -> None:
    assert passed(judged(GOOD, "policy", sources={"policy_v2": "policies/v2.md"}))


def test_a_gate_that_is_not_asked_for_does_not_count() -> None:
    assert passed(judged(GOOD, facts=()))


@pytest.mark.parametrize(("name", "expected"), [("policy_v2", True), ("policies/v2.md", True), ("policy_v3", False)])
def test_the_citations_a_task_requires_are_required(name: str, expected: bool) -> None:
    sources = {"policy_v2": "policies/v2.md", "policy_v3": "policies/v3.md"}
    assert passed(judged(GOOD, sources=sources, context={"required_citations": [name]})) is expected


def test_a_failed_tool_is_told_and_does_not_fail_an_answer_that_stands() -> None:
    made = judged(GOOD, facts=(StepFact("a", "tool", "look", "failed", error="down"),))
    assert passed(made)
    assert failing(made) == ["tools"]
    assert made.score is not None and made.score < 1


def test_the_tasks_own_items_are_in_the_checklist() -> None:
    item = ChecklistItem(description="names the owner", passed=False, required=True)
    assert not passed(judged(GOOD, checklist=Checklist(items=(item,))))


def test_weights_change_the_score() -> None:
    fact = StepFact("a", "tool", "look", "failed", error="down")
    light = judged(GOOD, facts=(fact,), metadata={"weights": {"tools": 0.0}})
    assert light.verdict is not None
    assert light.verdict.scorer == "weighted"
    assert light.score == 1.0


QUOTED = {**GOOD["citations"][0], "quote": SOURCE.text, "start": 0, "end": 32, "passage": "p1"}
SEARCHED = {"text": "Invoices are kept for ten years. [c1]", "citations": [QUOTED]}


def search_of(*spans: tuple[int, int]) -> StepFact:
    """A search that retrieved passages of the source."""
    stretches = tuple(Stretch(SOURCE.source, SOURCE.sha256, *span) for span in spans)
    return StepFact("hits", "search", "", "succeeded", retrieved=stretches)


def test_an_answer_of_retrieved_passages_passes() -> None:
    assert passed(judged(SEARCHED, facts=(search_of((0, 32)),)))


@pytest.mark.parametrize("spans", [(), ((0, 20), (20, 32)), ((1, 32),)])
def test_a_quote_outside_what_a_search_retrieved_does_not_pass(spans: tuple[tuple[int, int], ...]) -> None:
    made = judged(SEARCHED, facts=(search_of(*spans),))
    assert not passed(made)
    assert failing(made) == ["citations"]


def test_without_a_passage_named_it_must_still_be_of_the_search_where_nothing_else_was_read() -> None:
    nameless = {**SEARCHED, "citations": [{**QUOTED, "passage": None}]}
    other = StepFact("look", "tool", "look", "succeeded")
    assert failing(judged(nameless, facts=(search_of((1, 9)),))) == ["citations"]
    assert passed(judged(nameless, facts=(search_of((1, 9)), other)))


def test_a_claim_that_its_passage_does_not_carry_does_not_pass() -> None:
    made = judged({**SEARCHED, "text": "Invoices are kept for two years. [c1]"}, facts=(search_of((0, 32)),))
    assert not passed(made)
    assert failing(made) == ["support"]


def test_a_claim_that_an_agent_computed_is_not_held_against_the_words_of_its_quotes() -> None:
    agent = StepFact("sum", "agent", "sum", "succeeded")
    made = judged({**GOOD, "text": "That is over the limit by 3 years. [c1]"}, facts=(agent,))
    assert passed(made)
    assert failing(made) == []


def test_what_the_question_stated_needs_no_quote() -> None:
    said = {**SEARCHED, "text": "Invoices of 2019 are kept for ten years. [c1]"}
    assert failing(judged(said, facts=(search_of((0, 32)),))) == ["support"]
    asked = judged(said, facts=(search_of((0, 32)),), context={"about": "invoices of 2019"})
    assert passed(asked)
