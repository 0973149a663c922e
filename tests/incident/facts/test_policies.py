"""Which policy stands: by what it supersedes, else by its number."""

import pytest
from tests.incident.writing import document

from kapelle.incident.facts.policies import policies_of


@pytest.mark.parametrize(
    "value", ["policy_v1", "`policy_v1`", "policies/policy_v1.md", "version 1", "the earlier text (policy_v1)"]
)
def test_the_superseded_document_is_found_however_it_is_named(value: str) -> None:
    old = document("# P\nEffective date: 2024-01-01\nSupersedes: none\n", "policies/policy_v1.md")
    new = document(f"# P\n**Effective date:** 5 January 2026\n**Supersedes:** {value}\n", "policies/policy_v2.md")
    first, second = policies_of([new, old])
    assert (first.name, first.superseded_by, first.current) == ("policy_v1", "policies/policy_v2.md", False)
    assert (second.effective, second.supersedes, second.current) == ("2026-01-05", ("policies/policy_v1.md",), True)


def test_the_older_document_may_say_it_instead() -> None:
    old = document("# P\nSuperseded by: policy_2026\n", "policies/policy_2025.md")
    new = document("# P\n", "policies/policy_2026.md")
    assert [policy.current for policy in policies_of([old, new])] == [False, True]


def test_without_a_word_the_higher_number_stands() -> None:
    texts = [document("# P\n", f"policies/policy_v{number}.md") for number in (10, 9)]
    assert [policy.name for policy in policies_of(texts) if policy.current] == ["policy_v10"]


def test_policies_of_other_subjects_stand_side_by_side() -> None:
    texts = [document("# P\n", "policies/change.md"), document("# P\n", "policies/incident.md")]
    assert all(policy.current for policy in policies_of(texts))


def test_versions_that_supersede_each_other_in_a_ring_are_read_without_end() -> None:
    texts = [
        document("# P\nSupersedes: policy_v2\n", "policies/policy_v1.md"),
        document("# P\nSupersedes: policy_v1\n", "policies/policy_v2.md"),
    ]
    assert len(policies_of(texts)) == 2
