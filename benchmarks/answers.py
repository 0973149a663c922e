"""How well a question is answered by quoting: the right sentence first, and silence where the sources do not say.

    python benchmarks/answers.py --data DIR [--json]

DIR holds `xquad-en` (BEIR's layout, and answers.jsonl {_id, doc, answer, start}) and `trecqa` (dev.jsonl {question,
sentence, label}), either or both. The embedder is fetched when it is missing. `first` is the share of questions whose
best sentence holds the answer at its place, of all passages; `map` the mean average precision over the candidate
sentences of a question; `auc` how well the confidence of questions that can be answered stands above that of the same
questions with their passage withheld; `answered_at_10` how many are answered when one in ten of the others is, wrongly.
Citations: see docs/citations.md.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from kapelle.answer.answerable import confidence, signals_of
from kapelle.answer.rank import Ranked, rank_sentences
from kapelle.evidence.embedding.embedder import Look
from kapelle.evidence.embedding.minilm import MiniLM
from kapelle.evidence.embedding.weights import fetch
from kapelle.evidence.index import Index
from kapelle.evidence.index_sqlite import SqliteIndex
from kapelle.evidence.measure.collection import Question, read_collection, whole
from kapelle.evidence.model import Passage, make_document
from kapelle.evidence.search import SearchResult, search
from kapelle.evidence.tables_sqlite import ensure_schema
from kapelle.evidence.vectors_sqlite import SqliteVectors
from kapelle.evidence.weigh import asked_words, weigh
from kapelle.settings import load_settings
from kapelle.store.engine import open_url
from measures import citations

OWNER, PASSAGES = "benchmark/answers", 3


def main() -> None:
    given = _arguments()
    began = time.perf_counter()
    results: dict[str, Any] = {}
    with _opened(MiniLM(fetch(load_settings().home))) as index:
        if (given.data / "xquad-en").is_dir():
            results["xquad-en"] = _questions(index, given.data / "xquad-en", given.signals)
            _say("citations")
            results["citations"] = citations.measure(given.data / "xquad-en")
        if (given.data / "trecqa").is_dir():
            results["trecqa"] = _candidates(index, given.data / "trecqa" / "dev.jsonl")
    if not results:
        sys.exit(f"{given.data} holds neither `xquad-en` nor `trecqa`")
    if given.json:
        print(json.dumps(results))
    else:
        for name, told in results.items():
            print(name, *(f"\n    {measure:24} {value}" for measure, value in told.items()), sep="")
    _say(f"{time.perf_counter() - began:.0f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with `xquad-en` or `trecqa`")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--signals", type=Path, help="write what the confidence is made of, as JSON lines")
    return parser.parse_args()


@contextmanager
def _opened(embedder: MiniLM) -> Iterator[Index]:
    with tempfile.TemporaryDirectory(prefix="kapelle-answers-") as folder:
        engine = open_url(f"sqlite:///{folder}/answers.db")
        ensure_schema(engine)
        yield SqliteIndex(engine, SqliteVectors(embedder))
        engine.dispose()


def _questions(index: Index, folder: Path, signals: Path | None) -> dict[str, Any]:
    """Questions over a whole collection, each asked twice: as it is, and with its passage withheld."""
    collection = read_collection(folder)
    _say(f"{collection.name}: {len(collection.documents)} documents")
    index.put(collection.name, collection.documents, owner=OWNER, splitter=whole)
    answers = {row["_id"]: row for row in _rows(folder / "answers.jsonl")}
    asked = [question for question in collection.questions if question.id in answers]
    places = {question.id: _answered(index, collection.name, question, answers[question.id]) for question in asked}
    ranks = [place.rank for place in places.values()]
    by_words = [_answered(index, collection.name, one, answers[one.id], by_words=True).rank for one in asked]
    sure, unsure = [one.sure for one in places.values()], [one.unsure for one in places.values()]
    if signals:
        signals.write_text("".join(json.dumps(place.signals) + "\n" for place in places.values()))
    return {
        "questions": len(asked),
        "first": _share([rank == 0 for rank in ranks]),
        "in_three": _share([rank is not None and rank < 3 for rank in ranks]),
        "first_by_words": _share([rank == 0 for rank in by_words]),
        "auc": round(_auc(sure, unsure), 4),
        "answered_at_10": _share([one > _threshold(unsure, 0.10) for one in sure]),
        "answered_at_5": _share([one > _threshold(unsure, 0.05) for one in sure]),
        "answered_as_shipped": _share([one >= 0.5 for one in sure]),
        "false_as_shipped": _share([one >= 0.5 for one in unsure]),
    }


class Answered:
    """What became of one question."""

    def __init__(self, rank: int | None, sure: float, unsure: float, signals: list[list[float] | None]) -> None:
        self.rank = rank
        """Of the first sentence that holds the answer at its place, from 0."""
        self.sure = sure
        self.unsure = unsure
        """How sure it was with the passage withheld."""
        self.signals = signals


def _answered(
    index: Index, name: str, question: Question, answer: dict[str, Any], *, by_words: bool = False
) -> Answered:
    look = None if by_words else index.look
    found = search(index, [name], question.text, owner=OWNER, k=PASSAGES + 1)
    hits = list(found.hits[:PASSAGES])
    ranked = rank_sentences(question.text, hits, found.weights, look=look)
    right = (place for place, one in enumerate(ranked) if _holds(one, answer))
    others = [hit for hit in found.hits if hit.source != answer["doc"]][:PASSAGES]
    without = rank_sentences(question.text, others, found.weights, look=look) if not by_words else []
    return Answered(
        next(right, None),
        confidence(ranked, hits, found.weights),
        confidence(without, others, found.weights),
        [_values(ranked, hits, found), _values(without, others, found)],
    )


def _values(ranked: Sequence[Ranked], hits: Sequence[Passage], found: SearchResult) -> list[float] | None:
    signals = signals_of(ranked, hits, found.weights)
    return [getattr(signals, name) for name in signals.__slots__] if signals else None


def _holds(sentence: Ranked, answer: dict[str, Any]) -> bool:
    end = answer["start"] + len(answer["answer"])
    return sentence.passage.source == answer["doc"] and sentence.start <= answer["start"] and end <= sentence.end


def _candidates(index: Index, file: Path) -> dict[str, Any]:
    """The candidate sentences of each question ranked; questions with both right and wrong ones count."""
    questions: dict[str, list[tuple[str, bool]]] = {}
    for row in _rows(file):
        questions.setdefault(row["question"], []).append((row["sentence"], bool(row["label"])))
    mixed = {asked: some for asked, some in questions.items() if 0 < sum(right for _, right in some) < len(some)}
    texts = sorted({text for some in mixed.values() for text, _ in some})
    _say(f"trecqa: {len(mixed)} questions, {len(texts)} sentences")
    index.put("trecqa", [make_document(f"{i}.txt", text) for i, text in enumerate(texts)], owner=OWNER, splitter=whole)
    precisions, reciprocals = [], []
    for question, some in mixed.items():
        words = asked_words(question)
        weights = weigh(words, index.statistics(["trecqa"], words, owner=OWNER))
        ranked = _ranked(question, [text for text, _ in some], weights, index.look)
        places = [place for place, i in enumerate(ranked, 1) if some[i][1]]
        precisions.append(sum((n + 1) / place for n, place in enumerate(places)) / len(places))
        reciprocals.append(1 / places[0])
    return {
        "questions": len(mixed),
        "map": round(sum(precisions) / len(precisions), 4),
        "mrr": round(sum(reciprocals) / len(reciprocals), 4),
    }


def _ranked(question: str, texts: Sequence[str], weights: dict[str, float], look: Look) -> list[int]:
    """The candidates by their best sentence."""
    passages = [whole(make_document(f"{i}.txt", text))[0] for i, text in enumerate(texts)]
    found = rank_sentences(question, passages, weights, look=look)
    order = dict.fromkeys(int(one.passage.source.removesuffix(".txt")) for one in found)
    return [*order, *(i for i in range(len(texts)) if i not in order)]


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def _share(held: Sequence[bool]) -> float:
    return round(sum(held) / len(held), 4)


def _threshold(unsure: Sequence[float], share: float) -> float:
    """What that share of the unsure stands above."""
    return sorted(unsure, reverse=True)[max(math.floor(share * len(unsure)) - 1, 0)]


def _auc(above: Sequence[float], below: Sequence[float]) -> float:
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(above, below).statistic) / (len(above) * len(below))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
