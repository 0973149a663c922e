"""The time, and a clock that tests can set."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_offset = timedelta()


def now() -> datetime:
    """The present time, aware, in UTC."""
    return datetime.now(UTC) + _offset


@contextmanager
def shifted(seconds: float) -> Iterator[None]:
    """Move `now` by `seconds` inside the block (for tests of expiry and deadlines)."""
    global _offset
    before = _offset
    _offset = before + timedelta(seconds=seconds)
    try:
        yield
    finally:
        _offset = before


def to_iso(moment: datetime) -> str:
    """Write an aware time as ISO 8601 with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time; one without an offset is taken as UTC.

    Raises:
        ValueError: `text` is no ISO 8601 time.
    """
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
