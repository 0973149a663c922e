"""Times are aware and in UTC; a test may move them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from kapelle import clock


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_can_be_moved_and_comes_back() -> None:
    before = clock.now()
    with clock.shifted(3_600), clock.shifted(60):
        assert clock.now() - before >= timedelta(seconds=3_660)
    assert clock.now() - before < timedelta(seconds=60)


def test_the_clock_comes_back_after_an_error() -> None:
    with pytest.raises(ValueError), clock.shifted(3_600):
        raise ValueError
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=timezone(timedelta(hours=2)))
    assert clock.to_iso(moment) == "2026-01-02T01:04:05.678Z"


@pytest.mark.parametrize(
    "text", ["2026-01-02T01:04:05Z", "2026-01-02T03:04:05+02:00", "2026-01-02 01:04:05", " 2026-01-02T01:04:05.000Z "]
)
def test_a_time_is_read_as_utc(text: str) -> None:
    assert clock.parse_time(text) == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "1700000000"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        clock.parse_time(text)


def test_written_times_sort_as_they_passed() -> None:
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=37 * n) for n in range(50)]
    assert sorted(map(clock.to_iso, moments)) == [clock.to_iso(one) for one in moments]
