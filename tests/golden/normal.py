"""The story of a run with its ids, times and counts of seconds made equal, for golden files."""

import json
import os
import re
from pathlib import Path

from kapelle.run.model import Event

REFRESH = os.environ.get("KAPELLE_REFRESH_GOLDEN") == "1"
_ID = re.compile(r"\b(run|task|plan|apr|x)_[0-9a-z]{16,20}\b")
_SHA = re.compile(r"\b[0-9a-f]{64}\b")


def told(events: list[Event]) -> list[str]:
    """One line an event: number, kind, path, data."""
    seen: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return seen.setdefault(found[0], f"{found[1]}_{sum(key.startswith(found[1]) for key in seen) + 1}")

    lines = []
    for event in events:
        data = {key: value for key, value in event.data.items() if key != "seconds"}
        text = _SHA.sub("SHA", _ID.sub(named, json.dumps(data, ensure_ascii=False, sort_keys=True)))
        lines.append(f"{event.seq:>3} {event.kind:<18} {event.path or '-'} {text}")
    return lines


def golden(name: str, lines: list[str]) -> list[str]:
    """The lines of a golden file, written anew when `KAPELLE_REFRESH_GOLDEN=1`."""
    file = Path(__file__).parent / f"{name}.txt"
    if REFRESH:
        file.write_text("\n".join(lines) + "\n")
    return file.read_text().splitlines()
