"""`kapelle corpus search` and `measure` with the help of a model, as a user meets them."""

import json
from pathlib import Path

import pytest
from tests.evidence.files import write
from tests.integration.conftest import Place
from tests.provider_stub import Stub

TEXTS = {
    "house.md": "# House\n\nThe house was founded by Ann Doe.\n",
    "ann.md": "# Ann Doe\n\nAnn Doe was born in Ulm.\n",
}
GRADES = {"texts": [{"id": 1, "relevance": 1}, {"id": 2, "relevance": 9}]}


@pytest.fixture
def docs(place: Place, provider: Stub) -> Path:
    place.environment.update(KAPELLE_LLM__BASE_URL=provider.base_url, KAPELLE_LLM__API_KEY="sk-canary")
    made = write(place.folder / "docs", TEXTS)  # type: ignore[arg-type]
    place.run("corpus", "add", str(made))
    return made


def test_a_model_helps_a_search_and_what_it_took_is_told(place: Place, docs: Path, provider: Stub) -> None:
    query = ("corpus", "search", "founded Ann Doe", "--rerank", "--explain")
    plain = place.run(*query[:3])
    provider.answer("grades-1", GRADES)
    found = place.run(*query, "--model", "openai:grades-1")
    assert plain.stdout.split()[1].startswith("ann.md")
    assert found.stdout.split()[1].startswith("house.md")
    assert "score = graded" in found.stdout
    assert "1 requests to a model, at a price that is not known" in found.stdout
    provider.answer("wordings-1", {"wordings": ["birthplace", "native town"]})
    told = place.json(*query[:3], "--wordings", "--model", "openai:wordings-1")
    assert told["queries"] == ["birthplace", "native town"]


def test_a_search_that_wants_a_model_says_which_is_lacking(place: Place, docs: Path) -> None:
    lacking = place.run("corpus", "search", "Ann", "--follow", "1")
    assert lacking.returncode == 2
    assert "KAPELLE_MODEL" in lacking.stderr
    assert place.run("corpus", "search", "Ann", "--follow", "4").returncode == 2


def test_a_models_help_is_measured_after_its_price_was_agreed_to(place: Place, docs: Path, provider: Stub) -> None:
    judged = place.folder / "judged"
    judged.mkdir()
    documents = [{"_id": name, "title": "", "text": text} for name, text in TEXTS.items()]
    (judged / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    (judged / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "founded Ann Doe"}) + "\n")
    (judged / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\tann.md\t1\n")
    asked = ("corpus", "measure", "judged", "--set", "rerank=true")
    assert "KAPELLE_MODEL" in place.run(*asked).stderr
    refused = place.run(*asked, "--model", "openai:grades-2")
    assert refused.returncode == 2
    assert "Ask for 1 questions up to 4 times" in refused.stderr
    assert provider.seen("grades-2") == []
    provider.answer("grades-2", GRADES)
    measured = place.json(*asked, "--model", "openai:grades-2", "--yes")["judged"]
    (change,) = measured["changes"]  # type: ignore[index]
    assert change["scores"]["mrr10"] == 1.0
    assert measured["words"]["mrr10"] == 0.5  # type: ignore[index]
