"""What holds for every decision: limits, exact quotes, versions, wanted sources, silence where nothing is known."""

from pathlib import Path

import pytest
from tests.incident.deciding import Desk, sources_of, text_of
from tests.incident.second_company import write_company
from tests.incident.writing import answer, said

from kapelle.incident.bench import MAX_CITATIONS, MAX_WORDS, Report, Scenario, load_scenarios
from kapelle.incident.decide.evidence import Evidence

HOSTILE = sorted((Path(__file__).parent.parent / "hostile").iterdir())
SHIPPED = Path(__file__).parents[3] / "src/kapelle/incident/scenarios.yaml"
VERSIONS = {
    "policies/policy_v1.md": "# P\nSupersedes: none\n\n## 1. Escalation\n\n- P1: Acknowledge within 10 minutes.\n",
    "policies/policy_v2.md": "# P\nSupersedes: policy_v1\n\n## 1. Escalation\n\n- P1: Acknowledge within 5 minutes.\n",
}


def why(report: Report) -> str:
    return "\n".join(f"{one.id}: {'; '.join(one.reasons)}" for one in report.scenarios if not one.passed)


@pytest.mark.slow
def test_at_least_nine_in_ten_of_the_shipped_scenarios_are_right() -> None:
    report = Desk(None).report(load_scenarios(SHIPPED))
    assert report.pass_rate >= 0.9, why(report)
    assert all(one.passed for one in report.scenarios if one.kind == "quickstart"), why(report)


@pytest.mark.parametrize("seed", [20, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(21, 28))])
def test_a_company_with_other_numbers_names_order_and_wording_is_decided_too(seed: int, tmp_path: Path) -> None:
    scenarios = [Scenario.model_validate(one) for one in write_company(tmp_path, seed)]
    report = Desk(tmp_path).report(scenarios)
    assert report.pass_rate >= 0.95, why(report)


@pytest.mark.parametrize("root", HOSTILE, ids=[root.name for root in HOSTILE])
def test_a_policy_in_very_different_words_is_decided_too(root: Path) -> None:
    report = Desk(root).report(load_scenarios(root / "scenarios.yaml"))
    assert report.pass_rate >= 0.95, why(report)


@pytest.mark.parametrize("root", [pytest.param(None, marks=pytest.mark.slow), *HOSTILE])
def test_every_answer_is_short_and_every_quote_exact(root: Path | None) -> None:
    desk = Desk(root)
    for scenario in load_scenarios(SHIPPED if root is None else root / "scenarios.yaml"):
        decision = desk.decide(scenario.prompt, scenario.context)
        assert len(text_of(decision).split()) <= MAX_WORDS
        assert len(sources_of(decision)) <= MAX_CITATIONS
        for claim in decision.claims:
            assert claim.excerpts, claim.text
            for one in claim.excerpts:
                assert desk.documents[one.source].text[one.start : one.end] == one.quote


def test_the_superseded_version_is_silent_unless_the_question_is_about_it() -> None:
    now = answer("How fast must a P1 be acknowledged?", VERSIONS)
    then = answer("How fast had a P1 to be acknowledged under policy_v1?", VERSIONS)
    both = answer("What tightened for P1 acknowledgement between policy_v1 and policy_v2?", VERSIONS)
    assert "5 minutes" in said(now) and set(sources_of(now)) == {"policies/policy_v2.md"}
    assert "10 minutes" in said(then) and set(sources_of(then)) == {"policies/policy_v1.md"}
    assert "tightened from 10 minutes to 5 minutes" in said(both)
    assert set(sources_of(both)) == set(VERSIONS)


@pytest.mark.parametrize(
    "prompt",
    ["How fast must a P1 be acknowledged? Cite policy_v2 and oncall_rota.", "P1 response time, with the on-call rota."],
)
def test_a_wanted_source_is_cited(prompt: str) -> None:
    rota = {"tool_configs/oncall_rota.yaml": "escalation_order: [primary, duty lead]\n"}
    assert "tool_configs/oncall_rota.yaml" in sources_of(answer(prompt, {**VERSIONS, **rota}))


def test_a_file_the_policy_makes_a_mandatory_reference_is_cited() -> None:
    policy = (
        VERSIONS["policies/policy_v2.md"]
        + "\n## 2. References\n\n- Escalations must consult `tool_configs/rota.yaml`.\n"
    )
    files = {"policies/policy_v2.md": policy, "tool_configs/rota.yaml": "escalation_order: [primary, duty lead]\n"}
    assert "tool_configs/rota.yaml" in sources_of(answer("Escalation timings of a P1?", files))


def test_a_wanted_source_that_is_not_there_is_missing() -> None:
    decision = answer("How fast must a P1 be acknowledged? Cite slack_config.", VERSIONS)
    assert any("slack_config" in one for one in decision.missing)


@pytest.mark.parametrize("prompt", ["What is the capital of France?", "", "asdf"])
def test_what_the_folder_does_not_say_is_not_answered(prompt: str) -> None:
    decision = answer(prompt, VERSIONS)
    assert not decision.found and decision.claims == ()


def test_what_lies_outside_the_scope_is_refused_first() -> None:
    policy = VERSIONS["policies/policy_v2.md"] + "\n## 2. Scope\n\n- Staging and partner plug-ins are out of scope.\n"
    text = said(answer("A partner plug-in is down, do the P1 times apply?", {"policies/policy_v2.md": policy}))
    assert text.startswith("No, the policy does not apply")


@pytest.mark.parametrize("output", [None, [], "x", {"points": [{"bad": 1}]}, {"tickets": [{"key": "A-1", "ref": {}}]}])
def test_outputs_of_another_shape_are_left_out(output: object) -> None:
    evidence = Evidence.of(output, output, output, output)  # type: ignore[arg-type]  # whatever a system answers
    assert said(answer("How fast must a P1 be acknowledged?", VERSIONS, evidence)).startswith(
        "P1: acknowledge within 5"
    )


def test_tickets_without_an_owner_are_an_ownership_gap() -> None:
    tickets = [
        {
            "key": f"OPS-{number}",
            "project_key": "OPS",
            "issue_type": "Incident",
            "summary": "Upload timeout",
            "severity": "P2",
            "status": status,
            "assignee": owner,
            "ref": {"source": "t.json", "sha256": "0", "start": number, "end": number + 1, "quote": "x"},
        }
        for number, status, owner in ((1, "Open", None), (2, "Open", "Ana"), (3, "Closed", None))
    ]
    prompt = "Find open OPS incident tickets mentioning upload timeout and summarize ownership gaps."
    text = said(answer(prompt, VERSIONS, Evidence.of(tickets={"tickets": tickets})))
    assert "OPS-1 has no assignee" in text and "OPS-2" in text and "OPS-3" not in text
