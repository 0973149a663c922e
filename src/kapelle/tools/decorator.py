"""`@tool`: make a Tool of a typed function."""

import inspect
from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any, get_args, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from pydantic.errors import PydanticSchemaGenerationError

from kapelle.errors import BadInput
from kapelle.tools.model import Effect, Retry, Suspend, Tool, ToolContext


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    effect: Effect = "read",
    name: str | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    tags: frozenset[str] = frozenset(),
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    effect: Effect = "read",
    name: str | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    tags: frozenset[str] = frozenset(),
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a Tool of a typed function, sync or async.

    Its arguments become a model that refuses unknown ones, its docstring's first line the description, its return
    annotation the schema of the result. An argument annotated `ToolContext` is filled in.

    Args:
        effect: `write` when it changes something outside; a plan then asks a person first.
        timeout: seconds for one attempt.
        tags: words that planners and checks select by.

    Raises:
        BadInput: an argument or the result has no annotation, or one that has no JSON Schema.
    """

    def make(function: Callable[..., Any]) -> Tool:
        return make_tool(function, effect=effect, name=name, timeout=timeout, retry=retry, tags=tags)

    return make if function is None else make(function)


def make_tool(
    function: Callable[..., Any],
    *,
    effect: Effect = "read",
    name: str | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    tags: frozenset[str] = frozenset(),
) -> Tool:
    """The same as `@tool`, for a function that is at hand."""
    name = name or function.__name__
    inputs, context_argument = inputs_of(function, name)
    return Tool(
        name=name,
        description=describe(function),
        effect=effect,
        function=function,
        inputs=inputs,
        output=output_of(function, name),
        context_argument=context_argument,
        timeout=timeout,
        retry=retry,
        tags=tags,
    )


def describe(function: Callable[..., Any]) -> str:
    """The first paragraph of a function's docstring, on one line."""
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())


def inputs_of(function: Callable[..., Any], name: str) -> tuple[type[BaseModel], str | None]:
    """A model of a function's arguments that forbids others, and the name of its ToolContext argument."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}  # Any: (annotation, default) pairs, as create_model takes them
    context_argument = None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise BadInput(f"`{name}`: argument `{parameter.name}` must be a plain named argument")
        if parameter.name not in hints:
            raise BadInput(f"`{name}`: argument `{parameter.name}` needs a type annotation")
        annotation = hints[parameter.name]
        if annotation is ToolContext:
            context_argument = parameter.name
            continue
        fields[parameter.name] = (annotation, Field(...) if parameter.default is parameter.empty else parameter.default)
    try:
        model = create_model(f"{name}_input", __config__=ConfigDict(extra="forbid", frozen=True), **fields)
        model.model_json_schema()
    except Exception as error:  # pydantic raises several kinds for a type without a schema
        raise BadInput(f"`{name}`: its arguments have no JSON Schema: {error}") from error
    return model, context_argument


def output_of(function: Callable[..., Any], name: str) -> TypeAdapter[Any]:
    """The adapter of a function's result; a `Suspend` among the alternatives is no part of it."""
    hints = get_type_hints(function, include_extras=True)
    if "return" not in hints:
        raise BadInput(f"`{name}`: its result needs a type annotation")
    annotation = _without_suspend(hints["return"])
    try:
        return TypeAdapter(annotation)
    except PydanticSchemaGenerationError as error:
        raise BadInput(f"`{name}`: its result has no JSON Schema: {error.message}") from error


def _without_suspend(annotation: Any) -> Any:
    options = get_args(annotation)
    if Suspend not in options:
        return annotation
    return reduce(or_, [option for option in options if option is not Suspend])
