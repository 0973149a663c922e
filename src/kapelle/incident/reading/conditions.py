"""Reads typed comparisons from a sentence: which metric, how it compares, to what, for how long, over which
baseline.
"""

import re
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from kapelle.incident.reading.quantities import (
    NUMBER,
    Comparator,
    Quantity,
    Unit,
    comparator_at,
    durations,
    milliseconds,
    number,
    percentages,
    ratios,
    shown,
)

_METRICS: tuple[tuple[str, str], ...] = (
    ("latency_p99_ms", r"\bp99\b(?:\s+latency)?"),
    ("latency_p50_ms", r"\bp50\b(?:\s+latency)?|median latency"),
    ("latency_p95_ms", r"\bp\s?95\b|latenc\w*|response times?|slower|95th percentile"),
    ("error_budget", r"error[\s-]budget(?:\s+burn\w*)?|burn rate"),
    (
        "error_rate",
        r"error[\s-]?(?:rate|ratio|share|percentage|level)s?|\berrors?\b|\b5xx\b|failure rate|(?:requests?"
        r"|checkouts?|calls?|transactions?|responses?|orders?|payments?|logins?"
        r"|jobs?)\s+(?:\w+\s+){0,3}fail\w*|fail(?:ed|ing|s|ures?)?\s+(?:\w+\s+)?(?:requests?|checkouts?|calls?"
        r"|transactions?|rate|responses?|orders?|payments?)|\bfail(?:ing|s|ed|ures?)?\b|unsuccessful",
    ),
    ("affected", r"(?:customers?|users?|shops?|tenants?|accounts?|merchants?|clients?|subscribers?|traffic|region)\b"),
    ("cpu", r"\bcpu\b"),
    ("memory", r"\bmemory\b|\bram\b"),
    ("disk", r"\bdisk\b"),
    ("queue", r"queue(?:\s+\w+)?|backlog"),
    ("saturation", r"saturation"),
)
_COMPILED = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _METRICS)
METRIC_NAMES = {
    "latency_p95_ms": "p95 latency",
    "latency_p99_ms": "p99 latency",
    "latency_p50_ms": "median latency",
    "error_rate": "error rate",
    "error_budget": "error budget burn",
    "affected": "share affected",
    "synthetic_checks": "failed synthetic checks",
    "health_checks": "failed health checks",
    "smoke_tests": "failed smoke tests",
    "cpu": "CPU",
    "memory": "memory",
    "disk": "disk",
    "queue": "queue",
    "saturation": "saturation",
}
"""How a metric is spoken of."""

_CHECKS = re.compile(
    rf"(?P<before>{NUMBER})?\s*(?:(?:consecutive|successive|straight|failed|failing|or more|missed"
    rf"|unsuccessful|in a row|back-to-back)\s+)*"
    r"(?P<kind>synthetic|canary|probe|uptime|health|smoke|heartbeat)(?:\s+\w+)?\s*(?:checks?|tests?"
    r"|probes?|transactions?|monitors?|runs?|journeys?|failures?)?"
    rf"(?P<tail>[^.;]*)",
    re.IGNORECASE,
)
_FAILS = re.compile(r"fail|miss|unsuccessful|red\b|down", re.IGNORECASE)
_COUNT_AFTER = re.compile(
    rf"(?P<number>{NUMBER}|\b(?:twice|thrice)\b)(?!\s*(?:minutes?|mins?|hours?|%|ms|seconds?))", re.IGNORECASE
)
_BASELINE = re.compile(
    r"(?:[\w'-]+\s+){0,4}\b(?:baseline|normal|usual)\b|\b(?:rolling|trailing)?\s*(?:average|median"
    r"|mean)\s+of\s+[^.;,]{3,40}",
    re.IGNORECASE,
)
_NOT_BASELINE = re.compile(
    r"^.*\b(?:above|over|against|vs|versus|with|than|from|is|was|exceeds?|exceeded|beyond|latency|p\d\d|by|%)\s+",
    re.IGNORECASE,
)
_IS_BASELINE_BEFORE = re.compile(
    r"(?:baseline|normal(?:ly)?|usual(?:ly)?|typical(?:ly)?|from)\s*(?:(?:of|is|was|at|around|about|near|a"
    r"|an|level|value|=|:)\s*)*$",
    re.IGNORECASE,
)
_IS_BASELINE_AFTER = re.compile(
    r"\s*(?:is\s+|as\s+)?(?:the\s+|its\s+|our\s+)?(?:\(?baseline|is normal|normally|usually)", re.IGNORECASE
)
_LOOKBACK = re.compile(r"(?:previous|preceding|last|prior|past|trailing|rolling|same)\s+$", re.IGNORECASE)
_HOLDS = re.compile(r"(?:baseline|average|median|mean|normal|rolling|trailing|window\b.{0,12}average)", re.IGNORECASE)
_AFTER_ABOVE = re.compile(
    r"\s*(?:\w+\s+){0,2}?(?:above|over|higher than|beyond|more than|worse than|past|slower)\b", re.IGNORECASE
)
_BEFORE_ABOVE = re.compile(r"\b(?:over|above|exceed\w*|beyond|higher|surpass\w*)\b", re.IGNORECASE)
_BARE = re.compile(r"(?<![\w.,:#/-])(?P<number>\d[\d,]*(?:\.\d+)?)(?![\w%:]|\.\d|-\d)")


class Reading(BaseModel):
    """A number a sentence gives of a metric."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    value: float
    unit: Unit
    comparator: Comparator | None = None
    """What the sentence puts before it; None: it is the value itself."""
    minutes: float | None = None
    """For how long."""
    minutes_comparator: Comparator | None = None
    over: bool = False
    """Whether it is said to lie above something, such as `40% above the baseline`."""
    baseline: str = ""
    """Words that name the baseline, empty when there are none."""
    baseline_value: float | None = None
    """The baseline itself, in `unit`, where the sentence gives it."""
    text: str


class _Found(NamedTuple):
    quantity: Quantity
    metric: str
    phrase: str = ""


def readings_in(text: str) -> tuple[Reading, ...]:
    """Every number of a metric in `text` with the time it holds, in order."""
    checks = _checks(text)
    taken = [(one.quantity.start, one.quantity.end) for one in checks]
    found = [
        _Found(one, metric) for one in _amounts(text) if not _inside(one, taken) and (metric := _metric_at(text, one))
    ]
    found = sorted([*found, *checks], key=lambda one: one.quantity.start)
    spans = [one for one in durations(text) if not _is_lookback(text, one) and not _is_latency(text, one)]
    usual = [one for one in found if one.quantity.unit == "ms" and _states_baseline(text, one.quantity)]
    stated = [one for one in found if one not in usual] or found
    base = usual[0].quantity.value if usual and stated is not found else None
    return tuple(_reading(text, stated, position, spans, base) for position in range(len(stated)))


def _amounts(text: str) -> list[Quantity]:
    found = [
        *percentages(text),
        *milliseconds(text),
        *(one for one in ratios(text) if not re.match(r"\s*in a row", text[one.end :])),
    ]
    spans = [(one.start, one.end) for one in (*found, *durations(text))]
    found += [_as_milliseconds(one) for one in durations(text) if _is_latency(text, one)]
    for match in _BARE.finditer(text):
        comparator = comparator_at(text, match.start("number"), match.end("number"))
        if comparator and not any(start <= match.start("number") < end for start, end in spans):
            value = number(match["number"])
            found.append(
                Quantity(
                    value=value,
                    unit="count",
                    comparator=comparator,
                    text=shown(value),
                    start=match.start("number"),
                    end=match.end("number"),
                )
            )
    return sorted(found, key=lambda one: one.start)


def _is_latency(text: str, one: Quantity) -> bool:
    """Whether some seconds are a latency, as in `p95 above 2 seconds`, and no time that something lasts."""
    before = text[max(0, one.start - 45) : one.start]
    named = re.search(r"(?:latenc\w*|response times?|p\s?9\d)[^.;,\d]{0,40}$", before, re.IGNORECASE)
    return bool(named and one.text.endswith(("second", "seconds")) and not re.search(r"\bfor\b[^,;]*$", before))


def _as_milliseconds(one: Quantity) -> Quantity:
    value = round(one.value * 60_000, 3)
    return one.model_copy(update={"value": value, "unit": "ms", "text": f"{shown(value)} ms"})


def _metric_at(text: str, amount: Quantity) -> str:
    """The metric named nearest before the amount in its clause, else nearest after it."""
    left = max(text.rfind(mark, 0, amount.start) for mark in (";", ". ")) + 1
    right = min((place for mark in (";", ". ") if (place := text.find(mark, amount.end)) >= 0), default=len(text))
    scores: list[tuple[float, int, str]] = []
    for name, pattern in _COMPILED:
        for match in pattern.finditer(text, left, right):
            before = amount.start - match.end()
            distance = before if before >= 0 else (match.start() - amount.end) * 1.2
            # Of two names at one place the longer says more: "p99 latency" is no "latency".
            scores.append((distance + (15 if name == "affected" else 0), -len(match[0]), name))
    best = min(scores, default=(0.0, 0, ""))[2]
    if amount.unit == "ms" and not best.startswith("latency"):
        return "latency_p95_ms"
    return best


def _checks(text: str) -> list[_Found]:
    found = []
    for match in _CHECKS.finditer(text):
        if not _FAILS.search(match[0]):
            continue
        after = _COUNT_AFTER.search(match["tail"]) if not match["before"] else None
        kind = match["kind"].lower()
        metric = {"health": "health_checks", "smoke": "smoke_tests"}.get(kind, "synthetic_checks")
        if match["before"]:
            value, start, end = number(match["before"]), match.start("before"), match.end("before")
        elif after:
            word = after["number"].lower()
            value = {"twice": 2.0, "thrice": 3.0}.get(word) or number(word)
            start, end = match.start("tail") + after.start(), match.start("tail") + after.end()
        else:
            value, start, end = 1.0, match.start("kind"), match.end("kind")
        quantity = Quantity(
            value=value,
            unit="count",
            comparator=comparator_at(text, start, end),
            text=shown(value),
            start=start,
            end=end,
        )
        found.append(_Found(quantity, metric, _phrase(match)))
    return found


def _phrase(match: re.Match[str]) -> str:
    """The checks as they are spoken of, up to the end of their clause."""
    return re.split(r",|\band\b|\bso\b|\bdo\b|\bis\b", match[0].strip())[0].strip(" .:")


def _reading(text: str, found: list[_Found], position: int, spans: list[Quantity], base: float | None) -> Reading:
    amount, metric, phrase = found[position]
    following = found[position + 1].quantity.start if position + 1 < len(found) else len(text)
    previous = found[position - 1].quantity.end if position else 0
    after = [one for one in spans if amount.end <= one.start < following]
    before = [one for one in spans if previous <= one.start and one.end <= amount.start] if position == 0 else []
    held = after[0] if after else before[-1] if before else None
    relative = amount.unit in ("percent", "times") and metric.startswith("latency")
    named = _BASELINE.search(text, max(previous, amount.start - 90), following)
    return Reading(
        metric=metric,
        value=amount.value,
        unit=amount.unit,
        comparator=amount.comparator,
        over=_lies_above(text, amount, previous),
        minutes=held.value if held else None,
        minutes_comparator=held.comparator if held else None,
        baseline=_NOT_BASELINE.sub("", named[0]).strip() if named else "baseline" if relative else "",
        baseline_value=base if amount.unit == "ms" else None,
        text=phrase
        or text[
            min(amount.start, held.start if held else amount.start) : max(amount.end, held.end if held else amount.end)
        ],
    )


def _lies_above(text: str, amount: Quantity, previous: int) -> bool:
    before = text[max(previous, amount.start - 40) : amount.start]
    return bool(_AFTER_ABOVE.match(text, amount.end) or _BEFORE_ABOVE.search(before))


def _states_baseline(text: str, amount: Quantity) -> bool:
    return bool(_IS_BASELINE_BEFORE.search(text[: amount.start]) or _IS_BASELINE_AFTER.match(text, amount.end))


def _is_lookback(text: str, one: Quantity) -> bool:
    """Whether a duration says over which past a baseline is taken, and not how long something holds."""
    after = text[one.end : one.end + 28]
    return bool(
        _HOLDS.match(after.lstrip(" -"))
        or re.match(r"[\s-]*(?:rolling\s+|trailing\s+|p95\s+)?(?:baseline|average|median|mean)", after, re.IGNORECASE)
    ) or bool(_LOOKBACK.search(text[: one.start]) and _HOLDS.search(text[max(0, one.start - 60) : one.start]))


def _inside(one: Quantity, spans: list[tuple[int, int]]) -> bool:
    return any(start <= one.start < end for start, end in spans)
