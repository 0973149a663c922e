"""Facts are exact and survive JSON, whatever the document."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incident.writing import document

from kapelle.incident.company import Company
from kapelle.incident.facts.model import CompanyFacts
from kapelle.incident.facts.parse import parse_facts

_PARTS = st.sampled_from(
    [
        *("# P", "## 1. Rollback", "## Approvals", "- P1", "  - Acknowledge within 5 min", "Supersedes: policy_v1"),
        *("| Severity | Ack |\n|---|---|\n| P1 | 5 min |", "- Error rate > 2% for 5 minutes", "2 approvals (a, b)"),
        *("Mon-Thu 09:00-16:00", "Friday 14:00 to Monday 07:00", "`x`", "+20", "every", "if", "within", "—", "#inc"),
        *("\u2028", "\t", "\ufeff", "\x85", "😀", "|", "---", "```", "<!--"),
    ]
)


def test_every_fact_of_the_shipped_company_quotes_its_file_exactly_and_survives_json() -> None:
    company = Company.open(None)
    documents = {path: company.read(path) for path in company.files()}
    facts = parse_facts(list(documents.values()))
    for fact in facts.facts:
        for excerpt in fact.excerpts:
            source = documents[excerpt.source]
            assert source.text[excerpt.start : excerpt.end] == excerpt.quote
            assert excerpt.sha256 == source.sha256
    assert CompanyFacts.model_validate_json(facts.model_dump_json()) == facts


def test_a_change_log_states_no_obligation() -> None:
    facts = parse_facts([document("# P\n\n## 1. Change log\n\n- P1 acknowledgement tightened to 5 minutes.\n")])
    assert {fact.kind for fact in facts.facts} == {"statement"}


def test_the_duration_of_a_threshold_is_no_deadline() -> None:
    facts = parse_facts([document("# P\n\n## 1. Rollback\n\n- Error rate > 2% for 5 minutes.\n")])
    assert "timing" not in {fact.kind for fact in facts.facts}


@settings(max_examples=120, deadline=None)
@given(st.lists(_PARTS, max_size=12), st.sampled_from(["\n", " ", "\r\n", ": "]))
def test_no_document_breaks_the_reading_and_every_quote_is_exact(parts: list[str], joint: str) -> None:
    text = joint.join(parts)
    for fact in parse_facts([document(text)]).facts:
        assert all(text[one.start : one.end] == one.quote for one in fact.excerpts)
