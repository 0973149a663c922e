"""The severity matrix is read as criteria with typed numbers."""

from tests.incident.writing import lines

from kapelle.incident.facts.model import SeverityRule
from kapelle.incident.facts.severities import severities_of


def read(text: str, title: str = "Severity matrix") -> list[SeverityRule]:
    return [rule for line in lines(text, title) for rule in severities_of(line)]


def test_nested_lines_rows_and_prefixed_lines_give_criteria() -> None:
    found = read(
        "- `P1` (critical)\n  - Checkout is down.\n- **P2**: slow for some customers; acknowledge within 5 minutes\n\n"
        "| Level | Meaning | Acknowledge |\n|---|---|---|\n| P3 | Cosmetic flaw | 1 day |"
    )
    assert [(rule.severities, rule.criteria) for rule in found] == [
        ((1,), "Checkout is down"),
        ((2,), "slow for some customers"),
        ((3,), "Cosmetic flaw"),
    ]


def test_bounds_of_a_criterion_are_typed() -> None:
    (rule,) = read("- P2: More than 1% of checkout requests fail, up to and including 4%.")
    assert [(one.comparator, one.value) for one in rule.conditions] == [("gt", 1), ("le", 4)]


def test_a_rule_about_severities_is_no_criterion() -> None:
    assert read("- Only the incident manager may lower a P1.\n- When two severities fit, the higher one applies.") == []


def test_a_matrix_under_a_title_without_the_word_is_found_by_its_rows() -> None:
    text = "| Level | What it looks like |\n|---|---|\n| SEV1 | Nobody can buy a ticket |"
    (rule,) = read(text, "How bad is it?")
    assert rule.severities == (1,)
