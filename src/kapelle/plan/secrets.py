"""Find secrets among a plan's literals (pure): a plan is stored and shown as it is, for a tool is called with it."""

from collections.abc import Iterator

from kapelle.plan.model import Plan, Step, children
from kapelle.plan.problem import Problem
from kapelle.telemetry.redact import holds_secret, redact_text

_MESSAGE = "a secret does not belong in a plan, which is stored and shown; let the tool read it from its environment"


def secret_problems(plan: Plan) -> list[Problem]:
    """The places at which a plan surely holds a secret; its value is not repeated."""
    found = [Problem(code="secret", step="", field="why", message=_MESSAGE)] if holds_secret(plan.why) else []
    return [*found, *_in_steps(plan.steps, "")]


def _in_steps(steps: tuple[Step, ...], prefix: str) -> Iterator[Problem]:
    for step in steps:
        path = f"{prefix}{step.id}"
        for place in _places(step.model_dump(by_alias=True, exclude={"body"}, exclude_defaults=True), ""):
            yield Problem(code="secret", step=redact_text(path), field=place, message=_MESSAGE)
        yield from _in_steps(children(step), f"{path}/")


def _places(value: object, place: str) -> Iterator[str]:
    if isinstance(value, str):
        if holds_secret(value):
            yield place
    elif isinstance(value, dict):
        if any(holds_secret(key) for key in value):
            yield place
        for key, part in value.items():
            if not holds_secret(key):
                yield from _places(part, f"{place}.{key}" if place else key)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _places(part, f"{place}[{number}]")
