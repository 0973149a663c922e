"""Numbers are read as people write them."""

import pytest

from kapelle.incident.reading.quantities import durations, meets, percentages, ratios


@pytest.mark.parametrize(
    ("text", "minutes", "shown"),
    [
        ("within 5 minutes", 5, "5 minutes"),
        ("in five min", 5, "5 minutes"),
        ("for 4 consecutive minutes", 4, "4 minutes"),
        ("a five-minute window", 5, "5 minutes"),
        ("4 business hours", 240, "4 business hours"),
        ("half an hour", 30, "30 minutes"),
        ("every half hour", 30, "30 minutes"),
        ("1h30m in", 90, "1 hour 30 minutes"),
        ("1 hour and 30 minutes", 90, "1 hour 30 minutes"),
        ("+2 h", 120, "2 hours"),
        ("twenty-five minutes", 25, "25 minutes"),
        ("1,440 minutes", 1440, "1440 minutes"),
    ],
)
def test_a_duration_is_read_in_minutes_and_shown_with_its_unit(text: str, minutes: float, shown: str) -> None:
    (found,) = durations(text)
    assert (found.value, found.text) == (minutes, shown)


@pytest.mark.parametrize("text", ["P1", "at 10:05", "2026-02-14", "saas-api", "#inc-5m", "v2.5m1"])
def test_what_is_no_duration_is_not_read_as_one(text: str) -> None:
    assert durations(text) == ()


@pytest.mark.parametrize(
    ("text", "comparator"),
    [
        ("> 2%", "gt"),
        ("over 2%", "gt"),
        ("above 2 percent", "gt"),
        ("exceeds 2%", "gt"),
        ("more than 2%", "gt"),
        (">= 2%", "ge"),
        ("at least 2%", "ge"),
        ("2% or more", "ge"),
        ("below 2%", "lt"),
        ("up to and including 2%", "le"),
        ("2%", None),
    ],
)
def test_the_comparator_is_the_one_written_beside_the_number(text: str, comparator: str | None) -> None:
    (found,) = percentages(text)
    assert found.comparator == comparator


def test_over_a_window_measures_during_it_and_for_over_asks_for_more() -> None:
    assert durations("above 2% over 5 minutes")[0].comparator is None
    assert durations("for over 5 minutes")[0].comparator == "gt"


def test_a_factor_is_read_in_digits_and_words() -> None:
    assert [one.value for one in ratios("3x the baseline, later doubled")] == [3, 2]


@pytest.mark.parametrize(("comparator", "at_limit"), [("gt", False), ("ge", True), ("lt", False), ("le", True)])
def test_at_the_limit_the_comparator_decides(comparator: str, at_limit: bool) -> None:
    assert meets(0.1 + 0.2, comparator, 0.3) is at_limit  # type: ignore[arg-type]  # parametrized words
