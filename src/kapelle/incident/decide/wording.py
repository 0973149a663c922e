"""How a decision is worded: units, names and comparisons in plain sentences."""

import re
from collections.abc import Sequence

from kapelle.evidence.model import Excerpt
from kapelle.incident.facts.model import Condition, RotaShift, Timing
from kapelle.incident.reading.calendar import Moment, clock_shown, shifted
from kapelle.incident.reading.conditions import METRIC_NAMES, Reading
from kapelle.incident.reading.quantities import NUMBER, SYMBOLS, durations, minutes_shown, number, shown

_FILLED = re.compile(
    r"consecutive|straight|full|further|more|additional|whole|solid|continuous|clock|calendar", re.IGNORECASE
)
_PARTS = re.compile(rf"(?P<count>{NUMBER})(?P<middle>[\s-].*[\s-])(?P<unit>[a-z.]+)", re.IGNORECASE)
_PREFIX = re.compile(
    r"^(?:severity\s*:?\s*)?(?:p|sev(?:erity)?|priority|s)[\s-]?[0-5]\s*(?:\([^)]*\)\s*)?(?:[-–—:]+\s*)", re.IGNORECASE
)


def listed(parts: Sequence[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}" if parts else ""


def sentence(text: str) -> str:
    """`text` as a sentence: a capital first letter, one full stop."""
    text = spelled(" ".join(text.split()).rstrip(" .;,:"))
    # A channel, a field name or a version keeps its first letter.
    first = text[:1].upper() + text[1:] if re.match(r"[a-z][a-z-]*\b(?![_.\d])", text) else text
    return first + ("" if first.endswith(("?", "!")) else ".")


def kept_shown(prompt: str, *, kept: bool, words: str) -> str:
    """`Yes` or `No` before `words`, by whether the task asks if a limit was kept or if it was missed."""
    fault = re.search(r"\b(?:overdue|late|missed|violat\w*|breach\w*|behind|infring\w*)\b", prompt, re.IGNORECASE)
    return f"{'Yes' if kept != bool(fault) else 'No'}, {words}"


def spelled(text: str) -> str:
    """`text` with its durations in digits and full units: `ten min` becomes `10 minutes`, `4 consecutive min`
    `4 consecutive minutes`.
    """
    for one in reversed(durations(text)):
        written = text[one.start : one.end]
        parts = _PARTS.match(written) if _FILLED.search(written) else None
        if "-" in written:  # "a two-hour baseline" stays an adjective
            text = text[: one.start] + one.text.removesuffix("s").replace(" ", "-", 1) + text[one.end :]
            continue
        said = f"{shown(number(parts['count']))}{parts['middle']}{one.text.split()[-1]}" if parts else one.text
        text = text[: one.start] + said + text[one.end :]
    return text


def lower_first(text: str) -> str:
    """`text` as it goes on after a colon; names and abbreviations keep their capitals."""
    return text[:1].lower() + text[1:] if re.match(r"[A-Z][a-z]* ", text) else text


def without_prefix(text: str) -> str:
    """A policy line without the severity it begins with."""
    return _PREFIX.sub("", text).strip(" .;")


def metric_shown(metric: str) -> str:
    """A metric as it is spoken of."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def value_shown(value: float, unit: str) -> str:
    """A value with its unit."""
    return {"percent": f"{shown(value)}%", "ms": f"{shown(value)} ms", "times": f"{shown(value)} times"}.get(
        unit, shown(value)
    )


def limit_shown(condition: Condition) -> str:
    """Such as `> 2% for 5 consecutive minutes`, `> 35% above the baseline for 8 minutes`."""
    if condition.unit == "count" and condition.text:
        return _counted(condition)
    symbol = f"{SYMBOLS[condition.comparator]} "
    above = (
        " above " + (condition.baseline or "the baseline")
        if condition.unit in ("percent", "times") and condition.metric.startswith("latency")
        else ""
    )
    return f"{symbol}{value_shown(condition.value, condition.unit)}{above}{held_shown(condition)}"


def _counted(condition: Condition) -> str:
    """A number of checks with the words of its line: `3 consecutive failed synthetic checks`."""
    if match := re.match(rf"(?:{NUMBER})(?=\s)", condition.text, re.IGNORECASE):
        return f"{shown(condition.value)}{condition.text[match.end() :]}"
    at_all = re.search(rf"(?<![\w.]){NUMBER}(?![\w.])", condition.text, re.IGNORECASE)
    return lower_first(condition.text) if at_all else f"{shown(condition.value)} {lower_first(condition.text)}"


def held_shown(condition: Condition) -> str:
    """How long a condition must hold, as its line says it."""
    if condition.minutes is None:
        return ""
    consecutive = "consecutive " if "consecutive" in condition.text.lower() else ""
    more = {"gt": "more than ", "le": "up to "}.get(condition.minutes_comparator, "")
    amount = minutes_shown(condition.minutes)
    return f" for {more}{amount.replace(' ', f' {consecutive}', 1)}"


def reading_shown(reading: Reading) -> str:
    """Such as `error rate 2.5% for 6 minutes`."""
    if reading.unit == "count" and reading.metric.endswith(("checks", "tests")):
        return f"{shown(reading.value)} {metric_shown(reading.metric)}"
    above = (
        " above the baseline" if reading.unit in ("percent", "times") and reading.metric.startswith("latency") else ""
    )
    before = {"gt": "over ", "ge": "at least ", "lt": "below ", "le": "at most "}.get(reading.comparator or "", "")
    held = f" for {minutes_shown(reading.minutes)}" if reading.minutes is not None else ""
    return f"{metric_shown(reading.metric)} {before}{value_shown(reading.value, reading.unit)}{above}{held}"


def timing_shown(rule: Timing, started: Moment | None = None) -> str:
    """Such as `acknowledge within 5 minutes`, `escalate to the duty manager at +20 minutes if unowned`; with a
    start the time of day.
    """
    return _timing(rule) + clock_after(started, rule)


def clock_after(started: Moment | None, rule: Timing) -> str:
    """When a rule falls due, as ` (22:58 UTC)`, with the date where it is known; empty without a start."""
    if started is None or started.minute is None or rule.length.business or rule.mode == "every":
        return ""
    due = shifted(started, round(rule.length.minutes))
    day = f"{due.date.isoformat()} " if due.date else ""
    return f" ({day}{clock_shown(due.minute or 0)} UTC)"


def _timing(rule: Timing) -> str:
    condition = f" {_if(rule.condition)}" if rule.condition else ""
    if rule.action == "acknowledge":
        return f"acknowledge within {rule.length.text}{condition}"
    if rule.action == "escalate":
        when = f"at +{rule.length.text}" if rule.mode == "at" else f"within {rule.length.text}"
        return f"escalate to {rule.role} {when}{condition}"
    return lower_first(without_prefix(rule.clause))


def _if(condition: str) -> str:
    return condition if re.match(r"(?:unless|until|without)\b", condition) else f"if {condition}"


def shift_shown(shift: RotaShift) -> str:
    """The engineer with the handle."""
    return f"{shift.engineer} ({shift.handle})" if shift.handle else shift.engineer


def merged(*groups: Sequence[Excerpt]) -> tuple[Excerpt, ...]:
    """Excerpts of several facts, each once, in order."""
    return tuple(dict.fromkeys(excerpt for group in groups for excerpt in group))
