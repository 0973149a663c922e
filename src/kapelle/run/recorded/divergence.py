"""Divergence: where the present code does something else than a run has recorded, told in a line (pure)."""

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

import jsonschema_rs
from pydantic import JsonValue

from kapelle.errors import KapelleError
from kapelle.ids import escape_segment
from kapelle.telemetry.redact import redact_text
from kapelle.tools.model import Tool

What: TypeAlias = Literal["plan", "registered", "inputs", "output", "error", "calls", "steps", "end"]
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Divergence:
    """One thing that is other than it was."""

    path: str
    """The step's; empty: the run itself."""
    what: What
    why: str
    at: str = ""
    """JSON Pointer into what differs."""
    recorded: str = ""
    present: str = ""

    def __str__(self) -> str:
        place = f"`{self.path}`" if self.path else "the run"
        seen = f": recorded {self.recorded}, now {self.present}" if self.recorded or self.present else ""
        where = f" at `{self.at}`" if self.at else ""
        return f"{place}: {self.what}{where}{seen} ({self.why})"


def differing(path: str, what: What, recorded: JsonValue, present: JsonValue, why: str) -> Divergence | None:
    """The first place in which two values differ, or None."""
    found = _first(recorded, present, "")
    if found is None:
        return None
    at, before, now = found
    return Divergence(path, what, why, at, before, now)


def _first(left: JsonValue, right: JsonValue, at: str) -> tuple[str, str, str] | None:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in dict.fromkeys([*left, *right]):
            place = f"{at}/{escape_segment(name)}"
            if name not in left or name not in right:
                absent = "nothing"
                return (
                    place,
                    short(left[name]) if name in left else absent,
                    short(right[name]) if name in right else absent,
                )
            found = _first(left[name], right[name], place)
            if found is not None:
                return found
        return None
    if isinstance(left, list) and isinstance(right, list):
        for number, (one, other) in enumerate(zip(left, right, strict=False)):
            found = _first(one, other, f"{at}/{number}")
            if found is not None:
                return found
        return None if len(left) == len(right) else (at, f"{len(left)} items", f"{len(right)} items")
    # Python takes True for 1.
    same = isinstance(left, bool) == isinstance(right, bool) and left == right
    return None if same else (at, short(left), short(right))


def short(value: JsonValue) -> str:
    """A value as JSON on one line, without secrets, cut where it is long."""
    text = redact_text(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def misfit(tool: Tool, output: JsonValue) -> str | None:
    """Why a recorded output could not come from a tool any more; None when it could.

    A field that came or went is no such reason: whoever reads it is checked by itself.
    """
    schema = _relaxed(tool.output_schema)
    error = next(iter(jsonschema_rs.validator_for(schema).iter_errors(output)), None)
    if error is None:
        return None
    place = "/".join(str(part) for part in error.instance_path)
    return f"the output of `{tool.name}` has another type now{f', at `/{place}`' if place else ''}"


def _relaxed(schema: JsonValue) -> dict[str, JsonValue]:
    """A schema that minds types alone."""
    made = _relax(schema)
    return made if isinstance(made, dict) else {}


def _relax(schema: JsonValue) -> JsonValue:
    if isinstance(schema, list):
        return [_relax(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if not (name == "required" and isinstance(value, list))}
    if kept.get("additionalProperties") is False:
        del kept["additionalProperties"]
    return {name: _relax(value) for name, value in kept.items()}


def told(error: KapelleError) -> str:
    """An error as it is told, without secrets."""
    return redact_text(str(error))
