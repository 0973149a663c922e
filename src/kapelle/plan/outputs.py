"""The schema of each step's output, as far as it is known before anything is performed (pure)."""

from collections.abc import Mapping
from typing import Any

from kapelle.plan.catalog import Catalog
from kapelle.plan.model import (
    AgentStep,
    AnswerStep,
    ApprovalStep,
    MapStep,
    RepeatStep,
    SearchStep,
    Step,
    ToolStep,
    UnknownStep,
    VerdictStep,
)
from kapelle.plan.schemas import ANYTHING, Schema

_APPROVAL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "decision": {"enum": ["approved", "rejected"]},
        "arguments": {},
        "reason": {"type": ["string", "null"]},
        "by": {"type": ["string", "null"]},
        "at": {"type": ["string", "null"]},
    },
    "additionalProperties": False,
}
_SEARCH: dict[str, Any] = {
    "type": "object",
    "properties": {
        "hits": {"type": "array", "items": {"type": "object"}},
        "confidence": {"type": "number"},
        "recommend_fallback": {"type": "boolean"},
        "fallback_reason": {"type": ["string", "null"]},
    },
    "additionalProperties": True,
}
_CANDIDATE: dict[str, Any] = {"type": "object", "additionalProperties": True}


def outputs_of(steps: tuple[Step, ...], around: Mapping[str, Schema], catalog: Catalog) -> dict[str, Schema]:
    """The output schema of every step of a body; `ANYTHING` where it cannot be known."""
    return {step.id: _output(step, around, catalog) for step in steps}


def _output(step: Step, around: Mapping[str, Schema], catalog: Catalog) -> Schema:
    match step:
        case ToolStep():
            tool = catalog.tools.get(step.tool)
            return tool.output_schema if tool else ANYTHING
        case AgentStep():
            spec = catalog.agents.get(step.agent)
            return spec.output_schema if spec else ANYTHING
        case SearchStep():
            return _SEARCH
        case ApprovalStep():
            return _APPROVAL
        case AnswerStep() | VerdictStep():
            return _CANDIDATE
        case MapStep():
            inner = outputs_of(step.body, around, catalog).get(step.output, ANYTHING)
            return _list_of(inner, nullable=step.on_error == "skip" or step.join != "all")
        case UnknownStep():
            return ANYTHING
        case RepeatStep():
            return outputs_of(step.body, around, catalog).get(step.output, ANYTHING)


def _list_of(inner: Schema, *, nullable: bool) -> Schema:
    items = {key: value for key, value in inner.items() if key != "$defs"}
    if nullable and items:
        items = {"anyOf": [items, {"type": "null"}]}
    schema: dict[str, Any] = {"type": "array", "items": items}
    return {**schema, "$defs": inner["$defs"]} if "$defs" in inner else schema
