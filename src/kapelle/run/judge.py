"""Perform a verdict step: gather what the run knows and put it to the checks."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from pydantic import JsonValue, ValidationError

from kapelle.answer.model import Candidate
from kapelle.errors import ToolInputError
from kapelle.plan.catalog import Catalog
from kapelle.plan.model import VerdictStep
from kapelle.run.outcome import Circumstances, Outcome, Stretch
from kapelle.run.telling import phase_event
from kapelle.task.model import Checklist, ChecklistItem
from kapelle.tools.model import Tool
from kapelle.verdict import checks
from kapelle.verdict.model import StepOutcome, ToolOutcome
from kapelle.verdict.score import verdict_of, weights_of, with_weights

GATED = frozenset({"evidence", "policy"})
"""Checks that a plan asks for by name, because not every answer rests on tools."""


def judge(
    step: VerdictStep,
    inputs: Mapping[str, JsonValue],
    about: Circumstances,
    catalog: Catalog,
    sources: Mapping[str, str],
) -> Outcome:
    """Judge the Candidate of `inputs`; the output is the Candidate with its Verdict."""
    try:
        candidate = Candidate.model_validate(inputs.get("candidate"))
    except ValidationError:
        raise ToolInputError("`candidate`: a verdict judges what an answer step put out") from None
    items = list(_items(step, candidate, about, catalog, sources))
    checklist = Checklist(items=(*items, *(about.task.checklist.items if about.task.checklist else ())))
    weights = weights_of(about.task)
    checklist = with_weights(checklist, weights)
    verdict = verdict_of(checklist, scorer="weighted" if weights else "ratio")
    judged = candidate.model_copy(
        update={
            "verdict": verdict,
            "checklist": checklist,
            "score": verdict.score,
            "run_id": about.run_id,
        }
    )
    checking = phase_event("checking", citations=len(candidate.citations))
    return Outcome(output=judged.model_dump(mode="json"), notes=[checking])


def _items(
    step: VerdictStep, candidate: Candidate, about: Circumstances, catalog: Catalog, sources: Mapping[str, str]
) -> Iterator[ChecklistItem]:
    texts = {key: document.text for key, document in about.texts.items()}
    outcomes = list(_tool_outcomes(about, catalog))
    yield checks.check_found(candidate.found, candidate.missing)
    searched = searched_by(candidate, {fact.kind for fact in about.steps.values()})
    retrieved = retrieved_by(stretch for fact in about.steps.values() for stretch in fact.retrieved)
    yield checks.check_citations(candidate.citations, texts, searched=searched, retrieved=retrieved)
    if candidate.value is None and candidate.found:
        yield checks.check_cited(candidate.text, candidate.citations)
        yield checks.check_length(candidate.text, candidate.citations)
        yield from _support(candidate, about, searched)
    if "evidence" in step.checks:
        yield checks.check_evidence(outcomes)
    if "policy" in step.checks:
        policies = {source for name, source in sources.items() if source.startswith(("policies/", "docs/governance"))}
        yield checks.check_policy(outcomes, candidate.citations, policies=policies, texts=texts)
    wanted = about.task.context.get("required_citations")
    if isinstance(wanted, list) and wanted:
        yield checks.check_required_citations([str(name) for name in wanted], candidate.citations, files=sources)
    yield checks.check_tools(outcomes)
    steps = [
        StepOutcome(path=fact.path, status=fact.status, error=fact.error, optional=True)
        for fact in about.steps.values()
    ]
    yield checks.check_plan(steps, required=False)


def searched_by(candidate: Candidate, kinds: Collection[str]) -> set[str]:
    """The citations that rest on passages of a search: composed of them, or all where nothing else was read.

    Args:
        kinds: of the steps of the run.
    """
    nothing_else = "search" in kinds and not {"tool", "agent"} & set(kinds)
    return {one.id for one in candidate.citations if one.passage is not None or nothing_else}


def retrieved_by(stretches: Iterable[Stretch]) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """The spans of retrieved passages, by the (source, sha256) of their document."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for stretch in stretches:
        found.setdefault((stretch.source, stretch.sha256), []).append((stretch.start, stretch.end))
    return found


def _support(candidate: Candidate, about: Circumstances, searched: set[str]) -> Iterator[ChecklistItem]:
    """What the quotes carry: required of what was composed of passages, and not asked of what an agent claims.

    An agent computes: the numbers of `3 % is over the limit of 2 %` stand in no quote, and the claim may be right.
    """
    given = "\n".join([about.task.prompt, *map(str, about.task.context.values())])
    others = {one.id for one in candidate.citations} - searched
    if searched:
        yield checks.check_support(candidate.text, candidate.citations, given=given, without=others)


def _tool_outcomes(about: Circumstances, catalog: Catalog) -> Iterator[ToolOutcome]:
    for fact in about.steps.values():
        known: Tool | None = catalog.tools.get(fact.uses) if fact.kind == "tool" else None
        if known is None and fact.kind != "search":
            continue
        tags = known.tags if known else frozenset({"evidence"})
        yield ToolOutcome(
            name=fact.uses or "search",
            path=fact.path,
            tags=tags,
            success=fact.status == "succeeded",
            empty=fact.empty,
            error=fact.error,
        )
