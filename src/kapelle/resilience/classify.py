"""Tell errors apart, once: transient, timeout, exhausted (slow down), permanent."""

from math import inf
from typing import Literal, TypeAlias

from kapelle.errors import KapelleError, StepTimeout

ErrorClass: TypeAlias = Literal["transient", "timeout", "exhausted", "permanent"]

# What a second try with the same arguments cannot cure: a mistake in the code, a wrong value, a file that is not there.
_PERMANENT = (
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    NameError,
    LookupError,
    AssertionError,
    NotImplementedError,
    ImportError,
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
)
_SLOW_DOWN = 429


def classify(error: BaseException) -> ErrorClass:
    """Which kind of error it is; only `permanent` is not tried again."""
    if isinstance(error, StepTimeout | TimeoutError):
        return "timeout"
    if isinstance(error, KapelleError):
        return "transient" if error.retryable else "permanent"
    if getattr(error, "status_code", None) == _SLOW_DOWN or isinstance(error, MemoryError):
        return "exhausted"
    return "permanent" if isinstance(error, _PERMANENT) else "transient"


def retry_after(error: BaseException) -> float | None:
    """Seconds the other side asks to wait, when the error carries `retry_after`."""
    seconds = getattr(error, "retry_after", None)
    return float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < inf else None
