"""Comparisons are read typed: metric, comparator, value, duration, baseline."""

import pytest

from kapelle.incident.reading.conditions import readings_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error rate > 1.8% for 4 consecutive minutes", ("error_rate", "gt", 1.8, "percent", 4)),
        ("for four minutes the error rate sat at 1.8%", ("error_rate", None, 1.8, "percent", 4)),
        ("throwing 3.1% errors for 7 minutes straight", ("error_rate", None, 3.1, "percent", 7)),
        ("p95 latency > 35% above the service baseline for 8 minutes", ("latency_p95_ms", "gt", 35, "percent", 8)),
        (
            "p95 latency over the 7-day baseline by more than 40% for 10 min",
            ("latency_p95_ms", "gt", 40, "percent", 10),
        ),
        ("p99 latency exceeds 2 seconds for 5 minutes", ("latency_p99_ms", "gt", 2000, "ms", 5)),
        ("3 consecutive failed synthetic checks", ("synthetic_checks", None, 3, "count", None)),
        ("the synthetic check failed three times", ("synthetic_checks", None, 3, "count", None)),
        ("More than 25% of customers are affected", ("affected", "gt", 25, "percent", None)),
        ("CPU above 85% for 20 minutes", ("cpu", "gt", 85, "percent", 20)),
    ],
)
def test_a_comparison_is_read_whole(text: str, expected: tuple[object, ...]) -> None:
    (reading,) = readings_in(text)
    assert (reading.metric, reading.comparator, reading.value, reading.unit, reading.minutes) == expected


@pytest.mark.parametrize(
    "text", ["between 2 and 6 percent of logins fail", "2% to 6% of logins fail", "2-6% of logins fail"]
)
def test_a_range_of_percent_has_two_bounds(text: str) -> None:
    assert [(one.comparator, one.value) for one in readings_in(text)] == [("ge", 2), ("le", 6)]


def test_two_metrics_of_one_sentence_keep_their_own_durations() -> None:
    found = readings_in("error rate 1.9% for 4 minutes and p95 30% above baseline for 9 minutes")
    assert [(one.metric, one.minutes) for one in found] == [("error_rate", 4), ("latency_p95_ms", 9)]


@pytest.mark.parametrize(
    "text",
    ["p95 went from 240 ms to 330 ms", "p95 is 330 ms against a baseline of 240 ms", "p95 330 ms, usually 240 ms"],
)
def test_a_stated_baseline_belongs_to_the_latency(text: str) -> None:
    (reading,) = readings_in(text)
    assert (reading.value, reading.baseline_value) == (330, 240)
