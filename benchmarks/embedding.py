"""How quickly all-MiniLM-L6-v2 embeds here: on onnxruntime as a ratio to numpy, by the length of texts, in one run.

    python benchmarks/embedding.py [--json] [--seconds N]

The files are fetched into KAPELLE_HOME when they are missing.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence

from kapelle.evidence.embedding.embedder import Embedder
from kapelle.evidence.embedding.minilm import MiniLM
from kapelle.evidence.embedding.minilm_onnx import FastMiniLM
from kapelle.evidence.embedding.weights import fetch
from kapelle.settings import load_settings

WORDS = (8, 40, 150)
ROUNDS = 3
SENTENCE = "the boundary layer over a flat plate at supersonic speed is studied with and without suction of the wall "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    given = parser.parse_args()
    folder = fetch(load_settings().home)
    embedders: dict[str, Embedder] = {"numpy": MiniLM(folder), "onnxruntime": FastMiniLM(folder)}
    for one in embedders.values():
        one.embed(["what is loaded at the first use"])
    report = {f"{words}_words": _measure(embedders, _texts(words), given.seconds) for words in WORDS}
    query = {
        name: round(_seconds(one, ["how long are invoices kept"], query=True) * 1000, 2)
        for name, one in embedders.items()
    }
    if given.json:
        print(json.dumps({**report, "query_ms": query}))
        return
    print(f"{'':12}{'numpy':>12}{'onnxruntime':>14}{'ratio':>8}")
    for name, row in report.items():
        print(f"{name:12}{row['numpy']:>10.0f}/s{row['onnxruntime']:>12.0f}/s{row['ratio']:>8.2f}")
    print(f"a question: {query['numpy']:.1f} ms, {query['onnxruntime']:.1f} ms (exact in both)")


def _texts(words: int) -> list[str]:
    row = (SENTENCE * (words // 10 + 2)).split()
    return [" ".join(row[first : first + words]) for first in range(16)]


def _measure(embedders: dict[str, Embedder], texts: Sequence[str], seconds: float) -> dict[str, float]:
    # In turns, so that what else the machine does meets both.
    rates: dict[str, list[float]] = {name: [] for name in embedders}
    for _ in range(ROUNDS):
        for name, embedder in embedders.items():
            rates[name].append(_rate(embedder, texts, seconds / ROUNDS))
    found = {name: statistics.median(of_one) for name, of_one in rates.items()}
    ratios = [fast / slow for fast, slow in zip(rates["onnxruntime"], rates["numpy"], strict=True)]
    return {**{name: round(rate, 1) for name, rate in found.items()}, "ratio": round(statistics.median(ratios), 2)}


def _rate(embedder: Embedder, texts: Sequence[str], seconds: float) -> float:
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        embedder.embed(texts)
        done += len(texts)
    return done / (time.perf_counter() - began)


def _seconds(embedder: Embedder, texts: Sequence[str], *, query: bool) -> float:
    spent = []
    for _ in range(20):
        began = time.perf_counter()
        embedder.embed(texts, query=query)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


if __name__ == "__main__":
    main()
