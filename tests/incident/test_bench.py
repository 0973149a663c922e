"""Scenarios are scored as their rules say, and malformed ones are named."""

from pathlib import Path

import pytest

from kapelle.errors import UnreadableSource
from kapelle.incident.bench import Report, Scenario, load_scenarios, score_scenario

SCENARIO = Scenario(
    id="a",
    kind="k",
    prompt="?",
    facts=("5 minutes", ("no,", "not allowed")),
    forbidden=("P3",),
    citations=("policy_v2",),
)


def test_an_answer_that_says_cites_and_forbears_passes() -> None:
    result = score_scenario(SCENARIO, "Not  allowed within `5 minutes` [c1].", ["policies/policy_v2.md"])
    assert result.passed and result.words == 5


@pytest.mark.parametrize(
    ("text", "sources", "reason"),
    [
        ("not allowed, 15 minutes", ["policies/policy_v2.md"], "not said: 5 minutes"),
        ("maybe, 5 minutes", ["policies/policy_v2.md"], "not said: no, | not allowed"),
        ("not allowed, 5 minutes", ["policies/policy_v1.md"], "not cited: policy_v2"),
        ("not allowed, 5 minutes, P3", ["policies/policy_v2.md"], "said though wrong: P3"),
        ("not allowed, 5 minutes" + " x" * 250, ["policies/policy_v2.md"], "254 words, at most 250"),
        ("not allowed, 5 minutes", ["policies/policy_v2.md"] * 13, "13 citations, at most 12"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(text: str, sources: list[str], reason: str) -> None:
    result = score_scenario(SCENARIO, text, sources)
    assert not result.passed and result.reasons == (reason,)


def test_a_name_of_a_configuration_is_its_file() -> None:
    scenario = SCENARIO.model_copy(update={"facts": (), "forbidden": (), "citations": ("slack_config", "oncall_rota")})
    assert score_scenario(scenario, "x", ["tool_configs/slack.yaml", "tool_configs/oncall_rota.yaml"]).passed


def test_a_report_counts_by_kind_and_survives_json() -> None:
    results = tuple(score_scenario(SCENARIO, text, ["policies/policy_v2.md"]) for text in ("no, 5 minutes", "yes"))
    report = Report(scenarios=results)
    assert (report.passed, report.total, report.pass_rate) == (1, 2, 0.5)
    assert report.by_kind["k"].total == 2
    assert Report(scenarios=()).pass_rate == 0.0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("scenarios: [{id: a, kind: k, prompt: p, fact: [x]}]", "`a`: `fact`"),
        ("scenarios: [{kind: k, prompt: p}]", "`number 1`: `id`"),
        ("scenarios: [{id: a, kind: k, prompt: p}, {id: a, kind: k, prompt: p}]", "two scenarios have the id `a`"),
        ("scenarios: []", "holds no scenarios"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_malformed_file_is_refused_by_name(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "scenarios.yaml"
    path.write_text(text)
    with pytest.raises(UnreadableSource, match=r".*") as caught:
        load_scenarios(path)
    assert named in str(caught.value)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(UnreadableSource, match="cannot be read"):
        load_scenarios(Path("nowhere.yaml"))
