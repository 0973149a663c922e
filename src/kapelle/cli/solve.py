"""`kapelle solve`: plan a task, run it, answer."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import JsonValue, ValidationError
from rich.text import Text

from kapelle.cli.live import Progress
from kapelle.cli.report import exit_code, print_answer, run_json
from kapelle.cli.session import Common, err, opened, out, print_json, run_async, safe, say_notes
from kapelle.cli.typed import json_or_text
from kapelle.errors import BadInput, PlanError
from kapelle.handles import Approval, Run
from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import Plan
from kapelle.run.model import RunRecord, StepResult
from kapelle.task.intake import explain, read_structured, read_task


def solve(
    *prompt: str,
    stdin: Annotated[bool, Parameter(name="-", negative=(), show_default=False)] = False,
    file: Annotated[Path | None, Parameter(name=["--file", "-f"], allow_leading_hyphen=True)] = None,
    corpus: Annotated[list[Path], Parameter(name=["--corpus", "-c"], negative=())] = [],  # noqa: B006  # cyclopts copies it
    context: Annotated[list[str], Parameter(negative=())] = [],  # noqa: B006
    plan: Path | None = None,
    strategy: str | None = None,
    key: str | None = None,
    approve: Literal["never", "writes", "always"] | None = None,
    weights: Path | None = None,
    usd: str | None = None,
    detach: Annotated[bool, Parameter(negative=())] = False,
    delay: float = 0.0,
    priority: int = 0,
    common: Common = Common(),
) -> int:
    """Plan a task, run it durably, and answer with checked citations.

    Args:
        prompt: What you want to know or have done.
        stdin: Read the prompt from stdin.
        file: A task as text, JSON or YAML (`prompt:`, `context:` ...); `-` reads it from stdin.
        corpus: A folder of documents to answer from; may be given several times.
        context: A fact given with the task, `name=value`; the value may be JSON.
        plan: Walk exactly this plan (JSON or YAML).
        strategy: The strategy to plan with; else the rules choose.
        key: Your own name for the run: the same key attaches to the same run.
        approve: Which tools wait for a person.
        weights: Weights of the checklist's items (JSON or YAML).
        usd: Spend at most this many US dollars.
        detach: Leave the run to the workers (`kapelle worker`), and print its id.
        delay: Seconds before a worker may begin; with --detach.
        priority: The lower, the sooner a worker takes it; with --detach.
    """
    task = _task(
        _words(prompt, stdin),
        file,
        context,
        weights,
        approve=approve,
        usd=usd,
        strategy=strategy,
        required=plan is None,
    )
    chosen = read_plan(plan) if plan else None
    if chosen is not None:  # a plan says by itself what is to be done
        task.setdefault("prompt", chosen.why or "walk the plan")
    queued = Queued(here=not detach, delay=delay, priority=priority)
    return run_async(_solve(task, chosen, folders(corpus), key, queued, common))


@dataclass(frozen=True, slots=True)
class Queued:
    """Whether and how a run is left to the workers."""

    here: bool
    delay: float
    priority: int


def folders(given: list[Path]) -> dict[str, Path]:
    """Folders as corpora, by their names.

    Raises:
        BadInput: one is not there.
    """
    found: dict[str, Path] = {}
    for folder in given:
        if not folder.exists():
            raise BadInput(f"`--corpus`: there is no folder `{folder}`")
        name = folder.resolve().name or "folder"
        found[name if name not in found else f"{name}_{len(found) + 1}"] = folder
    return found


def read_plan(file: Path) -> Plan:
    """A plan from a JSON or YAML file.

    Raises:
        PlanError: it is no plan; every field that is wrong is named.
    """
    try:
        return Plan.model_validate(read_structured(file, "the plan"))
    except ValidationError as error:
        raise PlanError(f"the plan `{file}` cannot be used: {explain(error)}") from None


def _words(prompt: tuple[str, ...], stdin: bool) -> str:
    # An option, as no word of a prompt begins with `-`: a mistyped option is refused and never planned.
    if not stdin:
        return " ".join(prompt)
    if prompt:
        raise BadInput("`-` reads the prompt from stdin; give the words or `-`, not both")
    return sys.stdin.read()


def _task(
    words: str,
    file: Path | None,
    context: list[str],
    weights: Path | None,
    *,
    approve: str | None,
    usd: str | None,
    strategy: str | None,
    required: bool,
) -> dict[str, Any]:  # Any: fields of a task, validated when it is made
    fields: dict[str, Any] = {}
    if file is not None:
        text = sys.stdin.read() if str(file) == "-" else _read(file)
        fields = read_task(text).model_dump(exclude_unset=True)
    if words:
        if file is not None:
            print(f"the words given here are the prompt, not those of `{file}`", file=sys.stderr)
        fields["prompt"] = read_task(words).prompt if not file else words
    if required and not fields.get("prompt"):
        raise BadInput('say what you want: kapelle solve "How long do we keep invoices?" --corpus ./handbook')
    if context:
        fields["context"] = {**fields.get("context", {}), **dict(_pair(one) for one in context)}
    if weights is not None:
        fields["metadata"] = {**fields.get("metadata", {}), "weights": dict(read_structured(weights, "the weights"))}
    if approve:
        fields["approve"] = approve
    if strategy:
        fields["strategy"] = {"name": strategy}
    if usd is not None:
        fields["budget"] = {**(fields.get("budget") or {}), "usd": _money(usd)}
    return fields


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except OSError as error:
        raise BadInput(f"`--file`: `{file}` cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"`--file`: `{file}` is not UTF-8 text") from None


def _money(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise BadInput(f"`--usd`: expected an amount such as 0.50, not {text!r}") from None


def _pair(text: str) -> tuple[str, JsonValue]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadInput(f"`--context`: expected name=value, not {text!r}")
    return name, json_or_text(value)


async def _solve(
    fields: dict[str, Any],
    plan: Plan | None,
    corpora: dict[str, Path],
    key: str | None,
    queued: "Queued",
    common: Common,
) -> int:
    async with opened(common, corpora=corpora) as house:
        run = await house.start(
            fields, plan=plan, key=key, here=queued.here, delay=queued.delay, priority=queued.priority
        )
        if queued.here:
            return await finish(house, run, common)
        record = await run.status()
    if common.json:
        print_json({"run_id": run.id, "status": record.status})
    else:
        out().print(run.id)
        print(f"queued: kapelle watch {run.id}", file=sys.stderr)
    return 0


async def finish(house: Orchestrator, run: Run, common: Common) -> int:
    """Show a run until it ends, ask what it asks where a person is there, and print what came of it."""
    try:
        record = await show_progress(house, run, quiet=common.json and not sys.stderr.isatty())
    except asyncio.CancelledError:
        print(f"interrupted: kapelle resume {run.id}", file=sys.stderr)
        raise KeyboardInterrupt from None
    await tell(house, run, record, common)
    say_notes(*_search_notes(await run.steps()))
    return exit_code(record)


def _search_notes(steps: Sequence[StepResult]) -> list[str]:
    """What searches could not do as wanted, such as find by meaning."""
    outputs = [step.output for step in steps if step.kind == "search"]
    return [str(output.get("note", "")) for output in outputs if isinstance(output, dict)]


async def show_progress(house: Orchestrator, run: Run, *, quiet: bool = False) -> RunRecord:
    """Follow a run until it ended, or waits for somebody who is not here."""
    record = await run.status()
    with Progress(record.plan, headline=safe(record.task.prompt.splitlines()[0][:80])) as progress:
        while True:
            follower = None if quiet else asyncio.create_task(progress.follow(run.events()))
            try:
                record = await run.wait()
                if follower is not None and record.ended_already:
                    await follower
            finally:
                if follower is not None:
                    follower.cancel()
            if record.status != "waiting" or not sys.stdin.isatty() or not sys.stderr.isatty():
                return record
            asked = await house.approvals(run=run.id)
            if not asked:
                return record
            progress.pause()
            for one in asked:
                await _ask(one)
            progress.go_on()
            await run.resume()


async def _ask(approval: Approval) -> None:
    """Ask at the terminal."""
    console, record = err(), approval.record
    console.print(Text.assemble(("\nApproval ", "bold yellow"), f"{record.id}: {safe(record.action)}"))
    for label, value in (("why", record.why), ("risk", record.risk), ("arguments", record.arguments)):
        if value:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            console.print(f"  {label}: {safe(shown)[:500]}")
    loop = asyncio.get_running_loop()
    reply = await loop.run_in_executor(None, input, "Approve? [y/N] ")
    if reply.strip().lower() in ("y", "yes"):
        await approval.approve()
    else:
        await approval.reject(reason="rejected at the terminal")


async def tell(house: Orchestrator, run: Run, record: RunRecord, common: Common) -> None:
    """Print what came of a run."""
    if common.json:
        print_json(run_json(record, await run.steps()))
        return
    print_answer(out(), record)
    if record.status == "waiting":
        for one in await house.approvals(run=run.id):
            err().print(f"  kapelle approve {one.id}    {safe(one.record.action)}")
