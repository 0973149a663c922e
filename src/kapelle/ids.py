"""Make sortable, typed ids; how an owner is written."""

import os
import threading
import time
from typing import NewType

RunId = NewType("RunId", str)
PlanId = NewType("PlanId", str)
TaskId = NewType("TaskId", str)
StepId = NewType("StepId", str)
ApprovalId = NewType("ApprovalId", str)

OWNER_PATTERN = r"^[^/\s]{1,200}/[^/\s]{1,200}$"
"""`tenant/user`."""
DEFAULT_OWNER = "local/local"

# Crockford's base 32: no I, L, O, U, so an id survives being read aloud.
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 50

_lock = threading.Lock()
_last = 0


def new_id(kind: str) -> str:
    """Make an id `kind_` and 20 characters: 10 of time (ms), 10 random ones; a process's ids sort by creation.

    Within one millisecond, and while the clock stands behind, an id is the former and a random step
    (RFC 9562, 6.2, method 2), so that of two words said at once the later one is known.
    """
    global _last
    fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | _random(_RANDOM_BITS)
    with _lock:
        number = _last = max(fresh, _last + 1 + _random(32))
    digits = []
    for _ in range(20):
        digits.append(_DIGITS[number & 31])
        number >>= 5
    return f"{kind}_{''.join(reversed(digits))}"


def _random(bits: int) -> int:
    return int.from_bytes(os.urandom((bits + 7) // 8), "big") >> -bits % 8


def escape_segment(text: str) -> str:
    """Escape `~` and `/` as JSON Pointer does (RFC 6901), so that a step id is one segment of a path."""
    return text.replace("~", "~0").replace("/", "~1")


def join_path(prefix: str, *segments: str | int) -> str:
    """Append path segments: `join_path("solve", 2, "draft")` is `solve/2/draft`."""
    tail = "/".join(escape_segment(str(segment)) for segment in segments)
    return f"{prefix}/{tail}" if prefix else tail
