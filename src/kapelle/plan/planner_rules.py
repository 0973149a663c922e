"""Plan by rules: a named strategy; a pack's whose features match; `compare`; `answer` over a corpus; else `extract`."""

from collections.abc import Sequence

from kapelle.errors import PlanError
from kapelle.plan.complete import free_id
from kapelle.plan.model import AnswerStep, ApprovalStep, Plan, VerdictStep, walk_steps
from kapelle.plan.strategies import ANSWER, BUILT_IN, COMPARE, EXTRACT, Draft, Known, Strategy
from kapelle.task.features import features_of
from kapelle.task.model import Task


class RulePlanner:
    """The same task always gets the same plan; no model, no I/O."""

    def __init__(self, strategies: Sequence[Strategy], known: Known) -> None:
        self._named = {one.name: one for one in (*BUILT_IN, *strategies)}
        self._own = tuple(strategies)
        self._known = known

    async def draft(self, task: Task) -> Draft:
        """A draft plan of a task.

        Raises:
            PlanError: the named strategy is not known, or needs what is not given.
        """
        arguments = task.strategy.arguments if task.strategy else {}
        chosen = self.choose(task)
        draft = chosen.draft(task, self._known, arguments)
        plan = draft.plan.model_copy(update={"planner": "rules"})
        if features_of(task).asks_person:
            plan = with_approval(plan)
        return Draft(plan, draft.agents)

    def choose(self, task: Task) -> Strategy:
        """The strategy the rules choose for a task.

        Raises:
            PlanError: the named one is not known, or needs a corpus and none is given.
        """
        if task.strategy is not None:
            found = self._named.get(task.strategy.name)
            if found is None:
                known = ", ".join(sorted(self._named))
                raise PlanError(f"there is no strategy `{task.strategy.name}`; known: {known}")
            if found in (ANSWER, COMPARE) and not self._known.corpora:
                raise PlanError(f"strategy `{found.name}` searches documents: name a folder with `--corpus DIR`")
            return found
        features = features_of(task)
        for one in self._own:
            if self._known.corpora and not one.over_corpora:
                continue
            if one.matches is not None and one.matches(features, task):
                return one
        if self._known.corpora:
            return COMPARE if COMPARE.matches is not None and COMPARE.matches(features, task) else ANSWER
        return EXTRACT


def with_approval(plan: Plan) -> Plan:
    """Put a person between the answer and its verdict; a plan that ends otherwise, or asks already, stays as it is."""
    last = next((step for step in plan.steps if step.id == plan.output), None)
    if any(isinstance(step, ApprovalStep) for step in plan.steps):
        return plan
    taken = {step.id for step in walk_steps(plan.steps)}
    if isinstance(last, AnswerStep):
        verdict = VerdictStep(id=free_id("verdict", taken), inputs={"candidate": {"$ref": last.id}})
        plan = plan.model_copy(update={"steps": (*plan.steps, verdict), "output": verdict.id})
        last = verdict
    if not isinstance(last, VerdictStep):
        return plan
    approval = ApprovalStep(
        id=free_id("approval", taken),
        title="Approve the answer",
        action="Use this answer",
        why="the task asks for a person's approval",
        inputs={"evidence": last.inputs["candidate"]},
    )
    judged = last.model_copy(update={"after": (*last.after, approval.id)})
    steps = tuple(one for step in plan.steps for one in ((approval, judged) if step is last else (step,)))
    return plan.model_copy(update={"steps": steps})
