"""`kapelle plan`: make a plan without running it; validate, optimize or draw a plan file."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console

from kapelle.cli.session import Common, err, opened, out, print_json, run_async, safe
from kapelle.cli.solve import folders, read_plan
from kapelle.errors import BadInput
from kapelle.plan.draw import draw_mermaid, draw_svg, draw_text
from kapelle.plan.estimate import longest_chain
from kapelle.plan.model import Plan, plan_json
from kapelle.plan.optimize import optimize as optimize_plan
from kapelle.plan.validate import validate as problems_of
from kapelle.task.intake import read_task

app = App(name="plan", help="Plan a task without running it; validate, optimize or draw a plan file.")
Corpora = Annotated[list[Path], Parameter(name=["--corpus", "-c"], negative=())]


@app.default
def plan(
    *prompt: str,
    corpus: Corpora = [],  # noqa: B006  # cyclopts copies it
    strategy: str | None = None,
    common: Common = Common(),
) -> int:
    """Plan a task: its steps, what it may cost, who is asked. Nothing is performed.

    Args:
        prompt: What you want to know or have done.
        corpus: A folder of documents to answer from.
        strategy: The strategy to plan with; else the rules choose.
    """
    words = " ".join(prompt)
    if not words:
        raise BadInput('say what to plan: kapelle plan "How long do we keep invoices?" --corpus ./handbook')
    return run_async(_plan(words, folders(corpus), strategy, common))


async def _plan(words: str, corpora: dict[str, Path], strategy: str | None, common: Common) -> int:
    async with opened(common, corpora=corpora) as house:
        made = await house.plan(read_task(words), strategy=strategy)
    if common.json:
        print_json(plan_json(made))
    else:
        _print_plan(out(), made)
    return 0


def _print_plan(console: Console, made: Plan) -> None:
    console.print(safe(draw_text(made)))
    cost = made.estimate
    if cost is None:
        return
    usd = "unknown" if cost.usd is None else cost.usd
    asked = f", asks a person {cost.approvals} time(s)" if cost.approvals else ""
    console.print(
        f"\nat most {cost.calls} steps, {cost.critical_path} after each other, {cost.seconds:g} s if every call took "
        f"its limit; usd {usd}, {cost.requests} model requests{asked}",
        style="dim",
    )


@app.command
def validate(file: Path, /, *, corpus: Corpora = [], common: Common = Common()) -> int:  # noqa: B006
    """Tell everything that is wrong with a plan file; exit 2 when something is.

    Args:
        file: A plan as JSON or YAML.
        corpus: A folder of documents that the plan may search.
    """
    return run_async(_validate(file, folders(corpus), common))


async def _validate(file: Path, corpora: dict[str, Path], common: Common) -> int:
    made = read_plan(file)
    async with opened(common, corpora=corpora) as house:
        problems = problems_of(made, house.catalog)
    if common.json:
        print_json({"valid": not problems, "problems": [one.model_dump(mode="json") for one in problems]})
    elif problems:
        for one in problems:
            out().print(f"{one.code}: {safe(str(one))}")
    else:
        out().print(f"valid: {len(made.steps)} steps")
    return 2 if problems else 0


@app.command
def optimize(file: Path, /, *, common: Common = Common()) -> int:
    """Print a plan without its needless sequencing: the same data flow, never a longer critical path.

    Args:
        file: A plan as JSON or YAML.
    """
    return run_async(_optimize(file, common))


async def _optimize(file: Path, common: Common) -> int:
    made = read_plan(file)
    async with opened(common) as house:
        better = optimize_plan(house.check_draft(made), house.catalog)
    if common.json:
        print_json(plan_json(better))
        return 0
    before, after = (int(longest_chain(one.steps, lambda _: 1)) for one in (made, better))
    print(json.dumps(plan_json(better), indent=2, ensure_ascii=False))
    err().print(f"critical path: {before} -> {after} steps", style="dim")
    return 0


@app.command
def draw(file: Path, /, *, form: Literal["text", "mermaid", "svg"] = "text", common: Common = Common()) -> int:
    """Draw a plan file.

    Args:
        file: A plan as JSON or YAML.
        form: text, mermaid or svg.
    """
    made = read_plan(file)
    drawn = {"text": draw_text, "mermaid": draw_mermaid, "svg": draw_svg}[form](made)
    if common.json:
        print_json({"form": form, "drawing": drawn})
    else:
        print(drawn.rstrip("\n"))
    return 0
