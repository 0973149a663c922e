"""Write the filters of a search as SQLite reads them, over a passage's JSON `meta`."""

import json

from kapelle.evidence.filters import Condition, conditions
from kapelle.evidence.index import Filters

Values = dict[str, str | int | float]


def where(filters: Filters | None) -> tuple[str, Values]:
    """A condition (empty, or starting with ` AND `) and its parameters.

    Raises:
        BadInput: a filter cannot be read.
    """
    values: Values = {}
    return "".join(_holds(one, f"f{number}", values) for number, one in enumerate(conditions(filters))), values


def _holds(condition: Condition, name: str, values: Values) -> str:
    if condition.field == "source":
        return f" AND ({_tests(condition, 'p.source', name, values)})"
    values[f"{name}_path"] = f"$.{json.dumps(condition.field)}"
    tests = _tests(condition, "j.value", name, values)
    return f" AND EXISTS (SELECT 1 FROM json_each(p.meta, :{name}_path) AS j WHERE {tests})"


def _tests(condition: Condition, value: str, name: str, values: Values) -> str:
    written = []
    for number, (operator, wanted) in enumerate(condition.tests):
        if wanted is None:
            written.append(f"{value} IS NULL")
            continue
        values[f"{name}_{number}"] = wanted
        written.append(f"{value} {operator} :{name}_{number}")
    return f" {condition.joined} ".join(written) or "0"
