"""Perform an answer step: make a Candidate of what the steps before found, claimed or put out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue, TypeAdapter, ValidationError

from kapelle.answer.compose import compose_claims
from kapelle.answer.extract import compose_extractive
from kapelle.answer.merge import merge_candidates
from kapelle.answer.model import Candidate
from kapelle.errors import ToolInputError
from kapelle.evidence.embedding.embedder import Look
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Claim, Document, Excerpt, Passage
from kapelle.language.sentences import sentences
from kapelle.run.outcome import Circumstances, Outcome

_CLAIMS: TypeAdapter[tuple[Claim, ...]] = TypeAdapter(tuple[Claim, ...])
_HITS: TypeAdapter[tuple[Passage, ...]] = TypeAdapter(tuple[Passage, ...])
_MOST_LINES = 12
"""Lines quoted of one plain output."""
PROMPT = "task:prompt"
"""The source under which the task's own text is cited."""


@dataclass(slots=True)
class _Gathered:
    """What the sources of an answer hold, by how it is told."""

    claims: list[Claim] = field(default_factory=list)
    found: bool = True
    missing: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    searches: list[Mapping[str, JsonValue]] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)


def write_answer(
    inputs: Mapping[str, JsonValue],
    about: Circumstances,
    *,
    missing: Sequence[str],
    look: Look | None = None,
    answers: Sequence[Candidate] | None = None,
) -> Outcome:
    """Compose the answer of `sources` (outputs of steps), `claims`, or `extracted`.

    Claims of an agent are said as they are, with their quotes checked; hits of a search are answered by quoting;
    any other output is told line by line, each line quoting the output itself.

    Args:
        look: how an embedder looks at the sentences of hits; None: by words alone.
        answers: to what was searched for (`asked_of`), in that order; None: they are quoted from the hits.
    """
    if "extracted" in inputs:
        return _extracted(inputs["extracted"], about, missing)
    gathered = _gathered(inputs)
    texts = {key: one.text for key, one in about.texts.items()}
    texts |= {(one.source, one.sha256): one.text for one in gathered.documents}
    question = str(inputs.get("question") or about.task.prompt)
    parts = list(_parts(gathered, question, texts, look, answers))
    candidate = merge_candidates(parts) if len(parts) != 1 else parts[0]
    candidate = candidate.model_copy(
        update={
            "missing": tuple(dict.fromkeys([*candidate.missing, *gathered.missing, *(f"`{p}`" for p in missing)])),
            "conflicts": tuple(dict.fromkeys([*candidate.conflicts, *gathered.conflicts])),
            "found": candidate.found and bool(parts),
            "run_id": about.run_id,
        }
    )
    return Outcome(output=candidate.model_dump(mode="json"), texts=gathered.documents)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was searched for, and what was found."""

    question: str
    hits: tuple[Passage, ...]
    searched: tuple[str, ...]
    """The collections."""
    weights: Mapping[str, float] | None
    answers_from: float | None
    """The confidence that these collections were calibrated to."""


def asked_of(inputs: Mapping[str, JsonValue], about: Circumstances) -> list[Asked]:
    """What the steps before an answer have searched for, with what they found."""
    question = str(inputs.get("question") or about.task.prompt)
    return _asked(_gathered(inputs), question) if "extracted" not in inputs else []


def _gathered(inputs: Mapping[str, JsonValue]) -> _Gathered:
    gathered = _Gathered()
    sources = inputs.get("sources", [])
    for place, source in enumerate(sources if isinstance(sources, list) else [sources], 1):
        _gather(source, f"run:answer/{place}", gathered)
    if "claims" in inputs:
        _gather({"claims": inputs["claims"]}, "claims", gathered)
    return gathered


def _asked(gathered: _Gathered, question: str) -> list[Asked]:
    several = len(gathered.searches) > 1
    return [_asked_for(found, question, several) for found in gathered.searches]


def _asked_for(found: Mapping[str, JsonValue], question: str, several: bool) -> Asked:
    weights, searched, threshold = found.get("weights"), found.get("collections"), found.get("answers_from")
    return Asked(
        str(found.get("query") or question) if several else question,
        _HITS.validate_python(found["hits"]),
        tuple(str(name) for name in searched) if isinstance(searched, list) else (),
        weights if isinstance(weights, dict) else None,  # type: ignore[arg-type]  # numbers by stem
        float(threshold) if isinstance(threshold, int | float) else None,
    )


def _parts(
    gathered: _Gathered,
    question: str,
    texts: Mapping[tuple[str, str], str],
    look: Look | None,
    answers: Sequence[Candidate] | None,
) -> Iterator[Candidate]:
    if gathered.claims or not (gathered.searches or gathered.candidates):
        composed = compose_claims(gathered.claims, texts)
        yield composed if gathered.found else composed.model_copy(update={"found": False})
    yield from gathered.candidates
    if answers is not None:
        yield from answers
        return
    for one in _asked(gathered, question):
        yield compose_extractive(
            one.question,
            one.hits,
            texts,
            weights=one.weights,
            searched=one.searched,
            look=look,
            answers_from=one.answers_from,
        )


def _gather(source: JsonValue, name: str, gathered: _Gathered) -> None:
    """Tell what a step's output is by its shape."""
    if source is None:
        return
    if isinstance(source, list) and any(isinstance(one, dict) for one in source):
        for position, one in enumerate(source):
            _gather(one, f"{name}/{position}", gathered)
        return
    if not isinstance(source, dict):
        _tell(source, name, gathered)
        return
    try:
        if "claims" in source:
            gathered.claims.extend(_CLAIMS.validate_python(source["claims"]))
            gathered.found = gathered.found and source.get("found") is not False
            gathered.missing.extend(_texts(source.get("missing")))
            gathered.conflicts.extend(_texts(source.get("conflicts")))
        elif "citations" in source and "text" in source:
            gathered.candidates.append(Candidate.model_validate(source))
        elif "hits" in source and "collections" in source:
            _HITS.validate_python(source["hits"])
            gathered.searches.append(source)
        else:
            _tell(source, name, gathered)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise ToolInputError(f"`{name}`: `{place}`: {problem['msg']}") from None


def _texts(value: JsonValue) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _tell(value: JsonValue, name: str, gathered: _Gathered) -> None:
    """Tell an output that is neither claims nor hits: its sentences, or its fields, each quoting the output itself."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    document = document_of(name, text)
    spans = list(sentences(text)) if isinstance(value, str) else list(_lines(text))
    told = [(start, end) for start, end in spans if any(one.isalnum() for one in text[start:end])]
    if not told:
        return
    gathered.documents.append(document)
    for start, end in told[:_MOST_LINES]:
        excerpt = Excerpt(source=name, sha256=document.sha256, start=start, end=end, quote=text[start:end])
        gathered.claims.append(Claim(text=_plain(text[start:end]), excerpts=(excerpt,)))


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for line in text.splitlines(keepends=True):
        bare = line.strip().rstrip(",")
        # A line that only opens a list or an object says nothing by itself.
        if bare.strip('[]{}",: ') and bare[-1] not in "[{":
            begin = start + line.index(bare)
            yield begin, begin + len(bare)
        start += len(line)


def _plain(quote: str) -> str:
    """A line of JSON as a person reads it: `"severity": "P1"` is `severity: P1`."""
    return quote.replace('": ', ": ").replace('"', "").rstrip("[{ ")


def _extracted(value: JsonValue, about: Circumstances, missing: Sequence[str]) -> Outcome:
    """Put an extract together: the parts as the value, and each part that stands in the prompt cited there."""
    document = document_of(PROMPT, about.task.prompt)
    parts = value if isinstance(value, dict) else {"extract": value}
    claims = [claim for name, part in parts.items() for claim in _part_claims(name, part, document)]
    composed = compose_claims(claims, {(document.source, document.sha256): document.text})
    lines = [f"{name.replace('_', ' ').capitalize()}: {_line(part)}" for name, part in parts.items()]
    candidate = composed.model_copy(
        update={
            "text": "\n".join(lines),
            "value": parts,
            "found": True,
            "missing": tuple(f"`{path}`" for path in missing),
            "run_id": about.run_id,
        }
    )
    return Outcome(output=candidate.model_dump(mode="json"), texts=[document])


def _part_claims(name: str, part: JsonValue, document: Document) -> Iterator[Claim]:
    for text in _strings(part):
        start = document.text.find(text)
        if start >= 0 and text.strip():
            end = start + len(text)
            excerpt = Excerpt(source=PROMPT, sha256=document.sha256, start=start, end=end, quote=text)
            yield Claim(text=f"{name.replace('_', ' ')}: {text}", excerpts=(excerpt,))


def _strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value if isinstance(value, list) else value.values():
            yield from _strings(one)


def _line(part: JsonValue) -> str:
    if isinstance(part, list):
        return "; ".join(_line(one) for one in part) or "none"
    if isinstance(part, dict):
        return ", ".join(str(one) for one in part.values() if one not in (None, "", []))
    return "none" if part in (None, "") else str(part)
