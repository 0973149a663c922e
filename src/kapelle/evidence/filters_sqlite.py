"""Write the filters of a search as SQLite reads them, over the JSON that passages carry."""

import json

from kapelle.evidence.filters import Condition, Fitting, Values, conditions, fitting
from kapelle.evidence.index import Filters


def where(filters: Filters | None) -> Fitting:
    """What a filter lets through.

    Raises:
        BadInput: a filter cannot be read.
    """
    values: Values = {}
    metas, sources = "", ""
    for number, one in enumerate(conditions(filters)):
        name = f"f{number}"
        if one.field == "source":
            sources += f" AND ({_tests(one, 'p.source', name, values)})"
            continue
        values[f"{name}_path"] = f"$.{json.dumps(one.field)}"
        tests = _tests(one, "j.value", name, values)
        metas += f" AND EXISTS (SELECT 1 FROM json_each(m.meta, :{name}_path) AS j WHERE {tests})"
    return fitting(metas, sources, values)


def _tests(condition: Condition, value: str, name: str, values: Values) -> str:
    written = []
    for number, (operator, wanted) in enumerate(condition.tests):
        if wanted is None:
            written.append(f"{value} IS NULL")
            continue
        values[f"{name}_{number}"] = wanted
        written.append(f"{value} {operator} :{name}_{number}")
    return f" {condition.joined} ".join(written) or "0"
