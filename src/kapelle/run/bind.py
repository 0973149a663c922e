"""Put values in the place of references (pure)."""

from collections.abc import Callable

from pydantic import JsonValue

from kapelle.plan.reference import Ref, is_literal, is_ref


class BindError(Exception):
    """A reference points at nothing; the message names it."""


def bind(value: JsonValue, read: Callable[[Ref], JsonValue]) -> JsonValue:
    """A copy of `value` with every reference replaced by what it points at, literals unwrapped.

    Raises:
        BindError: a reference points at a place that is not there.
    """
    if isinstance(value, dict):
        if is_ref(value):
            return _read(Ref.model_validate(value), read)
        if is_literal(value):
            return value["$json"]
        return {key: bind(part, read) for key, part in value.items()}
    if isinstance(value, list):
        return [bind(part, read) for part in value]
    return value


def _read(ref: Ref, read: Callable[[Ref], JsonValue]) -> JsonValue:
    try:
        return read(ref)
    except KeyError as error:
        raise BindError(f"`{ref.ref}` has nothing at `{ref.path}` (no {error})") from None
