"""Approval rules are read as a count and roles."""

import pytest
from tests.incident.writing import lines

from kapelle.incident.facts.approvals import approvals_in
from kapelle.incident.facts.model import Approval


def read(text: str) -> list[Approval]:
    return [approval for line in lines(text, "Approvals") for approval in approvals_in(line)]


@pytest.mark.parametrize(
    "text",
    [
        "- Standard change: 2 approvals (tech lead, service owner).",
        "- A standard change requires two approvals: tech lead and service owner.",
        "- Standard changes must be approved by the tech lead and the service owner.",
        "- Standard change: both the tech lead and the service owner must approve.",
        "- At least two approvals are required for standard changes (tech lead, service owner).",
        "- Standard change\n  - Two approvals from the tech lead and the service owner.",
        "- Standard change: tech lead + service owner",
        "| Change | Approvals | Approvers |\n|---|---|---|\n| Standard | 2 | tech lead, service owner |",
        "| What | Required sign-off |\n|---|---|\n| Standard change | 2 approvals (tech lead, service owner) |",
    ],
)
def test_a_rule_is_read_in_every_wording(text: str) -> None:
    (rule,) = read(text)
    assert (rule.count, rule.roles, rule.any_of) == (2, ("tech lead", "service owner"), False)
    assert "standard" in rule.subject.lower()


def test_fewer_approvals_than_roles_or_an_or_make_the_roles_alternatives() -> None:
    some, either = read("- A: 2 approvals (x lead, y lead, z lead).\n- Rollback: x lead or y lead.")
    assert (some.count, some.any_of) == (2, True)
    assert (either.count, either.any_of) == (1, True)


def test_no_approval_is_a_rule_too() -> None:
    (rule,) = read("- Rollback: no approval is needed.")
    assert (rule.subject, rule.count) == ("Rollback", 0)


@pytest.mark.parametrize(
    "text",
    [
        "- The author of a change must not approve it.",
        "- Only the roles named here may approve; any other role may comment.",
        "- An approval expires after 12 hours.",
    ],
)
def test_a_rule_about_approving_is_no_count(text: str) -> None:
    assert read(text) == []
