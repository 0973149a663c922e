"""`kapelle verify`: check an answer again, later, and say what became of its sources."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import JsonValue, ValidationError
from rich.table import Table
from rich.text import Text

from kapelle.answer.model import Candidate
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.cli.typed import read_json
from kapelle.cli.verify_sources import KnownRun, known_run, versions_of
from kapelle.errors import BadInput
from kapelle.evidence.model import Citation
from kapelle.verdict.recheck import CheckedCitation, Recheck, Versions, recheck

_SHOWN = 90
"""Characters of a claim in the table."""
_SINCE = {
    "same": "unchanged",
    "changed": "changed",
    "gone": "gone",
    "kept": "of the run itself",
    "unknown": "in no corpus here",
}
_COLORS = {"same": "green", "changed": "yellow", "gone": "yellow"}
_EXPECTED = "expected what `kapelle solve --json` or `kapelle show RUN --json` prints, or a run's id"


def verify(
    answer: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    corpus: Annotated[list[Path] | None, Parameter(negative=())] = None,
    common: Common = Common(),
) -> int:
    """Check an answer again: every quote, every claim, and what became of the sources since.

    Exit code 0: it holds; 1: it does not; 2: there is no such answer. That a source changed since is told, no failure.

    Args:
        answer: A file with what `solve --json` or `show --json` printed (`-`: standard input), or a run's id.
        corpus: A folder with the sources, for versions that are not stored here.
    """
    return run_async(_verify(answer, corpus or [], common))


async def _verify(answer: str, corpora: list[Path], common: Common) -> int:
    given = _read(answer)
    async with opened(common, notice=False) as house:
        run_id = answer if given is None else _run_of(given)
        known = await known_run(house, run_id, must=given is None)
        candidate = _candidate(given, answer) if given is not None else None
        problems = _differences(given or {}, candidate, known) if candidate is not None else []
        if candidate is None:
            assert known is not None
            candidate = known.candidate
        versions = await versions_of(house, candidate.citations, known, corpora)
    if not candidate.found or (not candidate.text and not candidate.citations):
        problems.append("the answer says that the sources do not say; there is nothing to show")
    checked = _check(candidate, known, versions, problems)
    _print(checked, known.run if known else None, common)
    return 0 if checked.holds else 1


def _check(
    candidate: Candidate,
    known: KnownRun | None,
    versions: Mapping[tuple[str, str], Versions],
    problems: Sequence[str],
) -> Recheck:
    ids = {one.id for one in candidate.citations}
    searched = known.searched & ids if known else set()
    return recheck(
        candidate.text if candidate.value is None and candidate.found else "",
        candidate.citations,
        versions,
        given=known.asked if known else "",
        told=(ids - searched) if known else (),
        searched=searched,
        retrieved=known.retrieved if known else None,
        read=known.read if known else None,
        problems=problems,
    )


def _read(answer: str) -> dict[str, JsonValue] | None:
    """The answer of a file or of standard input; None where the argument names a run."""
    if answer != "-" and answer.startswith("run_") and not Path(answer).exists():
        return None
    text = sys.stdin.read() if answer == "-" else _text(Path(answer))
    try:
        found = read_json(text)
    except ValueError as error:
        raise BadInput(f"`{answer}` is no JSON ({error}); {_EXPECTED}") from None
    if not isinstance(found, dict):
        raise BadInput(f"`{answer}` is no object; {_EXPECTED}")
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"there is no file and no run `{file}`; {_EXPECTED}") from None
    except UnicodeDecodeError:
        raise BadInput(f"`{file}` is no UTF-8 text; {_EXPECTED}") from None


def _candidate(given: dict[str, JsonValue], name: str) -> Candidate:
    inner = given.get("candidate", given)
    if not isinstance(inner, dict) or "text" not in inner or "citations" not in inner:
        raise BadInput(f"`{name}` holds no answer with `text` and `citations`; {_EXPECTED}")
    try:
        return Candidate.model_validate(inner)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise BadInput(f"`{name}`: `{place}`: {problem['msg']}; {_EXPECTED}") from None


def _run_of(given: dict[str, JsonValue]) -> str | None:
    inner = given.get("candidate")
    run = given.get("run_id") or (inner.get("run_id") if isinstance(inner, dict) else None)
    return run if isinstance(run, str) else None


def _differences(given: Mapping[str, JsonValue], candidate: Candidate, known: KnownRun | None) -> list[str]:
    """Where an answer contradicts itself, or is not the one that its run gave."""
    inner = given.get("candidate", given)
    told = inner.get("solution", candidate.solution) if isinstance(inner, dict) else candidate.solution
    found = [] if told == candidate.solution else ["its `solution` is not what its text and its value say"]
    if known is None:
        return found
    own = known.candidate
    if candidate.text != own.text:
        found.append(f"its text is not what run `{known.run}` answered")
    if candidate.value != own.value:
        found.append(f"its value is not what run `{known.run}` answered")
    spans = {one.id: _span(one) for one in candidate.citations}
    if spans != {one.id: _span(one) for one in own.citations}:
        found.append(f"its citations are not those of run `{known.run}`")
    return found


def _span(one: Citation) -> tuple[object, ...]:
    return one.claim, one.source, one.sha256, one.start, one.end, one.quote


def _print(checked: Recheck, run: str | None, common: Common) -> None:
    if common.json:
        print_json({"run_id": run, **checked.model_dump(mode="json")})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("", "source", "quote", "since"):
        table.add_column(column, header_style="dim", overflow="fold")
    for one in checked.citations:
        mark = Text("✓ ", "green") if not one.problem else Text("✗ ", "bold red")
        place = safe(f"{one.source}:{one.start}-{one.end}")
        quote = Text("exact", "green") if one.exact else Text("not proven", "red")
        table.add_row(mark + Text(one.id, "cyan"), place, quote, Text(_since(one), _COLORS.get(one.since, "")))
    out().print(table)
    for one in checked.citations:
        if one.problem:
            _say(f"[{one.id}] {one.problem}", "red")
    for claim in checked.claims:
        if claim.problem:
            _say(f"{claim.claim[:_SHOWN]}: {claim.problem}", "yellow" if claim.told else "red")
    for problem in checked.problems:
        _say(problem, "red")
    how = Text("holds", "bold green") if checked.holds else Text("does not hold", "bold red")
    out().print(how + Text(f" · citation precision {checked.precision:.2f}, recall {checked.recall:.2f}", "dim"))


def _since(one: CheckedCitation) -> str:
    said = _SINCE[one.since]
    if one.since != "changed":
        return said
    if one.at is None:
        return f"{said}: the quote does not stand there any more"
    return f"{said}: the quote stands at {one.at[0]}-{one.at[1]}"


def _say(text: str, style: str) -> None:
    out().print(Text(f"  {safe(text)}", style=style))
