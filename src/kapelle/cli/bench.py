"""`kapelle bench planner | scenarios`: how good the planner and the incident decisions are, as numbers."""

import sys
from importlib.resources import files
from pathlib import Path

from cyclopts import App
from rich.table import Table

from kapelle.cli.session import Common, opened, out, print_json, run_async, safe, settings_of
from kapelle.errors import BadInput
from kapelle.handles import candidate_of
from kapelle.incident.bench import Report, ScenarioResult, load_scenarios, score_scenario
from kapelle.orchestrator import Orchestrator
from kapelle.plan.evaluate import evaluate, evaluation_set
from kapelle.plan.model import Plan
from kapelle.task.model import Task

app = App(name="bench", help="Score the planner and the incident scenarios.")


@app.command
def planner(*, min: float = 0.9, common: Common = Common()) -> int:
    """Plan the committed evaluation set: shapes of queries and the plans they must get; exit 1 below the minimum.

    Args:
        min: The share that must pass.
    """
    _share(min)
    return run_async(_planner(min, common))


async def _planner(least: float, common: Common) -> int:
    settings = settings_of(common)
    bare = Orchestrator(settings=settings, engine="inline")
    shelf = Orchestrator(settings=settings, engine="inline", corpora={"handbook": Path()})

    async def planning(task: Task, corpus: bool) -> Plan:
        return await (shelf if corpus else bare).plan(task)

    # The first plan of a process also imports; it is not the planner's time.
    await planning(Task(prompt="warm up"), False)
    report = await evaluate(evaluation_set(), planning)
    if common.json:
        print_json(report.model_dump(mode="json"))
        return 0 if report.pass_rate >= least else 1
    table = Table(box=None, pad_edge=False)
    for name in ("shape", "passed"):
        table.add_column(name, header_style="dim")
    for shape, passed in report.by_shape.items():
        table.add_row(shape, passed)
    out().print(table)
    for pair in report.pairs:
        if not pair.passed:
            out().print(f"  ✗ {pair.id}: {safe('; '.join(pair.reasons))}", style="red")
    out().print(
        f"{report.passed}/{report.total} passed ({report.pass_rate:.0%}), {report.valid} valid, "
        f"median {report.median_ms:.2f} ms, worst {report.worst_ms:.2f} ms a plan"
    )
    return 0 if report.pass_rate >= least else 1


@app.command
def scenarios(*, file: Path | None = None, min: float = 0.9, only: str | None = None, common: Common = Common()) -> int:
    """Run incident scenarios through the whole product and score the answers; exit 1 below the minimum.

    Args:
        file: Scenarios as YAML; else `scenarios.yaml` of the company folder, or the ones that come with Kapelle.
        min: The share that must pass.
        only: Only scenarios of this kind, or the one of this id.
    """
    _share(min)
    return run_async(_scenarios(file, min, only, common))


async def _scenarios(file: Path | None, least: float, only: str | None, common: Common) -> int:
    if file is None and common.company is not None and (common.company / "scenarios.yaml").is_file():
        file = common.company / "scenarios.yaml"
    known = load_scenarios(file or Path(str(files("kapelle.incident") / "scenarios.yaml")))
    chosen = [one for one in known if only is None or only in (one.id, one.kind)]
    if not chosen:
        raise BadInput(f"`--only {only}`: no scenario has this kind or id")
    results: list[ScenarioResult] = []
    async with opened(common, notice=False) as house:
        names = house.parts.sources
        for number, scenario in enumerate(chosen, 1):
            run = await house.start({"prompt": scenario.prompt, "context": scenario.context})
            candidate = candidate_of(await run.wait())
            sources = [one.source for one in candidate.citations]
            result = score_scenario(scenario, candidate.text, sources, names=names)
            if candidate.verdict is None or any("verbatim" in reason for reason in candidate.verdict.reasons):
                result = result.model_copy(
                    update={"passed": False, "reasons": (*result.reasons, "a quote is not exact")}
                )
            results.append(result)
            if not common.json or sys.stderr.isatty():
                mark = "✓" if result.passed else "✗"
                print(f"{mark} {number:>3}/{len(chosen)} {scenario.id}", file=sys.stderr, flush=True)
    report = Report(scenarios=tuple(results))
    if common.json:
        print_json(report.model_dump(mode="json"))
        return 0 if report.pass_rate >= least else 1
    for one in report.scenarios:
        if not one.passed:
            out().print(f"✗ {one.id} ({one.kind}): {safe('; '.join(one.reasons))}", style="red")
    for kind, share in report.by_kind.items():
        out().print(f"{kind}: {share.passed}/{share.total}")
    out().print(f"{report.passed}/{report.total} passed ({report.pass_rate:.0%})")
    return 0 if report.pass_rate >= least else 1


def _share(least: float) -> None:
    if not 0 <= least <= 1:
        raise BadInput(f"`--min`: expected a share from 0 to 1, not {least:g}")
