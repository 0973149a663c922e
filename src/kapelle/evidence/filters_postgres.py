"""Write the filters of a search as Postgres reads them, over the JSON that passages carry; types are never mixed."""

from kapelle.evidence.filters import Condition, Fitting, Scalar, Values, conditions, fitting
from kapelle.evidence.index import Filters

# Its JSON has no NUL character: both sides lose it.
_META = r"CAST(replace(m.meta, '\u0000', '\ufffd') AS jsonb)"
_MEMBERS = (
    "SELECT member.value FROM "
    "(SELECT {meta} -> CAST(:{name} AS text) AS value WHERE jsonb_exists({meta}, CAST(:{name} AS text))) AS f "
    "CROSS JOIN jsonb_array_elements("
    "CASE jsonb_typeof(f.value) WHEN 'array' THEN f.value ELSE jsonb_build_array(f.value) END) AS member"
)
_SOURCE = "SELECT to_jsonb(p.source) AS value"


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
            sources += _holds(one, _SOURCE, name, values)
            continue
        values[name] = one.field
        metas += _holds(one, _MEMBERS.format(meta=_META, name=name), name, values)
    return fitting(metas, sources, values)


def _holds(condition: Condition, found: str, name: str, values: Values) -> str:
    written = [
        _test(operator, wanted, f"{name}_{number}", values) for number, (operator, wanted) in enumerate(condition.tests)
    ]
    tests = f" {condition.joined} ".join(written) or "false"
    return f" AND EXISTS (SELECT 1 FROM ({found}) AS j WHERE {tests})"


def _test(operator: str, wanted: Scalar, name: str, values: Values) -> str:
    if wanted is None:
        return "jsonb_typeof(j.value) = 'null'"
    values[name] = wanted
    match wanted:
        case bool():
            return f"(jsonb_typeof(j.value) = 'boolean' AND j.value {operator} to_jsonb(CAST(:{name} AS boolean)))"
        case str():
            values[name] = wanted.replace("\0", "�")
            compared = f"""(j.value #>> '{{}}') COLLATE "C" {operator} :{name}"""
            return f"(jsonb_typeof(j.value) = 'string' AND {compared})"
        case _:
            # CASE keeps the cast from what is no number; AND promises no order.
            number = "CASE jsonb_typeof(j.value) WHEN 'number' THEN CAST(j.value AS numeric) END"
            return f"({number} {operator} CAST(:{name} AS numeric))"
