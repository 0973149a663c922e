"""The checks an answer must stand: each is a pure function that returns one judged checklist item."""

import re
from collections.abc import Collection, Mapping, Sequence

from kapelle.evidence.kinds import visible
from kapelle.evidence.model import Citation
from kapelle.language.sentences import sentences
from kapelle.task.model import ChecklistItem
from kapelle.verdict.citations import Stretches, check_citation, check_retrieved
from kapelle.verdict.model import Check, StepOutcome, ToolOutcome
from kapelle.verdict.required import meets
from kapelle.verdict.support import Support, support

Texts = Mapping[tuple[str, str], str]
"""The texts kept by the run, by (source, sha256)."""

MAX_WORDS = 250
MAX_CITATIONS = 12
MIN_SUPPORT = 0.5
EVIDENCE = "evidence"
POLICY = "policy"
_MARKER = re.compile(r"\[(c\d+)\]")
_MARKERS = re.compile(r"(?:\s*\[c\d+\])+")


def item(
    name: Check, description: str, problems: Sequence[str], *, required: bool = True, weight: float = 1.0
) -> ChecklistItem:
    """A judged item: passed when there are no problems, which become its feedback."""
    return ChecklistItem(
        description=description,
        check=name,
        required=required,
        weight=weight,
        passed=not problems,
        feedback="; ".join(problems),
    )


def check_citations(
    citations: Sequence[Citation], texts: Texts, *, searched: Collection[str] = (), retrieved: Stretches | None = None
) -> ChecklistItem:
    """Every quote stands word for word at its span of the version that this run read.

    Args:
        searched: the ids of citations that must moreover lie within a passage of `retrieved`.
    """
    problems = []
    for citation in citations:
        problem = check_citation(citation, texts.get((citation.source, citation.sha256)))
        if problem is None and citation.id in searched:
            problem = check_retrieved(citation, retrieved or {})
        if problem:
            problems.append(f"[{citation.id}] {problem}")
    return item("citations", "Every quote stands verbatim in its source", problems)


def check_cited(text: str, citations: Sequence[Citation]) -> ChecklistItem:
    """Every sentence of the answer carries a marker, and every marker names a citation."""
    known = {citation.id for citation in citations}
    problems = [
        f"[{marker}] names no citation" for marker in dict.fromkeys(_MARKER.findall(text)) if marker not in known
    ]
    problems += [f"no citation for: {claim}" for claim, markers in claims_of(text) if not markers]
    return item("cited", "Every sentence carries a citation", problems)


def check_support(
    text: str,
    citations: Sequence[Citation],
    *,
    given: str = "",
    minimum: float = MIN_SUPPORT,
    required: bool = True,
    without: Collection[str] = (),
) -> ChecklistItem:
    """Every sentence is carried by its quotes: what `support` finds against it, and `minimum` of its words.

    Args:
        given: the question and what came with it; its numbers, names and periods need no quote.
        without: sentences that cite one of these ids are left out.
    """
    quotes = {citation.id: shown_of(citation) for citation in citations}
    problems = []
    for claim, markers in claims_of(text):
        if not set(markers) & set(without):
            carried = support(claim, [quotes[marker] for marker in markers if marker in quotes], given=given)
            why = lack_of(carried, minimum)
            problems += [f"{claim} ({why})"] if why else []
    return item("support", "Every sentence is carried by its quotes", problems, required=required)


def lack_of(carried: Support, minimum: float = MIN_SUPPORT) -> str:
    """Why quotes do not carry a claim; empty when they do."""
    if carried.problems:
        return ", ".join(carried.problems)
    return f"its quotes hold only {carried.score:.0%} of its words" if carried.score < minimum else ""


def shown_of(citation: Citation) -> str:
    """A quote as a reader sees it, which is how an answer says it: no tags, no markers of its own."""
    return " ".join(_MARKER.sub(" ", visible(citation.quote, citation.source)).split())


def claims_of(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """The sentences of an answer without their markers, each with the ids it carries.

    A marker belongs to the sentence it stands in or directly behind.
    """
    claims: list[tuple[str, tuple[str, ...]]] = []
    start = 0
    for group in _MARKERS.finditer(text):
        # A mark before the full stop still belongs to that sentence.
        tail = re.match(r"[.!?]+", text[group.end() :])
        said = text[start : group.start()] + (tail.group() if tail else "")
        parts = [said[low:high] for low, high in sentences(said)]
        markers = tuple(_MARKER.findall(group.group()))
        for number, part in enumerate(parts):
            claims.append((part, markers if number == len(parts) - 1 else ()))
        if not parts and claims:
            claims[-1] = (claims[-1][0], claims[-1][1] + markers)
        start = group.end() + (tail.end() if tail else 0)
    rest = text[start:]
    return claims + [(rest[low:high], ()) for low, high in sentences(rest)]


def check_found(found: bool, missing: Sequence[str] = ()) -> ChecklistItem:
    """Something was found to answer with."""
    lacking = f": {'; '.join(missing)}" if missing else ""
    return item(
        "found", "The sources say something to the question", [] if found else [f"the sources do not say{lacking}"]
    )


def check_evidence(outcomes: Sequence[ToolOutcome]) -> ChecklistItem:
    """At least one evidence tool succeeded and found something."""
    return item("evidence", "At least one evidence source answered", _lacking(outcomes, EVIDENCE, "evidence source"))


def check_policy(
    outcomes: Sequence[ToolOutcome],
    citations: Sequence[Citation] = (),
    *,
    policies: Collection[str] = (),
    texts: Texts | None = None,
) -> ChecklistItem:
    """At least one policy tool succeeded, or a source of `policies` is cited (exactly, where `texts` are given)."""
    cited = [citation for citation in citations if citation.source in policies]
    if texts is not None:
        cited = [one for one in cited if check_citation(one, texts.get((one.source, one.sha256))) is None]
    problems = [] if cited else _lacking(outcomes, POLICY, "policy source")
    return item("policy", "At least one policy or governance source is cited", problems)


def _lacking(outcomes: Sequence[ToolOutcome], tag: str, what: str) -> list[str]:
    tagged = [outcome for outcome in outcomes if tag in outcome.tags]
    if any(outcome.success and not outcome.empty for outcome in tagged):
        return []
    if not tagged:
        return [f"no {what} was asked"]
    return [f"no {what} answered: {'; '.join(_ended(outcome) for outcome in tagged)}"]


def _ended(outcome: ToolOutcome) -> str:
    name = f"`{outcome.name}`" + (f" ({outcome.path})" if outcome.path else "")
    return f"{name} {'found nothing' if outcome.success else f'failed: {outcome.error}' if outcome.error else 'failed'}"


def check_required_citations(
    names: Sequence[str],
    citations: Sequence[Citation],
    *,
    files: Mapping[str, Collection[str] | str] | None = None,
) -> ChecklistItem:
    """Every name is met by a citation of its source (see `required.meets`)."""
    sources = {citation.source for citation in citations}
    lacking = [name for name in names if not any(meets(name, source, files) for source in sources)]
    problems = [f"`{name}` is required and not cited" for name in lacking]
    return item("required_citations", "Every required source is cited", problems)


def check_tools(outcomes: Sequence[ToolOutcome], *, required: bool = False) -> ChecklistItem:
    """Every tool call succeeded."""
    problems = [_ended(outcome) for outcome in outcomes if not outcome.success]
    return item("tools", "Every tool call succeeded", problems, required=required)


def check_plan(outcomes: Sequence[StepOutcome], *, required: bool = True) -> ChecklistItem:
    """Every step that the plan cannot go without ended well: succeeded, or skipped as the plan says."""
    problems = []
    for outcome in outcomes:
        if outcome.status not in ("succeeded", "skipped") and not outcome.optional:
            how = outcome.status or "not started"
            problems.append(f"step `{outcome.path}` {how}{f': {outcome.error}' if outcome.error else ''}")
    return item("plan", "Every step of the plan ended well", problems, required=required)


def check_length(
    text: str, citations: Sequence[Citation] = (), *, words: int = MAX_WORDS, most: int = MAX_CITATIONS
) -> ChecklistItem:
    """The answer has at most so many words (markers not counted) and citations."""
    count = len(_MARKERS.sub(" ", text).split())
    problems = [f"{count} words; at most {words}"] if count > words else []
    if len(citations) > most:
        problems.append(f"{len(citations)} citations; at most {most}")
    return item("length", f"At most {words} words and {most} citations", problems)
