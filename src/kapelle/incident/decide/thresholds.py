"""Whether a stated number meets a condition of the policy: its comparator decides at the limit itself."""

from typing import NamedTuple

from kapelle.incident.decide.wording import held_shown, limit_shown, reading_shown
from kapelle.incident.facts.model import Condition
from kapelle.incident.reading.conditions import Reading
from kapelle.incident.reading.quantities import meets, minutes_shown


class Held(NamedTuple):
    """A comparison: True, False, or None where the task does not say enough."""

    met: bool | None
    why: str
    """In words, such as `error rate 2.5% for 6 minutes exceeds the limit of > 2% for 5 minutes`."""


def compare(reading: Reading, condition: Condition) -> Held | None:
    """Compare a stated number with a condition; None when they are not about the same thing."""
    if reading.metric != condition.metric:
        return None
    value = in_unit(reading, condition)
    if value is None:
        return None
    stated, limit = reading_shown(_as_compared(reading, value, condition)), limit_shown(condition)
    above = _value_meets(value, reading, condition)
    if above is False:
        return Held(False, f"{stated} {_not_beyond(condition)} the limit of {limit}")
    if above is None:
        return Held(None, f"{stated} does not say whether the limit of {limit} is passed")
    if condition.minutes is None:
        return Held(True, f"{stated} {_beyond(condition)} the limit of {limit}")
    if reading.minutes is None:
        return Held(None, f"{stated} {_beyond(condition)} the limit of {limit}, but must last{held_shown(condition)}")
    if _lasts(reading, condition):
        return Held(True, f"{stated} {_beyond(condition)} the limit of {limit}")
    return Held(
        False,
        f"{stated} is too short: {minutes_shown(reading.minutes)} instead "
        f"of{held_shown(condition).removeprefix(' for')} (limit {limit})",
    )


def in_unit(reading: Reading, condition: Condition) -> float | None:
    """The stated value in the condition's unit; None when it cannot be brought there."""
    if reading.unit == condition.unit:
        return reading.value
    if reading.unit == "ms" and reading.baseline_value and condition.unit in ("percent", "times"):
        ratio = reading.value / reading.baseline_value
        return (ratio - 1) * 100 if condition.unit == "percent" else ratio
    if reading.unit == "times" and condition.unit == "percent":
        return (reading.value - 1) * 100
    if reading.unit == "percent" and condition.unit == "times":
        return reading.value / 100 + 1
    return None


def _as_compared(reading: Reading, value: float, condition: Condition) -> Reading:
    """The reading as the condition counts it, so that 330 ms over 240 ms is shown as 37.5%."""
    return (
        reading
        if reading.unit == condition.unit
        else reading.model_copy(update={"value": value, "unit": condition.unit})
    )


def _value_meets(value: float, reading: Reading, condition: Condition) -> bool | None:
    if reading.comparator == "gt" and value == condition.value and condition.comparator in ("gt", "ge"):
        return True  # "over 2%" is more than 2%
    if reading.comparator in ("lt", "le") and condition.comparator in ("gt", "ge"):
        return False if value <= condition.value else None
    return meets(value, condition.comparator, condition.value)


def _lasts(reading: Reading, condition: Condition) -> bool:
    minutes, limit = reading.minutes or 0.0, condition.minutes or 0.0
    if reading.minutes_comparator == "gt" and minutes == limit:
        return True  # "for over 5 minutes" is more than 5
    if reading.minutes_comparator == "lt" and minutes == limit:
        return False
    return meets(minutes, condition.minutes_comparator, limit)


def _beyond(condition: Condition) -> str:
    return "exceeds" if condition.comparator == "gt" else "reaches" if condition.comparator == "ge" else "meets"


def _not_beyond(condition: Condition) -> str:
    return (
        "does not exceed"
        if condition.comparator == "gt"
        else "does not reach"
        if condition.comparator == "ge"
        else "does not meet"
    )
