"""Write the filters of a search as SQL over a passage's JSON `meta`."""

import json

from pydantic import JsonValue

from kapelle.errors import BadInput
from kapelle.evidence.index import Filters

_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def where(filters: Filters | None) -> tuple[str, dict[str, str | int | float]]:
    """A condition (empty, or starting with ` AND `) and its parameters.

    Raises:
        BadInput: a filter is an object with other keys than `ge`, `gt`, `le`, `lt`.
    """
    parts: list[str] = []
    values: dict[str, str | int | float] = {}
    for number, (field, wanted) in enumerate((filters or {}).items()):
        name = f"f{number}"
        values[f"{name}_path"] = f"$.{json.dumps(field)}"
        condition = _condition(field, wanted, name, values)
        if field == "source":
            del values[f"{name}_path"]
            parts.append(f" AND {condition.replace('j.value', 'p.source')}")
        else:
            parts.append(f" AND EXISTS (SELECT 1 FROM json_each(p.meta, :{name}_path) AS j WHERE {condition})")
    return "".join(parts), values


def _condition(field: str, wanted: JsonValue, name: str, values: dict[str, str | int | float]) -> str:
    if isinstance(wanted, dict):
        unknown = set(wanted) - set(_BOUNDS)
        if unknown or not wanted:
            raise BadInput(f"filter `{field}`: bounds are `ge`, `gt`, `le`, `lt`, not {sorted(unknown)}")
        tests = [f"j.value {_BOUNDS[op]} :{_add(values, f'{name}_{op}', bound)}" for op, bound in wanted.items()]
        return f"({' AND '.join(tests)})"
    options = wanted if isinstance(wanted, list) else [wanted]
    if not options:
        return "0"
    return f"({' OR '.join(_equal(option, f'{name}_{i}', values) for i, option in enumerate(options))})"


def _equal(option: JsonValue, name: str, values: dict[str, str | int | float]) -> str:
    if option is None:
        return "j.value IS NULL"
    return f"j.value = :{_add(values, name, option)}"


def _add(values: dict[str, str | int | float], name: str, value: JsonValue) -> str:
    if isinstance(value, list | dict) or value is None:
        raise BadInput(f"a filter compares with text, a number or a truth value, not {type(value).__name__}")
    values[name] = value
    return name
