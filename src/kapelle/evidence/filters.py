"""Read the filters of a search: which tests a passage's field must pass."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import JsonValue

from kapelle.errors import BadInput
from kapelle.evidence.index import Filters

Scalar: TypeAlias = str | int | float | bool | None
Values: TypeAlias = dict[str, str | int | float]
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


@dataclass(frozen=True, slots=True)
class Condition:
    """What one value of a field must satisfy."""

    field: str
    joined: Literal["AND", "OR"]
    tests: tuple[tuple[str, Scalar], ...]
    """SQL operator and what to compare with; None only with `=`. Without a test nothing fits."""


def conditions(filters: Filters | None) -> list[Condition]:
    """The conditions that must all hold.

    Raises:
        BadInput: a filter is an object with other keys than `ge`, `gt`, `le`, `lt`, or compares with a list or object.
    """
    return [_condition(field, wanted) for field, wanted in (filters or {}).items()]


def _condition(field: str, wanted: JsonValue) -> Condition:
    if not isinstance(wanted, dict):
        options = wanted if isinstance(wanted, list) else [wanted]
        return Condition(field, "OR", tuple(("=", _scalar(option)) for option in options))
    unknown = set(wanted) - set(_BOUNDS)
    if unknown or not wanted:
        raise BadInput(f"filter `{field}`: bounds are `ge`, `gt`, `le`, `lt`, not {sorted(unknown)}")
    if None in wanted.values():
        raise BadInput(f"filter `{field}`: a bound is text, a number or a truth value, not null")
    return Condition(field, "AND", tuple((_BOUNDS[bound], _scalar(value)) for bound, value in wanted.items()))


def _scalar(value: JsonValue) -> Scalar:
    if isinstance(value, list | dict):
        raise BadInput(f"a filter compares with text, a number or a truth value, not {type(value).__name__}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise BadInput("a filter compares with whole numbers of up to 64 bits; give a larger one with a decimal point")
    return value


@dataclass(frozen=True, slots=True)
class Fitting:
    """What a filter lets through, as SQL over `:place`."""

    numbers: str
    """Selects the numbers of the passages that fit."""
    values: Values


def fitting(metas: str, sources: str, values: Values) -> Fitting:
    """Put a filter together; both conditions are empty or start with AND.

    Args:
        metas: over a row `m` of `evidence_metas`: there are far fewer of them than of passages.
        sources: over a row `p` of `evidence_passages`.
    """
    about = f" AND p.meta IN (SELECT m.id FROM evidence_metas m WHERE m.collection = :place{metas})" if metas else ""
    return Fitting(f"SELECT p.number FROM evidence_passages p WHERE p.collection = :place{about}{sources}", values)
