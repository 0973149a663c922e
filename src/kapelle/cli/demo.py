"""`kapelle demo`: a real incident task, from the question to a decision with citations, on this machine alone."""

import sys

from pydantic import JsonValue

from kapelle.cli.report import exit_code, print_answer, run_json
from kapelle.cli.session import Common, opened, out, print_json, run_async, safe
from kapelle.cli.solve import show_progress
from kapelle.plan.draw import draw_text

PROMPT = (
    "A P1 alert fired for saas-api. Check metrics and logs for 2026-02-14T10:00:00Z to 2026-02-14T10:30:00Z, "
    "find related OPS incidents, and recommend escalation timing with citations from policy_v2 and oncall_rota."
)
CONTEXT: dict[str, JsonValue] = {
    "service": "saas-api",
    "project_key": "OPS",
    "severity": "P1",
    "start_time": "2026-02-14T10:00:00Z",
    "end_time": "2026-02-14T10:30:00Z",
}
NEXT = """
  next:
    kapelle show {run}                      its plan, steps and quotes
    kapelle solve "May I deploy saas-api on Saturday at 03:00 UTC?"
    kapelle solve "How long do we keep invoices?" --corpus ./your-documents
    kapelle init                            tools and strategies of your own
"""


def demo(*, common: Common = Common()) -> int:
    """Watch a real incident task become a plan, run over real HTTP systems, and end in a cited decision."""
    return run_async(_demo(common))


async def _demo(common: Common) -> int:
    async with opened(common, notice=False) as house:
        run = await house.start({"prompt": PROMPT, "context": CONTEXT})
        before = await run.status()
        plan = before.plan
        if plan is not None and not common.json:
            out().print(f"\n  {safe(PROMPT)}\n", style="bold")
            out().print("\n".join("  " + line for line in draw_text(plan).splitlines()) + "\n")
        record = await show_progress(house, run, quiet=common.json and not sys.stderr.isatty())
        steps = await run.steps()
    if common.json:
        print_json(run_json(record, steps))
        return exit_code(record)
    print_answer(out(), record)
    out().print(NEXT.format(run=record.id))
    return exit_code(record)
