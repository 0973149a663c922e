"""Read a Task from text, JSON or YAML."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import JsonValue, ValidationError

from kapelle.errors import TaskError, UnreadableSource
from kapelle.task.model import Task


def explain(error: ValidationError) -> str:
    """Say which fields are wrong and what was expected; never what was given."""
    parts = []
    for problem in error.errors(include_input=False, include_url=False):
        field = ".".join(str(part) for part in problem["loc"]) or "(whole)"
        parts.append(f"`{field}`: {problem['msg'][:1].lower()}{problem['msg'][1:]}")
    return "; ".join(parts)


def make_task(fields: Mapping[str, Any]) -> Task:  # Any: pydantic validates each field
    """Make a Task of its fields.

    Raises:
        TaskError: a field is missing, unknown or of another type; the message names it.
    """
    try:
        return Task.model_validate(dict(fields))
    except ValidationError as error:
        raise TaskError(f"the task cannot be used: {explain(error)}") from None


def read_task(text: str) -> Task:
    """Read a task: a JSON or YAML object with a `prompt`, or else the text itself is the prompt.

    Raises:
        TaskError: it is empty, or an object that is no task.
    """
    stripped = text.strip()
    if not stripped:
        raise TaskError("`prompt`: the task is empty; say what you want to know or have done")
    if _looks_structured(stripped):
        return make_task(_read_object(stripped, "the task"))
    return make_task({"prompt": stripped})


def read_structured(path: Path, what: str) -> dict[str, JsonValue]:
    """Read a JSON or YAML file that holds one object.

    Raises:
        UnreadableSource: the file is missing, unreadable, or not an object; the message names file and line.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise UnreadableSource(f"{what} `{path}` cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableSource(f"{what} `{path}` is not UTF-8 text") from None
    try:
        return _read_object(text, f"{what} `{path}`")
    except TaskError as error:
        raise UnreadableSource(str(error)) from None


_FIELD = re.compile(r"(?:#.*\n|---\s*\n|\s*\n)*([a-z_]+):")


def _looks_structured(text: str) -> bool:
    """Whether a text is meant as an object: prose may hold braces, and lines that begin with `prompt:`."""
    if text.startswith("{"):
        return text[1:].lstrip().startswith(('"', "}"))
    first = _FIELD.match(text)
    if first is None or first[1] not in Task.model_fields:
        return False
    return first[1] == "prompt" or "\nprompt:" in text


def _read_object(text: str, what: str) -> dict[str, JsonValue]:
    try:
        value = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
        json.dumps(value, allow_nan=False, default=str)
    except json.JSONDecodeError as error:
        raise TaskError(f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise TaskError(
            f"{what} is not YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}{where}"
        ) from None
    except RecursionError:
        raise TaskError(f"{what} is nested too deeply") from None
    except (ValueError, TypeError):
        raise TaskError(
            f"{what} holds what JSON has no word for: NaN, infinity, a number of thousands of digits"
        ) from None
    if not isinstance(value, dict):
        raise TaskError(f"{what} must be an object (`key: value`), not {type(value).__name__}")
    return value
