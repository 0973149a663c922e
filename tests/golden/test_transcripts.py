"""Whole runs as their events tell them; a change of a golden file is a change to review.

Refresh: `KAPELLE_REFRESH_GOLDEN=1 .venv/bin/python -m pytest -n 0 tests/golden`.
"""

from pathlib import Path

from tests.golden.normal import golden, told

from kapelle.handles import Approval
from kapelle.orchestrator import Orchestrator
from kapelle.plan.builder import Steps, fallback
from kapelle.plan.model import Plan
from kapelle.settings import load_settings
from kapelle.tools.decorator import tool
from kapelle.tools.model import Retry


@tool
async def look(text: str) -> dict[str, str]:
    """Look at a text."""
    return {"seen": text}


@tool(effect="write")
async def put(text: str) -> dict[str, str]:
    """Change something."""
    return {"id": f"T-{text}"}


@tool(retry=Retry(max_retries=0))
async def down(text: str) -> dict[str, str]:
    """Be down."""
    raise ConnectionError("nobody answers")


async def story(plan: Plan, **task: object) -> list[str]:
    async def agree(one: Approval) -> None:
        await one.approve(by="bo", reason="fine")

    # One step at a time: what runs at once may end in any order.
    settings = load_settings(run={"width": 1})
    async with Orchestrator(tools=[look, put, down], packs=[], engine="inline", settings=settings) as house:
        run = await house.start("Tidy up.", plan=plan, **task)
        await run.result(approver=agree)
        return told([event async for event in run.events()])


async def test_a_write_that_a_person_approves() -> None:
    s = Steps()
    seen = s.tool(look, text=s.task["prompt"], title="Look around")
    s.tool(put, text=seen["seen"])
    lines = await story(s.draft())
    assert lines == golden("approved_write", lines)


async def test_a_failure_that_a_fallback_makes_good() -> None:
    s = Steps()
    spare = s.tool(look, text="spare", id="spare")
    s.tool(down, text="first", id="first", on_error=fallback(spare))
    s.tool(look, inputs={"text": {"$ref": "first", "path": "/seen"}}, id="end")
    lines = await story(s.draft())
    assert lines == golden("fallback", lines)


async def test_items_of_which_one_fails() -> None:
    s = Steps()
    s.map(["a", "b"], lambda item, body: body.tool(look, text=item, id="see"), join="any", id="each")
    s.tool(down, text="x", id="lost", on_error="skip")
    s.tool(look, text="end", id="end", after=["each", "lost"])
    lines = await story(s.draft())
    assert lines == golden("items", lines)


async def test_a_question_answered_from_documents(tmp_path: Path) -> None:
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "finance.md").write_text("# Finance\n\nWe keep invoices for ten years.\n")
    async with Orchestrator(corpora={"handbook": folder}, packs=[], engine="inline", settings=load_settings()) as house:
        run = await house.start("How long do we keep invoices?")
        await run.result()
        lines = told([event async for event in run.events()])
    assert lines == golden("answered_question", lines)
