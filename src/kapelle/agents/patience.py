"""How long a provider is waited for, and what is raised when it is waited for no longer."""

from kapelle.errors import ModelUnavailable, RetriesExhausted
from kapelle.resilience.guarded import GaveUp

LONGEST_WAIT = 60.0
"""Seconds a provider may ask to wait; when it asks for more, the call fails and says so."""


def last_of(failed: GaveUp) -> BaseException:
    """The error of a call that failed for good: what was tried often enough is not to be tried again by the caller."""
    error = failed.error.last if isinstance(failed.error, RetriesExhausted) else failed.error
    if not isinstance(error, ModelUnavailable) or failed.attempts == 1:
        return error
    return ModelUnavailable(
        f"{error}; it was tried {failed.attempts} times", retryable=False, retry_after=error.retry_after
    )
