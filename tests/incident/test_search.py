"""The search tools quote exact spans of the company's files, and say whenever they did not do as they were asked."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kapelle.errors import KapelleError, ToolInputError, UnreadableSource
from kapelle.evidence.model import sha256_of
from kapelle.evidence.rerank import Reranked
from kapelle.incident.company import Company
from kapelle.incident.hits import Hits
from kapelle.incident.knowledge import build_index
from kapelle.incident.search import search_tools
from kapelle.settings import CompanySettings, RagSettings, Settings
from kapelle.tools.call import check_arguments, check_output
from kapelle.tools.model import Tool, ToolContext

TICKETS = [
    {"key": "OPS-1", "project_key": "OPS", "issue_type": "Incident", "summary": "Checkout timeout in saas-api",
     "description": "Customers wait.", "severity": "P2", "status": "Open", "labels": ["saas-api"],
     "created_at": "2026-02-10T08:00:00Z", "updated_at": "2026-02-10T09:00:00Z"},
    {"key": "OPS-2", "project_key": "OPS", "issue_type": "Incident", "summary": "Checkout timeout again",
     "description": "Fixed by a larger pool.", "severity": "P1", "status": "Closed", "assignee": "Ann", "labels": [],
     "created_at": "2026-01-05T08:00:00+01:00", "updated_at": "2026-01-06T08:00:00Z"},
    {"key": "PAY-7", "project_key": "PAY", "issue_type": "Bug", "summary": "Refund button is grey",
     "severity": "P3", "status": "In progress", "created_at": "2026-02-12T08:00:00Z"},
]  # fmt: skip
FILES = {
    "policies/policy_v1.md": "# Policy 1\n\n## Escalation\n\n- `P1`: page the duty manager after 20 minutes.\n",
    "policies/policy_v2.md": "# Policy 2\n\nSupersedes: policy_v1\n\n## Escalation\n\n- `P1`: page the duty manager "
    "after 10 minutes.\n\n## Minor cases\n\n- `P3`: the duty manager reads it on Monday.\n",
    "docs/runbook.md": "# Runbook\n\nWhen checkout times out in saas-api, enlarge the connection pool.\n",
    "mock_systems/data/jira_tickets.json": json.dumps({"tickets": TICKETS}, indent=1),
    "mock_systems/data/log_events.json": '{"events": [{"timestamp": "2026-02-14T10:00:00Z", "service": "saas-api"}]}',
}


class Kept:
    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], str] = {}

    def keep(self, source: str, text: str, *, title: str = "", converted: bool = False) -> str:
        self.texts[(source, sha256_of(text))] = text
        return sha256_of(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "company" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return tmp_path / "company"


@dataclass
class Ranker:
    """A model's ranking, made by a function."""

    score: Callable[[str, Sequence[str]], Awaitable[list[float]]]
    name: str = "ranker"

    async def rerank(self, query: str, texts: Sequence[str]) -> Reranked:
        return Reranked(tuple(await self.score(query, texts)))


def tools(root: Path, *, reranker: Ranker | None = None, **rag: object) -> dict[str, Tool]:
    rag.setdefault("index_path", root / "no-such-index")
    settings = Settings(company=CompanySettings(root=root), rag=RagSettings(**rag))
    return {tool.name: tool for tool in search_tools(settings, reranker=lambda: reranker)}


def call(tool: Tool, **arguments: object) -> Hits:
    kept = Kept()
    values = check_arguments(tool, arguments)  # type: ignore[arg-type]
    found = asyncio.run(tool.function(context=ToolContext(calls=kept), **values))
    assert isinstance(found, Hits)
    check_output(tool, found)
    for hit in found.hits:
        text = kept.texts[(hit.ref.source, hit.ref.sha256)]
        assert text[hit.ref.start : hit.ref.end] == hit.ref.quote == hit.snippet
        assert hit.citation_source == hit.ref.source
    return found


def knowledge(root: Path, **arguments: object) -> Hits:
    return call(tools(root)["search_incident_knowledge"], **arguments)


def issues(root: Path, **arguments: object) -> Hits:
    return call(tools(root)["search_previous_issues"], **arguments)


def ids(hits: Hits) -> list[str]:
    return [hit.source_id for hit in hits.hits]


def test_the_schemas_have_the_agreed_fields(root: Path) -> None:
    made = tools(root)
    expected = {
        "search_incident_knowledge": "query service severity time_start time_end top_k max_snippet_chars",
        "search_previous_issues": "query source collection issue_type priority project incident_state "
        "created_from created_to opened_from opened_to top_k max_snippet_chars index_path use_llm_rerank",
    }
    for name, fields in expected.items():
        assert set(made[name].inputs.model_fields) == set(fields.split())
        assert made[name].input_schema["additionalProperties"] is False
        assert made[name].input_schema["required"] == ["query"]
        assert "evidence" in made[name].tags


@pytest.mark.parametrize(
    "arguments",
    [{}, {"query": ""}, {"query": "x", "zebra": 1}, {"query": "x", "top_k": 0}, {"query": "x", "time_start": "noon"}],
)
def test_arguments_that_do_not_fit_are_refused(root: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(KapelleError):
        knowledge(root, **arguments)


def test_policies_documents_and_tickets_are_searched(root: Path) -> None:
    found = knowledge(root, query="checkout timeout pool")
    assert {"runbook", "OPS-1", "OPS-2"} <= set(ids(found))
    assert found.confidence > 0.5


def test_the_superseded_policy_is_silent_unless_named(root: Path) -> None:
    assert ids(knowledge(root, query="When is the duty manager paged?"))[0] == "policy_v2"
    assert "policy_v1" not in ids(knowledge(root, query="When is the duty manager paged?"))
    assert ids(knowledge(root, query="When was the duty manager paged by policy_v1?"))[0] == "policy_v1"


def test_filters_of_knowledge_hold(root: Path) -> None:
    assert "Minor cases" not in [
        hit.metadata["section"] for hit in knowledge(root, query="duty manager", severity="P1").hits
    ]
    assert "PAY-7" not in ids(knowledge(root, query="refund checkout", service="saas-api"))
    within = knowledge(root, query="checkout timeout", time_start="2026-02-01", time_end="2026-02-28T00:00:00Z")
    assert "OPS-1" in ids(within) and "OPS-2" not in ids(within)
    assert not within.relaxed


def test_an_unknown_topic_is_said_to_be_unknown(root: Path) -> None:
    found = knowledge(root, query="dragons")
    assert (found.hits, found.confidence, found.recommend_fallback) == ((), 0.0, True)
    assert found.fallback_reason


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"OPS-1", "OPS-2"}),
        ({"project": "ops", "incident_state": "open"}, {"OPS-1"}),
        ({"incident_state": "Closed"}, {"OPS-2"}),
        ({"priority": "P1"}, {"OPS-2"}),
        ({"issue_type": "incident", "source": "jira"}, {"OPS-1", "OPS-2"}),
        ({"created_from": "2026-02-01"}, {"OPS-1"}),
        ({"created_to": "2026-01-05T07:00:00Z"}, {"OPS-2"}),
        ({"opened_from": "2026-01-01", "created_to": "2026-01-31"}, {"OPS-2"}),
    ],
)
def test_filters_of_issues_hold(root: Path, filters: dict[str, object], expected: set[str]) -> None:
    found = issues(root, query="checkout timeout", **filters)
    assert set(ids(found)) == expected
    assert (found.relaxed, found.fallback_reason) == (False, "")


def test_filters_that_nothing_fits_are_dropped_and_named(root: Path) -> None:
    found = issues(root, query="checkout timeout", project="NOPE", incident_state="open")
    assert found.relaxed
    assert set(ids(found)) == {"OPS-1", "OPS-2"}
    assert "`project`" in found.fallback_reason and "`incident_state`" in found.fallback_reason
    kept = issues(root, query="refund", created_from="2030-01-01", project="PAY")
    assert ids(kept) == ["PAY-7"]
    assert "`created_from`" in kept.fallback_reason and "project" not in kept.fallback_reason


def test_nothing_is_relaxed_when_there_is_nothing_to_find(root: Path) -> None:
    found = issues(root, query="dragons", project="OPS")
    assert (found.hits, found.relaxed, found.recommend_fallback) == ((), False, True)


def test_a_time_that_ends_before_it_starts_is_refused(root: Path) -> None:
    with pytest.raises(ToolInputError, match="`created_to`"):
        issues(root, query="x", created_from="2026-02-02", created_to="2026-02-01")


@pytest.mark.parametrize("most", [1, 17, 60, 5000])
def test_a_snippet_keeps_to_its_length_and_stays_exact(root: Path, most: int) -> None:
    for found in (
        issues(root, query="checkout timeout", max_snippet_chars=most),
        knowledge(root, query="duty manager", max_snippet_chars=most),
    ):
        assert found.hits
        assert all(0 < len(hit.snippet) <= most for hit in found.hits)


def test_the_same_question_has_the_same_answer_and_a_change_is_seen_at_once(root: Path) -> None:
    tool = tools(root)["search_incident_knowledge"]
    question = {"query": "When is the duty manager paged?"}
    assert call(tool, **question) == call(tool, **question)
    path = root / "policies/policy_v2.md"
    path.write_text(path.read_text().replace("10 minutes", "7 minutes"))
    assert "7 minutes" in call(tool, **question).hits[0].snippet


def test_an_index_built_beforehand_is_used(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "index" / "rag.sqlite"
    build_index(Company.open(root), path)
    (root / "mock_systems/data/jira_tickets.json").unlink()
    assert issues(root, query="checkout timeout", index_path=str(path)).fallback_reason == ""
    by_setting = call(tools(root, index_path=path)["search_previous_issues"], query="checkout timeout")
    assert set(ids(by_setting)) == {"OPS-1", "OPS-2"}


def test_an_index_or_collection_that_is_not_there_is_said_so(root: Path, tmp_path: Path) -> None:
    found = issues(root, query="checkout timeout", index_path=str(tmp_path / "none"), collection="zebra")
    assert set(ids(found)) == {"OPS-1", "OPS-2"}
    assert "none`" in found.fallback_reason and "`zebra`" in found.fallback_reason


def test_a_file_that_is_no_index_is_refused_by_name(root: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_text("no database at all" * 50)
    with pytest.raises(ToolInputError, match="index_path"):
        issues(root, query="x", index_path=str(broken))
    with pytest.raises(UnreadableSource, match="KAPELLE_RAG__INDEX_PATH"):
        call(tools(root, index_path=broken)["search_previous_issues"], query="x")


def test_broken_tickets_are_named_with_their_line(root: Path) -> None:
    (root / "mock_systems/data/jira_tickets.json").write_text('{"tickets": [\n{"key": 5}\n]}')
    with pytest.raises(UnreadableSource, match="jira_tickets"):
        issues(root, query="x")


def test_a_models_ranking_is_used_when_asked_for(root: Path) -> None:
    async def backwards(query: str, snippets: Sequence[str]) -> list[float]:
        return [float(i) for i in range(len(snippets))]

    plain = issues(root, query="checkout timeout")
    made = tools(root, reranker=Ranker(backwards))["search_previous_issues"]
    assert ids(call(made, query="checkout timeout", use_llm_rerank=True)) == ids(plain)[::-1]
    assert ids(call(made, query="checkout timeout")) == ids(plain)


def test_a_models_ranking_that_fails_or_is_absent_is_said_so(root: Path) -> None:
    async def slow(query: str, snippets: Sequence[str]) -> list[float]:
        await asyncio.sleep(5)
        return []

    async def short(query: str, snippets: Sequence[str]) -> list[float]:
        return []

    plain = issues(root, query="checkout timeout")
    for score, why in ((slow, "TimeoutError"), (short, "every hit"), (None, "no model")):
        made = tools(root, reranker=Ranker(score) if score else None, rerank_timeout=0.05)["search_previous_issues"]
        found = call(made, query="checkout timeout", use_llm_rerank=True)
        assert ids(found) == ids(plain)
        assert why in found.fallback_reason
