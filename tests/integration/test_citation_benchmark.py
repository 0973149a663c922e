"""The benchmark of citations over a small collection of our own: no fault passes, and its controls do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ["Oslo", "Bergen", "Lisbon", "Porto", "Dublin", "Cork", "Vienna", "Graz"]


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Documents of a few sentences each, in BEIR's layout."""
    folder = tmp_path / "data" / "stations"
    folder.mkdir(parents=True)
    texts = [
        f"The station of {place} was opened in {1900 + 3 * number} by the old company. It is said that the mayor of "
        f"{place} was not invited to the ceremony. On average {40 + number} trains are counted there on a working day. "
        f"In winter the trains from {PLACES[number - 1]} were often late. The hall has a roof of glass, which was "
        f"repaired by the owner after a storm. The clock of the tower was made by Anders Berg of {place} long before."
        for number, place in enumerate(PLACES)
    ]
    rows = [{"_id": f"d{number}", "title": "", "text": text} for number, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q0", "text": "When was the station opened?"}))
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td0\t1\n")
    return folder.parent


def test_no_fault_passes_and_no_control_is_refused(collection: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "citations.py"), "--data", str(collection), "--json"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["stations"]
    assert (found["faults"], found["passed"]) == (200, 0)
    assert (found["controls"], found["controls_refused"]) == (200, 0)
    assert found["made"]["negated"] > 5 and found["made"]["entity"] > 5 and found["made"]["period"] > 5
    assert min(found["misuses"][kind] for kind in ("negated", "entity", "period")) >= 0.9
    assert found["false_alarms"]["same"] == 0.0 and found["false_alarms"]["reworded"] <= 0.05


def test_a_folder_without_a_collection_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "citations.py"), "--data", str(tmp_path)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and "corpus.jsonl" in done.stderr
