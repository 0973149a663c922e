"""Errors are told apart once."""

import pytest

from kapelle.errors import PlanError, StepTimeout, StoreUnavailable, ToolFailed, Unavailable
from kapelle.resilience.classify import classify, retry_after


class Status(Exception):
    def __init__(self, code: int, after: object = None) -> None:
        self.status_code = code
        self.retry_after = after


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StepTimeout("late"), "timeout"),
        (TimeoutError(), "timeout"),
        (Unavailable("down"), "transient"),
        (StoreUnavailable("full"), "transient"),
        (ToolFailed("no"), "permanent"),
        (PlanError("no"), "permanent"),
        (Status(429), "exhausted"),
        (MemoryError(), "exhausted"),
        (ConnectionResetError(), "transient"),
        (OSError("odd"), "transient"),
        (RuntimeError("odd"), "transient"),
        (ValueError(), "permanent"),
        (KeyError(), "permanent"),
        (FileNotFoundError(), "permanent"),
        (PermissionError(), "permanent"),
        (ZeroDivisionError(), "permanent"),
    ],
)
def test_an_error_has_its_kind(error: BaseException, kind: str) -> None:
    assert classify(error) == kind


@pytest.mark.parametrize(
    ("after", "seconds"), [(3, 3.0), (0, 0.0), (1.5, 1.5), (-1, None), ("3", None), (None, None), (float("inf"), None)]
)
def test_the_wish_of_the_other_side_is_read_when_it_is_one(after: object, seconds: float | None) -> None:
    assert retry_after(Status(429, after)) == seconds
