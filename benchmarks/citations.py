"""What citations prove without a model: injected faults, claims that their quotes do not carry, and false alarms.

    python benchmarks/citations.py --data DIR [--json]

DIR holds folders in BEIR's layout (corpus.jsonl, queries.jsonl, qrels.tsv); only their texts are used. Claims are made
of their sentences by rule (`measures/misuses.py`); those written by hand are in tests/golden.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from kapelle.evidence.measure.collection import is_collection
from kapelle.verdict.checks import lack_of
from kapelle.verdict.support import support
from measures.citations import measure

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of collections in BEIR's layout")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    given = parser.parse_args()
    folders = sorted(folder for folder in given.data.iterdir() if is_collection(folder))
    if not folders:
        sys.exit(f"{given.data} holds no folder with corpus.jsonl, queries.jsonl and qrels.tsv")
    results: dict[str, dict[str, object]] = {folder.name: measure(folder) for folder in folders}
    results |= {name: by_hand(GOLDEN / f"{name}.yaml") for name in ("claims", "claims_unseen", "claims_last")}
    if given.json:
        print(json.dumps(results))
        return
    for name, result in results.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in result.items()))


def by_hand(file: Path) -> dict[str, object]:
    """Claims written by hand: how many false ones are caught, how many true ones refused, and milliseconds of each."""
    pairs = yaml.safe_load(file.read_text())
    began = time.perf_counter()
    refused = [bool(lack_of(support(pair["claim"], [pair["quote"]]))) for pair in pairs]
    spent = time.perf_counter() - began
    false = [one for pair, one in zip(pairs, refused, strict=True) if not pair["holds"]]
    true = [one for pair, one in zip(pairs, refused, strict=True) if pair["holds"]]
    return {
        "false": len(false),
        "caught": sum(false),
        "true": len(true),
        "refused": sum(true),
        "ms": round(1000 * spent / len(pairs), 3),
    }


if __name__ == "__main__":
    main()
