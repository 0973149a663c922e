"""`@tool` makes schemas of a signature."""

import functools
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from kapelle.errors import BadInput
from kapelle.tools.decorator import make_tool, tool
from kapelle.tools.model import Suspend, ToolContext


def test_the_name_and_the_first_paragraph_describe_it() -> None:
    @tool
    def other() -> str:
        """Say
        something.

        More.
        """
        return ""

    assert (other.name, other.description, other.effect) == ("other", "Say something.", "read")


def test_the_schema_has_names_types_defaults_and_bounds() -> None:
    @tool
    def counted(text: str, most: Annotated[int, Field(ge=1, description="How many")] = 3) -> list[str]:
        """Count."""
        return []

    assert counted.input_schema["additionalProperties"] is False
    assert counted.input_schema["required"] == ["text"]
    assert counted.input_schema["properties"]["most"] == {  # type: ignore[index,call-overload]
        "default": 3,
        "description": "How many",
        "minimum": 1,
        "title": "Most",
        "type": "integer",
    }
    assert counted.output_schema == {"items": {"type": "string"}, "type": "array"}


def test_the_context_is_no_part_of_the_schema() -> None:
    @tool
    def asks(text: str, context: ToolContext) -> str:
        """Ask."""
        return text

    assert asks.context_argument == "context"
    assert set(asks.inputs.model_fields) == {"text"}


def test_waiting_is_no_part_of_the_result() -> None:
    @tool
    def waits() -> int | str | Suspend:
        """Wait."""
        return 1

    @tool
    def only_waits() -> str | Suspend:
        """Wait."""
        return ""

    assert waits.output_schema == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert only_waits.output_schema == {"type": "string"}


def test_options_are_kept() -> None:
    @tool(effect="write", name="other_name", timeout=3, tags=frozenset({"evidence"}))
    async def put() -> None:
        """Put."""

    assert (put.name, put.effect, put.timeout, put.tags) == ("other_name", "write", 3, {"evidence"})


class Opaque:
    pass


def no_annotation(text) -> str:  # type: ignore[no-untyped-def]
    return str(text)


def no_result(text: str):  # type: ignore[no-untyped-def]
    return text


def many(*texts: str) -> str:
    return ""


def named(**texts: str) -> str:
    return ""


def by_place(text: str, /) -> str:
    return ""


def opaque_argument(thing: Opaque) -> str:
    return ""


def opaque_result() -> Opaque:
    return Opaque()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (no_annotation, "argument `text` needs a type annotation"),
        (no_result, "its result needs a type annotation"),
        (many, "argument `texts` must be a plain named argument"),
        (named, "argument `texts` must be a plain named argument"),
        (by_place, "argument `text` must be a plain named argument"),
        (opaque_argument, "its arguments have no JSON Schema"),
        (opaque_result, "its result has no JSON Schema"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_told_why(function: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words) as raised:
        make_tool(function)
    assert f"`{function.__name__}`" in str(raised.value)


def test_a_decorated_function_keeps_its_signature() -> None:
    def plain(text: str) -> str:
        """Be plain."""
        return text

    @functools.wraps(plain)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        return plain(*arguments, **named)

    assert set(make_tool(wrapped).inputs.model_fields) == {"text"}


def test_nested_models_are_in_the_schema() -> None:
    class Place(BaseModel):
        x: int

    def go(at: Place) -> Place:
        """Go."""
        return at

    go.__annotations__ = {"at": Place, "return": Place}
    made = make_tool(go)
    assert "Place" in made.input_schema["$defs"]  # type: ignore[operator]
    assert made.output_schema["properties"] == {"x": {"title": "X", "type": "integer"}}
