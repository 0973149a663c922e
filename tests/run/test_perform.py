"""One step, done by the capability of its kind."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import JsonValue
from tests.builders import OWNER, circumstances

from kapelle import clock
from kapelle.errors import ToolFailed, ToolInputError
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Document
from kapelle.plan.catalog import make_catalog
from kapelle.plan.graph import graph_of
from kapelle.plan.model import AgentStep, ApprovalStep, SearchStep, Step, ToolStep
from kapelle.resilience.guarded import GaveUp
from kapelle.run.frontier import Start
from kapelle.run.model import NewEvent
from kapelle.run.outcome import Outcome
from kapelle.run.perform import Capabilities, StepPerformer
from kapelle.run.scope import Scope
from kapelle.task.model import Task
from kapelle.tools.call import Limits
from kapelle.tools.decorator import tool
from kapelle.tools.model import Retry, Suspend, ToolContext

TASK = Task(prompt="p", owner=OWNER)


class Performed:
    """One step performed on its own."""

    def __init__(self, *tools: Any, agents: tuple[Any, ...] = (), **limits: Any) -> None:
        self.index = memory_index()
        self.told: list[NewEvent] = []
        catalog = make_catalog(tools, agents, ["handbook"])
        chosen = Limits(**{"timeout": 1.0, "max_retries": 0, "backoff": 0.0, **limits})
        self._perform = StepPerformer(Capabilities(catalog, self.index, chosen))

    async def __call__(
        self,
        step: Step,
        inputs: Mapping[str, JsonValue] | None = None,
        *,
        decided: JsonValue = None,
        execution: int = 1,
    ) -> Outcome:
        scope = Scope("", graph_of((step,)), step.id)
        texts: dict[tuple[str, str], Document] = {}
        about = circumstances(
            TASK, inputs=dict(inputs or {}), execution=execution, texts=texts, decided=decided, tell=self.told.append
        )
        return await self._perform(Start(step.id, step, scope), dict(inputs or {}), about)


async def test_a_tool_step_gives_what_its_tool_gives() -> None:
    @tool
    async def double(n: int) -> int:
        """Double a number."""
        return n * 2

    outcome = await Performed(double)(ToolStep(id="a", tool="double"), {"n": 4})
    assert (outcome.output, outcome.attempts) == (8, 1)


async def test_an_agent_step_calls_an_agent_and_no_tool() -> None:
    @tool
    async def think(topic: str) -> str:
        """Think."""
        return topic.upper()

    performed = Performed(agents=(think,))
    assert (await performed(AgentStep(id="a", agent="think"), {"topic": "x"})).output == "X"
    with pytest.raises(ToolInputError, match="--app module:name"):
        await performed(ToolStep(id="a", tool="think"), {"topic": "x"})


async def test_the_idempotency_key_is_the_same_for_every_try_of_the_same_arguments_only() -> None:
    keys: list[str] = []

    @tool(retry=Retry(max_retries=1, backoff=0))
    async def put(n: int, context: ToolContext) -> int:
        """Put."""
        keys.append(context.idempotency_key)
        if len(keys) == 1:
            raise ConnectionError
        return n

    performed = Performed(put)
    await performed(ToolStep(id="a", tool="put"), {"n": 1})
    await performed(ToolStep(id="a", tool="put"), {"n": 1}, execution=2)
    await performed(ToolStep(id="a", tool="put"), {"n": 2})
    await performed(ToolStep(id="b", tool="put"), {"n": 1})
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys)) == 3
    assert keys[0].startswith("run_1:a:0:")


@pytest.mark.parametrize(
    ("step", "of_tool", "setting", "expected"),
    [(0.05, 5.0, 5.0, 0.05), (None, 0.05, 5.0, 0.05), (None, None, 0.05, 0.05)],
)
async def test_the_steps_limit_counts_before_the_tools_before_the_setting(
    step: float | None, of_tool: float | None, setting: float, expected: float
) -> None:
    @tool(timeout=of_tool)
    async def late(context: ToolContext) -> float:
        """Tell how long there is."""
        assert context.deadline is not None
        return (context.deadline - clock.now()).total_seconds()

    outcome = await Performed(late, timeout=setting)(ToolStep(id="a", tool="late", timeout=step))
    assert isinstance(outcome.output, float)
    assert outcome.output == pytest.approx(expected, abs=0.04)


async def test_what_a_tool_kept_comes_with_its_outcome_and_is_told() -> None:
    @tool
    async def reads(context: ToolContext) -> list[str]:
        """Read."""
        return [context.keep("a.md", "text"), context.keep("", "own"), context.keep("a.md", "text", title="again")]

    outcome = await Performed(reads)(ToolStep(id="a", tool="reads"))
    assert [(one.source, one.text) for one in outcome.texts] == [("a.md", "text"), ("run:a", "own")]
    assert isinstance(outcome.output, list)
    assert outcome.output[0] == outcome.texts[0].sha256 == outcome.output[2]
    (note,) = outcome.notes
    assert note.kind == "evidence"


async def test_a_tool_that_waits_says_for_what() -> None:
    @tool
    async def waits(on: str, ref: str) -> str | Suspend:
        """Wait."""
        return Suspend(on, ref)  # type: ignore[arg-type]

    performed = Performed(waits)
    outcome = await performed(ToolStep(id="a", tool="waits"), {"on": "date", "ref": "2030-01-01"})
    assert outcome.waits_for == "date:2030-01-01"
    with pytest.raises(ToolFailed, match="no ISO 8601 date"):
        await performed(ToolStep(id="a", tool="waits"), {"on": "date", "ref": "soon"})


async def test_a_failure_of_the_call_comes_with_its_tries() -> None:
    @tool
    async def down() -> str:
        """Be down."""
        raise ConnectionError("gone")

    performed = Performed(down, max_retries=2)
    with pytest.raises(GaveUp) as raised:
        await performed(ToolStep(id="a", tool="down"))
    assert raised.value.attempts == 3
    assert [one.data["attempt"] for one in performed.told] == [1, 2]


async def test_a_search_gives_hits_and_the_texts_they_stand_in() -> None:
    performed = Performed()
    document = document_of("finance.md", "# Finance\n\nInvoices are kept for ten years.\n")
    performed.index.put("handbook", [document], owner=OWNER)
    outcome = await performed(SearchStep(id="s", corpora=("handbook",)), {"query": "invoices kept", "k": 3})
    assert isinstance(outcome.output, dict)
    assert len(outcome.output["hits"]) == 1  # type: ignore[arg-type]
    assert [one.sha256 for one in outcome.texts] == [document.sha256]


@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": "3"}, {"filters": ["a"]}])
async def test_a_search_with_wrong_inputs_is_told_which(wrong: dict[str, JsonValue]) -> None:
    with pytest.raises(ToolInputError, match=f"`{next(iter(wrong))}`"):
        await Performed()(SearchStep(id="s", corpora=("handbook",)), {"query": "q", **wrong})


ASK = ApprovalStep(id="ok", action="Go?", guards="double", why="because", expires_in=60)


async def test_an_approval_asks_with_everything_a_person_needs() -> None:
    outcome = await Performed()(ASK, {"arguments": {"n": 1}, "evidence": ["e"], "suggestion": "yes"})
    (request,) = outcome.approvals
    assert outcome.waits_for == f"approval:{request.id}"
    assert (request.arguments, request.evidence, request.suggestion, request.tool) == ({"n": 1}, ["e"], "yes", "double")
    assert (request.expires_at - request.created).total_seconds() == 60
    assert [one.kind for one in outcome.notes] == ["approval.requested"]


async def test_edited_arguments_are_checked_once_more_when_they_are_used() -> None:
    @tool
    async def double(n: int) -> int:
        """Double a number."""
        return n * 2

    performed = Performed(double)
    good = await performed(ASK, decided={"decision": "approved", "arguments": {"n": 2}})
    assert good.error is None
    with pytest.raises(ToolInputError):
        await performed(ASK, decided={"decision": "approved", "arguments": {"n": "2"}})


async def test_a_rejection_is_the_steps_failure_and_keeps_the_decision() -> None:
    outcome = await Performed()(ASK, decided={"decision": "rejected", "by": "bo", "reason": None})
    assert outcome.error is not None
    assert (outcome.error.cls, outcome.error.message) == ("Rejected", "rejected by bo")
    assert outcome.output == {"decision": "rejected", "by": "bo", "reason": None}
