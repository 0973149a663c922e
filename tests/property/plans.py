"""Random plans that validate, with what their steps will come to."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from tests.builders import Ledger, again, each, ref, step, when

from kapelle import clock
from kapelle.plan.catalog import make_catalog
from kapelle.plan.model import ApprovalStep, Fallback, Plan, Step
from kapelle.plan.validate import validate
from kapelle.tools.decorator import tool
from kapelle.tools.model import Suspend, Tool, ToolContext

FATES = ("ok", "ok", "ok", "ok", "fails", "waits", "list")


@dataclass
class Fates:
    """What each tool step comes to, by its id, and what was performed."""

    by_id: dict[str, str] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)
    """Paths whose tool came to an end, in order; a path that waited is in it once."""

    @property
    def tool(self) -> Tool:
        """Does to a step what its fate is."""

        @tool(name="fated")
        async def fated(name: str, context: ToolContext, given: Any = None) -> Any | Suspend:
            """Meet a fate."""
            fate = self.by_id.get(name, "ok")
            # A wait is over when the clock is moved, as it is for every later walk.
            if fate == "waits" and clock._offset < timedelta(hours=1):
                return Suspend("date", clock.to_iso(clock.now() + timedelta(minutes=30)))
            self.finished.append(context.path)
            if fate == "fails":
                raise ValueError(f"{name} fails")
            return [1, 2] if fate == "list" else name

        return fated


CATALOG = make_catalog([*Ledger().tools, Fates().tool], [], [])


@st.composite
def bodies(draw: st.DrawFn, prefix: str, depth: int) -> tuple[tuple[Step, ...], dict[str, str]]:
    """The steps of one body, each needing some before it, and their fates."""
    steps: list[Step] = []
    fates: dict[str, str] = {}
    for number in range(draw(st.integers(1, 6 if depth == 0 else 3))):
        name = f"{prefix}{number}"
        before = [one.id for one in steps]
        some = st.lists(st.sampled_from(before), unique=True, max_size=2) if before else st.just([])
        policy: dict[str, Any] = {
            "on_error": draw(st.sampled_from(["fail", "fail", "skip"])),
            "join": draw(st.sampled_from(["all", "all", "any"])),
            "after": draw(some),
        }
        condition = draw(some)
        if condition:
            policy["when"] = when(condition[0], "", draw(st.sampled_from(["exists", "truthy", "eq"])))
        kind = draw(st.sampled_from(["tool", "tool", "tool", "map", "repeat", "approval"] if depth < 2 else ["tool"]))
        needs = draw(some)
        if kind in ("map", "repeat"):
            body, inner = draw(bodies(f"{name}_", depth + 1))
            fates |= inner
            if kind == "map":
                over = (
                    ref(needs[0])
                    if needs and fates.get(needs[0]) == "list"
                    else draw(st.sampled_from([[], [1], [1, 2]]))
                )
                steps.append(each(name, over, *body, width=draw(st.integers(1, 3)), **policy))
            else:
                steps.append(again(name, draw(st.integers(1, 3)), *body, until=when("last", "", "eq", "x"), **policy))
        elif kind == "approval":
            steps.append(ApprovalStep.model_validate({"id": name, "action": "Go?", **policy}))
        else:
            fates[name] = draw(st.sampled_from(FATES))
            exclusive = draw(st.integers(0, 9)) == 0
            steps.append(step(name, *needs, uses="fated", exclusive=exclusive, **policy))
    if depth == 0 and draw(st.booleans()):
        steps[-1] = steps[-1].model_copy(update={"on_error": Fallback(fallback=f"{prefix}spare")})
        if steps[-1].id in fates:
            fates[steps[-1].id] = "fails"
        fates[f"{prefix}spare"] = draw(st.sampled_from(FATES))
        primary, asks = steps[-1].id, draw(st.booleans())
        if asks:
            steps.append(ApprovalStep(id=f"{prefix}ask", action="Go?"))
        steps.append(step(f"{prefix}spare", uses="fated", after=[f"{prefix}ask"] if asks else []))
        steps.append(step(f"{prefix}end", primary, uses="fated", join="any"))
    return tuple(steps), fates


@st.composite
def plans(draw: st.DrawFn) -> tuple[Plan, dict[str, str]]:
    """A plan that validates, and the fates of its tool steps."""
    steps, fates = draw(bodies("s", 0))
    plan = Plan(steps=steps, output=draw(st.sampled_from([one.id for one in steps])))
    assert validate(plan, CATALOG) == [], [str(one) for one in validate(plan, CATALOG)]
    return plan, fates
