"""Each check passes what it should and says why it does not."""

import pytest

from kapelle.evidence.model import Citation, sha256_of
from kapelle.verdict import checks
from kapelle.verdict.model import StepOutcome, ToolOutcome

TEXT = "Acknowledge within 5 minutes. Page the secondary."


def cited(
    id: str = "c1", source: str = "policies/policy_v2.md", quote: str = "Acknowledge within 5 minutes."
) -> Citation:
    start = max(TEXT.find(quote), 0)
    return Citation(
        id=id, claim=quote, source=source, sha256=sha256_of(TEXT), quote=quote, start=start, end=start + len(quote)
    )


TEXTS = {(source, sha256_of(TEXT)): TEXT for source in ("policies/policy_v2.md", "tool_configs/jira.yaml")}


def tool(
    name: str = "metrics_query", *tags: str, success: bool = True, empty: bool = False, error: str = ""
) -> ToolOutcome:
    return ToolOutcome(name=name, tags=frozenset(tags), success=success, empty=empty, error=error)


def test_citations_hold_only_when_every_one_does() -> None:
    assert checks.check_citations([cited()], TEXTS).passed
    broken = checks.check_citations([cited(), cited("c2", quote="Acknowledge within 9 minutes.")], TEXTS)
    assert not broken.passed
    assert "[c2]" in broken.feedback and "[c1]" not in broken.feedback


def test_an_answer_without_citations_has_none_that_fail() -> None:
    assert checks.check_citations([], TEXTS).passed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. [c1] Two. [c2][c3]", [("One.", ("c1",)), ("Two.", ("c2", "c3"))]),
        ("One [c1]. Two [c2].", [("One.", ("c1",)), ("Two.", ("c2",))]),
        ("Bare. One. [c1]", [("Bare.", ()), ("One.", ("c1",))]),
        ("One. [c1] Bare", [("One.", ("c1",)), ("Bare", ())]),
        ("One. [c1] [c2]", [("One.", ("c1", "c2"))]),
        ("", []),
    ],
)
def test_a_marker_belongs_to_the_sentence_before_it(text: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert checks.claims_of(text) == expected


def test_every_sentence_needs_a_marker_that_exists() -> None:
    assert checks.check_cited("Acknowledge. [c1]", [cited()]).passed
    assert "Page them" in checks.check_cited("Acknowledge. [c1] Page them.", [cited()]).feedback
    assert "[c7] names no citation" in checks.check_cited("Acknowledge. [c7]", [cited()]).feedback


def test_support_is_measured_for_each_sentence_with_its_own_quotes() -> None:
    two = [cited(), cited("c2", quote="Page the secondary.")]
    assert checks.check_support("Acknowledge within five minutes. [c1] Page the secondary. [c2]", two).passed
    crossed = checks.check_support("Acknowledge within five minutes. [c2]", two)
    assert not crossed.passed
    assert "5" in crossed.feedback


def test_an_answer_that_found_nothing_does_not_pass() -> None:
    assert checks.check_found(True).passed
    assert "no rota" in checks.check_found(False, ["no rota"]).feedback


@pytest.mark.parametrize(
    ("outcomes", "passed", "why"),
    [
        ([tool("metrics_query", "evidence")], True, ""),
        ([tool("a", "evidence", success=False), tool("b", "evidence")], True, ""),
        ([tool("metrics_query", "evidence", success=False, error="refused")], False, "`metrics_query` failed: refused"),
        ([tool("metrics_query", "evidence", empty=True)], False, "found nothing"),
        ([tool("summarize")], False, "was asked"),
        ([], False, "was asked"),
    ],
)
def test_the_evidence_gate_needs_one_source_that_answered(outcomes: list[ToolOutcome], passed: bool, why: str) -> None:
    judged = checks.check_evidence(outcomes)
    assert judged.passed is passed
    assert judged.required
    assert why in judged.feedback


def test_the_policy_gate_takes_a_policy_tool_or_an_exact_policy_citation() -> None:
    policies = {"policies/policy_v2.md"}
    assert checks.check_policy([tool("fetch", "policy")]).passed
    assert checks.check_policy([], [cited()], policies=policies, texts=TEXTS).passed
    assert checks.check_policy([], [cited()], policies=policies).passed
    assert not checks.check_policy([], [cited(quote="Invented.")], policies=policies, texts=TEXTS).passed
    assert not checks.check_policy([], [cited(source="docs/x.md")], policies=policies).passed
    assert not checks.check_policy([tool("metrics_query", "evidence")]).passed


def test_every_required_source_must_be_cited() -> None:
    one = [cited()]
    assert checks.check_required_citations(["policy_v2"], one).passed
    lacking = checks.check_required_citations(["policy_v2", "oncall_rota", "slack_config"], one)
    assert not lacking.passed
    assert "`oncall_rota`" in lacking.feedback and "`slack_config`" in lacking.feedback
    assert "policy_v2" not in lacking.feedback
    assert checks.check_required_citations([], []).passed


def test_failed_tools_and_steps_are_told_with_their_reasons() -> None:
    failed = checks.check_tools([tool(success=False, error="timeout"), tool("b")])
    assert (failed.passed, failed.required) == (False, False)
    assert "timeout" in failed.feedback
    steps = [
        StepOutcome(path="a", status="succeeded"),
        StepOutcome(path="b", status="skipped"),
        StepOutcome(path="c", status="failed", error="boom"),
        StepOutcome(path="d", status="failed", optional=True),
        StepOutcome(path="e", status=""),
    ]
    assert checks.check_plan(steps).feedback == "step `c` failed: boom; step `e` not started"


def test_length_counts_words_without_markers_and_citations() -> None:
    assert checks.check_length("word " * 250 + "[c1]").passed
    assert "251 words" in checks.check_length("word " * 251).feedback
    assert "13 citations" in checks.check_length("x", [cited(f"c{i}") for i in range(13)]).feedback
