"""Search finds what is there in other inflections, and abstains when the topic is absent."""

import pytest

from kapelle.evidence.index_sqlite import SqliteIndex, memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.search import SearchResult, confidence_of, search

OWNER = "acme/ann"
PAGES = {
    "leave.md": "# Leave policy\n\n## Annual leave\n\nStaff receive 25 days of annual leave each year. "
    "Unused days expire on 31 March.\n\n## Sick leave\n\n- Tell your manager before 9:30.\n",
    "finance.md": "# Finance handbook\n\n## Invoices\n\nWe keep invoices for ten years.\n\n"
    "## Expenses\n\nMeals up to 40 EUR per day are refunded within 14 days.\n",
    "security.html": "<title>Security</title><h2>Passwords</h2><p>Passwords have at least <b>14</b> characters.</p>",
}


@pytest.fixture(scope="module")
def index() -> SqliteIndex:
    made = memory_index()
    made.put("handbook", [document_of(source, text) for source, text in PAGES.items()], owner=OWNER)
    return made


def find(index: SqliteIndex, query: str, **options: object) -> SearchResult:
    return search(index, ["handbook"], query, owner=OWNER, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "source"),
    [
        ("How long are invoices kept?", "finance.md"),
        ("keeping an invoice", "finance.md"),
        ("How long must an invoice be retained?", "finance.md"),
        ("What does the handbook say about passwords?", "security.html"),
        ("How many days of annual leave do I get?", "leave.md"),
        ("When do unused days expire?", "leave.md"),
        ("Tell me about sick leave", "leave.md"),
    ],
)
def test_what_is_there_is_found_with_confidence(index: SqliteIndex, query: str, source: str) -> None:
    found = find(index, query)
    assert found.hits[0].source == source
    assert found.confidence > 0.5
    assert (found.recommend_fallback, found.fallback_reason) == (False, "")


@pytest.mark.parametrize(
    "query",
    [
        "What does the handbook say about dragons?",
        "What does the handbook say about remote work?",
        "What does the handbook say about parental leave?",
        "What does the finance handbook say about cryptocurrency?",
        "Is there a dress code?",
        "What is the capital of France?",
        "",
        "?!",
    ],
)
def test_what_is_absent_is_abstained_from_with_a_reason(index: SqliteIndex, query: str) -> None:
    found = find(index, query)
    assert found.confidence < 0.5
    assert found.recommend_fallback
    assert found.fallback_reason


def test_the_reason_says_how_little_was_covered(index: SqliteIndex) -> None:
    assert "%" in find(index, "parental leave for contractors").fallback_reason
    assert find(index, "unicorns").fallback_reason == "no passage holds any word of the query"


def test_several_collections_are_ranked_together(index: SqliteIndex) -> None:
    made = memory_index()
    made.put("a", [document_of("a.txt", "Apples are red. " * 3)], owner=OWNER)
    made.put("b", [document_of("b.txt", "Pears are green.")], owner=OWNER)
    found = search(made, ["a", "b"], "pears or apples", owner=OWNER)
    assert {hit.source for hit in found.hits} == {"a.txt", "b.txt"}
    assert found.hits == tuple(sorted(found.hits, key=lambda hit: -hit.scores["score"]))
    assert search(made, ["a"], "pears", owner=OWNER).hits == ()


def test_k_and_filters_hold(index: SqliteIndex) -> None:
    assert len(find(index, "leave days invoices meals", k=2).hits) == 2
    assert {hit.source for hit in find(index, "days", filters={"source": "finance.md"}).hits} == {"finance.md"}
    assert find(index, "leave", k=0).hits == ()


POLICIES = {
    "policies/policy_v1.md": "# Policy, version 1\n\nAcknowledge a P1 alert within 10 minutes.\n",
    "policies/policy_v2.md": "# Policy, version 2\n\nSupersedes: policy_v1\n\n"
    "Acknowledge a P1 alert within 5 minutes.\n",
}


@pytest.fixture(scope="module")
def versions() -> SqliteIndex:
    made = memory_index()
    made.put("handbook", [document_of(source, text) for source, text in POLICIES.items()], owner=OWNER)
    return made


def test_a_superseded_document_is_silent(versions: SqliteIndex) -> None:
    assert {hit.source for hit in find(versions, "When is a P1 alert acknowledged?").hits} == {"policies/policy_v2.md"}


@pytest.mark.parametrize(
    "query",
    ["When was a P1 alert acknowledged under policy_v1?", "acknowledge a P1 alert in policy v1", "P1 alert, version 1"],
)
def test_a_superseded_document_answers_when_it_is_named(versions: SqliteIndex, query: str) -> None:
    assert find(versions, query).hits[0].source == "policies/policy_v1.md"


@pytest.mark.parametrize(
    "query", ["What changed for P1 alerts?", "Compare the P1 alert rules", "the old P1 alert rule"]
)
def test_a_question_about_the_difference_hears_both(versions: SqliteIndex, query: str) -> None:
    assert {hit.source for hit in find(versions, query).hits} == set(POLICIES)


def test_confidence_grows_with_relevance_and_is_even_at_the_threshold() -> None:
    assert confidence_of(0.5) == 0.5
    assert 0 < confidence_of(0.0) < confidence_of(0.4) < confidence_of(0.6) < confidence_of(1.0) < 1


def test_a_result_survives_json(index: SqliteIndex) -> None:
    found = find(index, "annual leave")
    assert SearchResult.model_validate_json(found.model_dump_json()) == found


def test_nothing_behind_a_filter_is_not_said_to_be_nothing_at_all(index: SqliteIndex) -> None:
    behind = find(index, "invoices", filters={"source": "nowhere.md"})
    assert behind.fallback_reason == "no passage that the filter lets through holds any word of the query"
    assert find(index, "zeppelins").fallback_reason == "no passage holds any word of the query"
