"""What is done to the field, one scenario each; all end with the same judgement."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import app
from tests.chaos.field import Field, approve_all, ended, stories
from tests.chaos.judge import Findings, Story, judge
from tests.chaos.outside import Outside

from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import Plan

PATHS = ("a", "b", "c", "d", "m/0/each", "m/1/each", "m/2/each", "w", "z")
"""The steps of a run that call outside."""
COMMITS = 24
"""More commits than an undisturbed run makes: later ones are asked for and never come."""


@dataclass
class Size:
    """How much is done."""

    runs: int = 50
    workers: int = 3
    kills: int = 20
    stops: int = 5
    patience: float = 240.0


QUICK = Size(runs=8, workers=2, kills=4, stops=1, patience=90.0)


async def calm_story(field: Field, house: Orchestrator, plan: Plan) -> Story:
    """One run that nobody disturbs."""
    field.keep(1)
    run = await app.begin(house, "calm", plan)
    if not await ended(house, [run.id], seconds=60):
        raise SystemExit(f"the undisturbed run does not end; see {field.folder / 'workers.log'}")
    (story,) = await stories(house, [run.id])
    return story


async def through(
    field: Field,
    prompts: list[str],
    size: Size,
    disturb: Callable[[Field, Orchestrator, list[str]], Awaitable[None]],
    *,
    concurrency: int = 16,
    plan: Plan | None = None,
) -> Findings:
    """Start runs, disturb the field while they go, let it calm down, and judge."""
    field.concurrency = concurrency
    async with field.house() as house:
        person = asyncio.create_task(approve_all(house))
        try:
            chosen = plan or app.plan_of_ten()
            calm = await calm_story(field, house, chosen)
            field.keep(size.workers)
            runs = [
                (await app.begin(house, prompt, chosen, key=f"{prompt} {n}")).id for n, prompt in enumerate(prompts)
            ]
            disturbing = asyncio.create_task(disturb(field, house, runs))
            keeper = asyncio.create_task(_keep(field, size.workers))
            await disturbing
            over = await ended(house, runs, seconds=size.patience)
            keeper.cancel()
            found = judge(await stories(house, runs), calm, field.outside, field.diary)
            if not over:
                found.problems.append("not every run ended in time")
            return found
        finally:
            person.cancel()
            field.end()


async def _keep(field: Field, count: int) -> None:
    while True:
        field.keep(count)
        await asyncio.sleep(0.05)


def random_kills(size: Size) -> Callable[[Field, Orchestrator, list[str]], Awaitable[None]]:
    """Kills with -9 and stops at random points."""

    async def disturb(field: Field, house: Orchestrator, runs: list[str]) -> None:
        stops = [asyncio.create_task(_stop_later(field, n)) for n in range(size.stops)]
        for _ in range(size.kills):
            await asyncio.sleep(field.dice.uniform(0.3, 2.0))
            field.kill_one()
        await asyncio.gather(*stops)

    return disturb


async def _stop_later(field: Field, n: int) -> None:
    await asyncio.sleep(1 + n * 5 * field.dice.uniform(0.7, 1.3))
    # Longer than a lease: the others take over, and what goes on again is a former owner.
    await field.stop_one(field.dice.uniform(5.5, 8.0))


async def nothing(field: Field, house: Orchestrator, runs: list[str]) -> None:
    """The runs themselves bring the kills."""


async def random_scenario(folder: Path, url: str, size: Size, seed: int) -> Findings:
    """Many runs, workers killed and stopped at random."""
    outside = Outside(seed)
    field = Field(folder, url, outside, seed=seed)
    return await through(field, ["storm"] * size.runs, size, random_kills(size))


async def spread_scenario(folder: Path, url: str, size: Size, seed: int) -> Findings:
    """Maps whose items are spread over workers that are killed and stopped."""
    outside = Outside(seed)
    outside.slowness = (0.1, 0.4)
    field = Field(folder, url, outside, seed=seed)
    runs = ["spread"] * max(2, size.runs // 10)
    return await through(field, runs, size, random_kills(size), plan=app.plan_of_items())


async def commit_scenario(folder: Path, url: str, size: Size, seed: int) -> Findings:
    """A kill right after every commit: the n-th run kills its walker at its n-th commit."""
    outside = Outside(seed)
    outside.slowness = (0.0, 0.01)
    field = Field(folder, url, outside, seed=seed)
    step = 1 if size.kills >= 20 else 4
    prompts = [f"commit {number}" for number in range(1, COMMITS, step)]
    found = await through(field, prompts, size, nothing)
    field.kills = len(list((folder / "killed").glob("*.killed")))
    # A disturbed run may end with fewer commits than an undisturbed one: what ends together is recorded together.
    if field.kills < (8 if step == 1 else 2):
        found.problems.append(f"only {field.kills} of {len(prompts)} kills took place")
    return found


async def effect_scenario(folder: Path, url: str, size: Size, seed: int) -> Findings:
    """A kill right after every effect outside, before its commit."""
    outside = Outside(seed)
    outside.slowness = (0.0, 0.01)
    field = Field(folder, url, outside, seed=seed)
    paths = PATHS if size.kills >= 20 else PATHS[::4]
    outside.deadly = {(f"effect {path}", path) for path in paths}
    found = await through(field, [f"effect {path}" for path in paths], size, nothing)
    field.kills = outside.killed
    if outside.killed < len(paths):
        found.problems.append(f"only {outside.killed} of {len(paths)} kills took place")
    return found


def timed(seconds: float) -> str:
    """Seconds as a person reads them."""
    return f"{seconds:.0f} s"


async def run_one(
    name: str,
    scenario: Callable[[Path, str, Size, int], Awaitable[Findings]],
    folder: Path,
    url: str,
    size: Size,
    seed: int,
) -> tuple[Findings, str]:
    """One scenario and its summary line."""
    began = time.monotonic()
    found = await scenario(folder, url, size, seed)
    line = (
        f"{name}: runs {found.runs} lost {found.lost} rerun {found.rerun} zombie rows {found.zombies} "
        f"duplicates {found.duplicates} ({timed(time.monotonic() - began)}) {'ok' if found.ok else 'FAILED'}"
    )
    return found, line
