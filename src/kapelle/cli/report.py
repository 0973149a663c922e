"""A run as text or as one JSON object."""

import json
from collections.abc import Sequence

from pydantic import JsonValue
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from kapelle.answer.model import Candidate
from kapelle.cli.session import safe
from kapelle.evidence.model import Citation
from kapelle.handles import candidate_of
from kapelle.plan.model import plan_json
from kapelle.run.model import RunRecord, StepResult, execution_metadata

EXIT = {"succeeded": 0, "partial": 4, "waiting": 3}
COLORS = {"succeeded": "green", "partial": "yellow", "waiting": "yellow"}


def exit_code(record: RunRecord) -> int:
    """0 succeeded, 4 partial, 3 waiting, 1 ended without passing."""
    return EXIT.get(record.status, 1)


def run_json(record: RunRecord, steps: Sequence[StepResult]) -> dict[str, JsonValue]:
    """A run as one object; money is a decimal string, what is missing is null."""
    candidate = candidate_of(record)
    spent = record.spent
    return {
        "run_id": record.id,
        "status": record.status,
        "candidate": candidate_json(candidate),
        "plan": plan_json(record.plan) if record.plan else None,
        "steps": [
            {
                "path": one.path,
                "kind": one.kind,
                "status": one.status,
                "attempts": one.attempts,
                "duration_ms": round(one.seconds * 1000, 3),
                "error": one.error.message if one.error else None,
            }
            for one in steps
        ],
        "usage": {
            "requests": spent.requests,
            "input_tokens": spent.input_tokens,
            "output_tokens": spent.output_tokens,
            "usd": None if spent.usd is None else str(spent.usd),
        },
        "execution_metadata": execution_metadata(steps),
        "error": record.error.message if record.error else None,
        "waiting_for": record.waiting_for,
    }


def candidate_json(candidate: Candidate) -> dict[str, JsonValue]:
    """An answer as an object."""
    verdict = candidate.verdict
    checklist = candidate.checklist
    return {
        "text": candidate.text,
        "solution": candidate.solution,
        "found": candidate.found,
        "citations": [one.model_dump(mode="json", exclude={"passage"}) for one in candidate.citations],
        "checklist": checklist.model_dump(mode="json") if checklist else None,
        "score": candidate.score,
        "verdict": {"passed": verdict.passed, "score": verdict.score, "reasons": list(verdict.reasons)}
        if verdict
        else None,
        "missing": list(candidate.missing),
        "conflicts": list(candidate.conflicts),
    }


def print_answer(console: Console, record: RunRecord) -> None:
    """An answer with its quotes and its verdict, for a person."""
    candidate = candidate_of(record)
    if not candidate.text and candidate.value is not None:
        console.print()
        console.print(safe(json.dumps(candidate.value, indent=2, ensure_ascii=False)))
    if candidate.text:
        console.print()
        console.print(Padding(Text(safe(candidate.text)), (0, 2), expand=False), soft_wrap=False)
    if candidate.citations:
        console.print()
        for one in candidate.citations:
            console.print(_citation(one), soft_wrap=True)
    _notes(console, "missing", candidate.missing)
    _notes(console, "conflict", candidate.conflicts)
    console.print()
    # The terminal breaks it: padding would cut it at the page's width, and the run's id stands at its end.
    console.print(Text.assemble("  ", summary(record, candidate)), soft_wrap=True)


def _citation(one: Citation) -> Text:
    quote = " ".join(safe(one.quote).split())
    shown = quote if len(quote) <= 140 else quote[:139] + "…"
    place = safe(f"{one.source}:{one.start}-{one.end}")
    return Text.assemble((f"  [{one.id}] ", "cyan"), (f"{place}  ", "dim"), f"“{shown}”")


def _notes(console: Console, label: str, notes: Sequence[str]) -> None:
    for note in notes:
        console.print(Text(f"  {label}: {safe(note)}", style="yellow"), soft_wrap=True)


def summary(record: RunRecord, candidate: Candidate) -> Text:
    """One line: status, verdict, cost, run."""
    text = Text(record.status, style=f"bold {COLORS.get(record.status, 'red')}")
    verdict = candidate.verdict
    if verdict is not None:
        text.append(f" · verdict {'passed' if verdict.passed else 'not passed'} ({verdict.score:.2f})")
        if not verdict.passed:
            text.append(f": {safe('; '.join(verdict.reasons))}", style="red")
    elif record.error is not None:
        text.append(f" · {safe(record.error.message)}", style="red")
    usd = record.spent.usd
    text.append(f" · usd {'unknown' if usd is None else usd}")
    if record.started and record.ended:
        text.append(f" · {(record.ended - record.started).total_seconds():.2f} s")
    text.append(f" · {record.id}", style="dim")
    return text
