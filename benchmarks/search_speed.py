"""How fast search is, how fast passages are stored, what memory it takes, and what another process's ingest costs it.

    python benchmarks/search_speed.py [--json] [--passages N] [--store sqlite|postgres]

Texts are made of words drawn as language draws them (Zipf), 60 a passage, of ten tenants; vectors have 384 components
and lie in clusters, as those of real texts do. A query's own embedding is not counted: it costs the same everywhere,
and `query_embedding_ms` tells what it takes here when the embedder's files are there. `floor_ms` is what the bare
matrix product takes in the same run: read the figures as ratios to it, for milliseconds of a shared machine are noise.
"""

import argparse
import hashlib
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from kapelle.budget.model import Usage
from kapelle.evidence.embedding.embedder import Embedded
from kapelle.evidence.embedding.minilm import Floats, MiniLM, unit
from kapelle.evidence.embedding.weights import has_weights, weights_folder
from kapelle.evidence.index import Filters, Index
from kapelle.evidence.model import Document, Passage, make_document
from kapelle.evidence.search import search
from kapelle.evidence.split import split
from kapelle.settings import load_settings
from kapelle.store.engine import open_url

OWNER, COLLECTION = "benchmark/speed", "texts"
DIMENSION, CLUSTERS, TENANTS = 384, 200, 10
WORDS, DOCUMENT = 60, 10
"""Words of a passage, passages of a document."""
COMMONEST = 30
"""What is more common than this word stands for the stop words, which queries lose; it is in one passage of six."""
BATCH = 500
"""Documents of one `put`."""
QUERIES = 200
INGEST_BATCH = 20
"""Documents of one `put` while somebody searches."""


_EMBEDDING = [0.0]
"""Seconds that the embedder took."""


class Clustered:
    """An embedder that costs nothing: a text lies near one of some centers, always at the same place."""

    name = "clustered-384"

    def __init__(self) -> None:
        dice = np.random.default_rng(7)
        self._centers = unit(dice.standard_normal((CLUSTERS, DIMENSION)).astype(np.float32))
        self._noise = unit(dice.standard_normal((4_096, DIMENSION)).astype(np.float32))

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Embedded:
        """A vector for each text, by its digest."""
        began = time.perf_counter()
        vectors = self._vectors(texts)
        _EMBEDDING[0] += time.perf_counter() - began
        return Embedded(vectors, Usage())

    def _vectors(self, texts: Sequence[str]) -> Floats:
        digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts]
        at = np.array([int.from_bytes(digest, "big") for digest in digests], np.uint64)
        one = self._noise[(at >> np.uint64(12)) % np.uint64(4_096)]
        two = self._noise[(at >> np.uint64(30)) % np.uint64(4_096)]
        return unit(self._centers[at % np.uint64(CLUSTERS)] + 0.5 * one + 0.5 * two)

    def estimate(self, texts: Sequence[str]) -> Usage:
        """Nothing."""
        return Usage()


def words(dice: random.Random, count: int, *, rarest: int = 30_000, commonest: int = 1) -> str:
    """Words by Zipf's law, numbered by how common they are."""
    return " ".join(f"w{int(commonest * (rarest / commonest) ** dice.random())}" for _ in range(count))


def documents(first: int, count: int) -> list[Document]:
    """Documents by number; the same number is always the same document."""
    made = []
    for number in range(first, first + count):
        dice = random.Random(number)
        text = "\n\n".join(f"{words(dice, WORDS)}." for _ in range(DOCUMENT))
        made.append(make_document(f"{number}.txt", text, title=f"Text {number}", meta={"tenant": number % TENANTS}))
    return made


@contextmanager
def opened(store: str, url: str) -> Iterator[Index]:
    """The index in a database."""
    engine = open_url(url)
    if store == "sqlite":
        from kapelle.evidence.index_sqlite import SqliteIndex
        from kapelle.evidence.tables_sqlite import ensure_schema
        from kapelle.evidence.vectors_sqlite import SqliteVectors

        ensure_schema(engine)
        yield SqliteIndex(engine, SqliteVectors(Clustered()))
    else:
        from kapelle.evidence.index_postgres import PostgresIndex
        from kapelle.evidence.tables_postgres import ensure_schema
        from kapelle.evidence.vectors_postgres import PostgresVectors

        ensure_schema(engine)
        yield PostgresIndex(engine, PostgresVectors(Clustered()))
    engine.dispose()


def store_all(store: str, url: str, passages: int) -> dict[str, Any]:
    """Store passages; how many a second, and how many when making, cutting and embedding them is counted too."""
    began, total = time.perf_counter(), passages // DOCUMENT
    stored = 0.0
    with opened(store, url) as index:
        for first in range(0, total, BATCH):
            some = documents(first, min(BATCH, total - first))
            cut = {document.source: _split(document) for document in some}
            _EMBEDDING[0] = 0.0
            start = time.perf_counter()
            index.put(COLLECTION, some, owner=OWNER, splitter=lambda document, cut=cut: cut[document.source])
            stored += time.perf_counter() - start - _EMBEDDING[0]
    return {
        "stored_per_s": round(passages / stored),
        "made_and_stored_per_s": round(passages / (time.perf_counter() - began)),
    }


def _split(document: Document) -> list[Passage]:
    return split(document, size=500)


def searching(store: str, url: str, passages: int) -> dict[str, Any]:
    """Open a database cold and search it; times in milliseconds."""
    before = _rss()
    with opened(store, url) as index:
        began = time.perf_counter()
        search(index, [COLLECTION], _queries(1, seed=1)[0], owner=OWNER)
        cold = time.perf_counter() - began
        results: dict[str, Any] = {"cold_open_s": round(cold, 3)}
        _timed(index, _queries(50, seed=2), None)
        results["hybrid"] = _told(_timed(index, _queries(QUERIES, seed=3), None))
        results["filtered"] = _told(_timed(index, _queries(QUERIES, seed=4), {"tenant": 3}))
        results["floor_ms"] = round(_floor(passages), 2)
        results["rss_mb"] = round(_rss() - before)
        results["recall"] = _recall(index, passages, None)
        results["recall_filtered"] = _recall(index, passages, {"tenant": 3})
    return results


def _queries(count: int, *, seed: int) -> list[str]:
    dice = random.Random(seed)
    return [words(dice, dice.randrange(4, 10), commonest=COMMONEST) for _ in range(count)]


def _timed(index: Index, queries: Sequence[str], filters: Filters | None) -> list[float]:
    times = []
    for query in queries:
        began = time.perf_counter()
        search(index, [COLLECTION], query, owner=OWNER, filters=filters)
        times.append((time.perf_counter() - began) * 1000)
    return times


def _told(times: Sequence[float]) -> dict[str, float]:
    ranked = sorted(times)
    return {
        "p50_ms": round(statistics.median(ranked), 2),
        "p95_ms": round(ranked[math.ceil(0.95 * len(ranked)) - 1], 2),
    }


def _floor(passages: int) -> float:
    matrix = np.ones((passages, DIMENSION), np.float32)
    vector = np.ones(DIMENSION, np.float32)
    times = []
    for _ in range(30):
        began = time.perf_counter()
        matrix @ vector
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _recall(index: Index, passages: int, filters: Filters | None) -> float:
    """The share of the ten nearest that the index finds, against looking at every vector."""
    texts = [
        (number * DOCUMENT + place, f"Text {number}\n{' '.join(text.split())}", number % TENANTS)
        for number in range(passages // DOCUMENT)
        for place, text in enumerate(documents(number, 1)[0].text.split("\n\n"))
    ]
    embedder = Clustered()
    vectors = embedder.embed([text for _, text, _ in texts]).vectors
    fits = np.array([filters is None or tenant == filters["tenant"] for _, _, tenant in texts])
    held = []
    for query in _queries(50, seed=5):
        scores = np.where(fits, vectors @ embedder.embed([query]).vectors[0], -2)
        best = np.sort(scores)[-10:]
        near = index.nearest(COLLECTION, query, owner=OWNER, k=10, filters=filters)
        found = [cosine for _, cosine in near.matches] if near else []
        held.append(sum(cosine >= best[0] - 1e-4 for cosine in found[:10]) / 10)
    return round(sum(held) / len(held), 4)


def while_ingesting(store: str, url: str, passages: int) -> dict[str, Any]:
    """Search while another process brings documents in."""
    with opened(store, url) as index:
        _timed(index, _queries(50, seed=6), None)
        alone = _told(_timed(index, _queries(QUERIES, seed=7), None))
        command = [sys.executable, __file__, "--part", "ingest", "--store", store, "--url", url]
        with subprocess.Popen([*command, "--passages", str(passages)], stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            other.stdout.readline()
            beside = _told(_timed(index, _queries(QUERIES, seed=8), None))
            other.terminate()
            stored = len(other.stdout.read().splitlines()) * INGEST_BATCH * DOCUMENT
    ratio = {name: round(beside[name] / alone[name], 2) for name in alone}
    return {"while_ingesting": {**beside, "ratio": ratio, "passages_stored": stored}}


def ingest_on(store: str, url: str, passages: int) -> None:
    """Bring documents in, a few at a time, until somebody ends it."""
    with opened(store, url) as index:
        first = passages // DOCUMENT
        while True:
            index.put(COLLECTION, documents(first, INGEST_BATCH), owner=OWNER, splitter=_split)
            first += INGEST_BATCH
            print(first, flush=True)


def _query_embedding() -> float | None:
    home = load_settings().home
    if not has_weights(home):
        return None
    embedder = MiniLM(weights_folder(home))
    embedder.embed(["warm"])
    times = []
    for number in range(30):
        began = time.perf_counter()
        embedder.embed([f"How many invoices were paid late by customer {number} in the second quarter?"])
        times.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(times), 2)


def _rss() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def _apart(part: str, store: str, url: str, passages: int) -> dict[str, Any]:
    """A part in a process of its own: nothing is warm there that a user's would not be."""
    command = [sys.executable, __file__, "--part", part, "--store", store, "--url", url, "--passages", str(passages)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@contextmanager
def _database(store: str) -> Iterator[str]:
    if store == "sqlite":
        with tempfile.TemporaryDirectory(prefix="kapelle-speed-") as folder:
            yield f"sqlite:///{folder}/speed.db"
        return
    from tests.postgres import serving

    with serving() as server, server.database() as url:
        yield url


PARTS: dict[str, Callable[[str, str, int], dict[str, Any]]] = {
    "store": store_all,
    "search": searching,
    "beside": while_ingesting,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--part", choices=(*PARTS, "ingest"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.passages < DOCUMENT:
        parser.error(f"--passages: at least {DOCUMENT}")
    if given.part == "ingest":
        ingest_on(given.store, given.url, given.passages)
    elif given.part:
        print(json.dumps(PARTS[given.part](given.store, given.url, given.passages)))
    else:
        _whole(given)


def _whole(given: argparse.Namespace) -> None:
    results: dict[str, Any] = {"store": given.store, "passages": given.passages, "load": round(os.getloadavg()[0], 1)}
    with _database(given.store) as url:
        for part in PARTS:
            print(f"{part} ...", file=sys.stderr, flush=True)
            results |= _apart(part, given.store, url, given.passages)
    results["query_embedding_ms"] = _query_embedding()
    if given.json:
        print(json.dumps(results))
        return
    for name, value in results.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
