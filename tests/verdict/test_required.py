"""A required name is met by the file it means, whatever its folder."""

import pytest

from kapelle.verdict.required import meets


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("policy_v2", "policies/policy_v2.md"),
        ("policy_v2", "docs/policy_v2.md"),
        ("Policy v2", "policies/policy_v2.md"),
        ("policies/policy_v2.md", "policies/policy_v2.md"),
        ("policy_v2.md", "policies/policy_v2.md"),
        ("company_profile", "docs/company_profile.md"),
        ("jira_config", "tool_configs/jira.yaml"),
        ("slack_config", "tool_configs/slack.yaml"),
        ("postgres_config", "tool_configs/postgres.yaml"),
        ("oncall_rota", "tool_configs/oncall_rota.yaml"),
        ("github_actions", "tool_configs/github_actions.yaml"),
        ("app_config", "conf/app_config.toml"),
    ],
)
def test_a_name_means_its_file(name: str, source: str) -> None:
    assert meets(name, source)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("policy_v2", "policies/policy_v1.md"),
        ("policy_v2", "policies/policy_v20.md"),
        ("policy", "policies/policy_v2.md"),
        ("jira_config", "mock_systems/data/jira_tickets.json"),
        ("oncall_rota", "docs/oncall.md"),
        ("config", "tool_configs/jira.yaml"),
    ],
)
def test_a_name_means_no_other_file(name: str, source: str) -> None:
    assert not meets(name, source)


def test_listed_files_win() -> None:
    assert meets("rota", "a/b.yaml", {"rota": "a/b.yaml"})
    assert meets("rota", "a/b.yaml", {"rota": ["x.yaml", "a/b.yaml"]})
    assert not meets("rota", "x/rota.yaml", {"rota": ["a/b.yaml"]})
