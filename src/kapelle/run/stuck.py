"""Whether a run can go on with the code as it is: what is still to be done is held against the catalog (pure)."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from kapelle.ids import join_path
from kapelle.plan.arguments import argument_problems
from kapelle.plan.catalog import Catalog
from kapelle.plan.model import AgentStep, Step, ToolStep, UnknownStep, children
from kapelle.run.model import RunRecord, StepResult, Stuck

_ITEM = re.compile(r"/\d+/")


def stuck_reason(record: RunRecord, results: Mapping[str, StepResult], catalog: Catalog) -> str | None:
    """Why a run must not be walked on by this code, or None when it may be.

    A tool that is gone, an argument that became required, a step of an unknown kind: walked on, the run would end in
    failure although nothing is wrong with it. What has a final result counts by what would take it back alone, and so
    does everything of a run that is to be cancelled. An ended run is never stuck.
    """
    if record.ended_already:
        return None
    if record.unreadable:
        return record.unreadable
    if record.plan is None:
        return "it has no plan"
    steps = record.plan.steps
    done = {_ITEM.sub("/", path) for path, one in results.items() if one.status == "succeeded"}
    found = list(_undo_problems(steps, "", done, catalog))
    if not record.cancel_requested:
        found += [one for step in steps for one in _problems(step, "", results, catalog) if one not in found]
    if not found:
        return None
    return "; ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def held_back(record: RunRecord, results: Mapping[str, StepResult], catalog: Catalog) -> Stuck | None:
    """The same with the hash of the catalog. A run that was held back is looked at again once the hash is another."""
    known = None if record.ended_already or record.cancel_requested else record.stuck
    if known is not None and known.registry == catalog.hash:
        return known
    reason = stuck_reason(record, results, catalog)
    return None if reason is None else Stuck(reason=reason, registry=catalog.hash)


def _problems(step: Step, prefix: str, results: Mapping[str, StepResult], catalog: Catalog) -> Iterator[str]:
    """What is wrong with a step that is still to be done; items and rounds of a body are told once."""
    path = join_path(prefix, step.id)
    known = results.get(path)
    if known is not None and known.final:
        return
    if isinstance(step, UnknownStep):
        yield f"step `{path}` is of kind `{step.of}`, which this version does not know"
    elif isinstance(step, ToolStep | AgentStep):
        yield from _call_problems(step, path, catalog)
    for inner in children(step):
        # Within a body nothing is known to be done for good: there may be more items or rounds.
        yield from _problems(inner, path, {}, catalog)


def _undo_problems(steps: Iterable[Step], prefix: str, done: Collection[str], catalog: Catalog) -> Iterator[str]:
    """What has been done and could not be taken back.

    Args:
        done: the places of finished steps, whatever item or round they were performed in.
    """
    for step in steps:
        path = join_path(prefix, step.id)
        if path in done and isinstance(step, ToolStep):
            yield from _undo_problem(step, path, catalog)
        yield from _undo_problems(children(step), path, done, catalog)


def _undo_problem(step: ToolStep, path: str, catalog: Catalog) -> Iterator[str]:
    if step.undo is not None and step.undo.tool not in catalog.tools:
        yield f"step `{path}` is taken back by the tool `{step.undo.tool}`, which is not registered"


def _call_problems(step: ToolStep | AgentStep, path: str, catalog: Catalog) -> Iterator[str]:
    name = step.tool if isinstance(step, ToolStep) else step.agent
    called = catalog.tools.get(name) if isinstance(step, ToolStep) else catalog.agents.get(name)
    if called is None:
        yield f"step `{path}` calls the {step.kind} `{name}`, which is not registered"
        return
    if isinstance(step, ToolStep):
        yield from _undo_problem(step, path, catalog)
    # What a reference will give is checked when it is there: only names and literals are known now.
    for problem in argument_problems(called, step.inputs, {}, path, "inputs"):
        yield str(problem)
