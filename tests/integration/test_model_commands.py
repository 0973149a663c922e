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


def context(text: str) -> object:
    return {"passages": [{"id": 1, "context": text}]}


def test_a_model_writes_where_passages_stand_and_goes_on_with_what_is_added(
    place: Place, docs: Path, provider: Stub
) -> None:
    provider.answer("contexts-1", *[context("Of the cathedral of Ulm.")] * 2)
    asked = ("corpus", "contextualize", "docs", "--model", "openai:contexts-1")
    refused = place.run(*asked)
    assert refused.returncode == 2
    assert "Write of 2 passages, at most" in refused.stderr
    assert provider.seen("contexts-1") == []
    written = place.json(*asked, "--yes")
    assert (written["passages"], written["documents"], written["failed"]) == (2, 2, [])
    assert len(place.json("corpus", "search", "cathedral")["hits"]) == 2  # type: ignore[arg-type]
    assert "Of the cathedral of Ulm." in place.run("corpus", "show", "docs", "ann.md").stdout
    assert "contexts by openai:contexts-1" in place.run("corpus", "list").stdout
    assert "nothing was to be written" in place.run(*asked[:3]).stdout
    (docs / "new.md").write_text("# New\n\nThe new house is empty.\n")
    declined = place.run("corpus", "add", str(docs))
    assert declined.returncode == 0
    assert declined.stdout.startswith("docs: 1 added")
    assert "contexts are still to be written (kapelle corpus contextualize docs)" in declined.stderr
    provider.answer("contexts-1", context("Of the market of Ulm."))
    added = place.json("corpus", "add", str(docs), "--yes")
    assert (added["unchanged"], added["contexts"], added["note"]) == (3, 1, "")
    assert len(place.json("corpus", "search", "market")["hits"]) == 1  # type: ignore[arg-type]
    assert place.json("corpus", "stats", "docs")["contexts_by"] == "openai:contexts-1"
    assert place.json("corpus", "contextualize", "docs", "--off")["documents"] == 3
    assert place.json("corpus", "search", "market")["hits"] == []
    assert place.run("corpus", "contextualize", "docs", "--off", "--anew").returncode == 2
    assert "KAPELLE_MODEL" in place.run("corpus", "contextualize", "docs").stderr


def test_contexts_are_measured_against_none(place: Place, docs: Path, provider: Stub) -> None:
    judged = place.folder / "judged"
    judged.mkdir()
    documents = [{"_id": name, "title": "", "text": text} for name, text in TEXTS.items()]
    (judged / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    (judged / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "cathedral"}) + "\n")
    (judged / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\tann.md\t1\n")
    provider.answer("contexts-2", *[context("Of the cathedral of Ulm.")] * 2)
    measured = place.json("corpus", "measure", "judged", "--contexts", "--model", "openai:contexts-2", "--yes")
    (change,) = measured["judged"]["changes"]  # type: ignore[index]
    assert change["set"] == "contexts by openai:contexts-2"
    assert change["scores"]["recall100"] == 1.0
    assert measured["judged"]["words"]["recall100"] == 0.0  # type: ignore[index]


def test_a_model_that_never_helped_is_not_measured_as_alike(place: Place, docs: Path) -> None:
    judged = place.folder / "judged"
    judged.mkdir()
    (judged / "corpus.jsonl").write_text(json.dumps({"_id": "a", "title": "", "text": TEXTS["ann.md"]}) + "\n")
    (judged / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "Ann Doe"}) + "\n")
    (judged / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    done = place.run("corpus", "measure", "judged", "--set", "rerank=true", "--model", "openai:404/none", "--yes")
    assert "not done as wanted for 1 of 1 questions: not reranked by openai:404/none" in done.stdout


def test_a_model_that_is_away_loses_no_report_of_what_was_added(place: Place, docs: Path, provider: Stub) -> None:
    provider.answer("plain/once", *[context("Of Ulm.")] * 2)
    place.run("corpus", "contextualize", "docs", "--model", "openai:plain/once", "--yes")
    (docs / "new.md").write_text("# New\n\nThe new house is empty.\n")
    place.environment["KAPELLE_LLM__BASE_URL"] = "http://127.0.0.1:9/v1"
    place.environment["KAPELLE_LLM__MAX_RETRIES"] = "0"
    added = place.json("corpus", "add", str(docs), "--yes")
    assert (added["added"], added["contexts"]) == (1, 0)
    assert "new.md" in str(added["note"])
    free = place.run("solve", "zebras?", "--corpus", str(docs), "--usd", "0")
    assert "The sources do not say" in free.stdout
