"""What became of a call to a provider, as a ModelUnavailable in our words.

The provider's own text is left out: it may repeat the prompt, or parts of the key.
"""

import re

from pydantic_ai import exceptions as theirs

from kapelle.agents.patience import LONGEST_WAIT
from kapelle.budget.model import Usage
from kapelle.errors import ModelUnavailable
from kapelle.telemetry.redact import redact_text

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,50}")
_KEY = "check the key (`KAPELLE_LLM__API_KEY`, or the provider's own variable)"
# The first that fits counts: what is narrower stands above what it is a kind of.
_TOLD: tuple[tuple[type[theirs.AgentRunError], str, bool], ...] = (
    (
        theirs.ModelQuotaExceededError,
        "says that the account's quota is used up; raise it, or name another model",
        False,
    ),
    (theirs.ModelRateLimitError, "asks to slow down", True),
    (theirs.ModelAuthenticationError, f"refuses the credentials; {_KEY}", False),
    (theirs.ModelNotFoundError, "does not know this model; check its name and the address", False),
    (theirs.ModelContextWindowExceededError, "says that this is more than it can read; give it less", False),
    (theirs.ModelRequestRejectedError, "refuses the request", False),
    (theirs.ModelTimeoutError, "did not answer in time", True),
    (theirs.ModelRequestTimeout, "did not answer in time", True),
    (theirs.RunTimedOut, "did not answer in time", True),
    (theirs.ModelConnectionError, "cannot be reached, or the connection was cut", True),
    (theirs.ModelAPIError, "fails", True),
    (theirs.ContentFilterError, "withholds its answer (content filter)", False),
    (theirs.OutputTokenLimitExceeded, "was cut off at `max_tokens`; raise it", False),
)


def unavailable(error: theirs.AgentRunError, model: str, *, answered: bool, problem: str = "") -> ModelUnavailable:
    """Say what a provider's failure means, and whether the same call may succeed later.

    Args:
        answered: the model had answered; then it was told once what was wrong, and it will not do better.
        problem: what was wrong with what it answered, where that is known.
    """
    again = not isinstance(error, theirs.ModelHTTPError) or _transient(error)
    for kind, what, retryable in _TOLD:
        if isinstance(error, kind):
            wait = getattr(error, "retry_after", None)
            too_long = wait is not None and wait > LONGEST_WAIT
            asked = f"; it asks to wait {wait:.0f} s" if too_long else ""
            return ModelUnavailable(
                f"model `{model}` {what}{_status(error)}{asked}",
                retryable=retryable and again and not too_long,
                retry_after=wait,
            )
    if answered:
        return ModelUnavailable(
            f"model `{model}` did not answer in the form that was asked for, though told what was wrong"
            f"{_because(problem)}",
            retryable=False,
        )
    return ModelUnavailable(f"model `{model}` answered with something that is no answer", retryable=True)


def spent_on(error: theirs.AgentRunError) -> Usage:
    """What a call took that ended without an answer: nothing if it was refused, else nobody has said."""
    refused = isinstance(error, theirs.ModelHTTPError)
    unsent = isinstance(error, theirs.ModelConnectionError) and error.phase in ("pool", "connect")
    return Usage(requests=1) if refused or unsent else Usage(requests=1, usd=None, unmeasured=1)


def _transient(error: theirs.ModelHTTPError) -> bool:
    return error.status_code >= 500 or error.status_code in (408, 409, 425, 429)


def _status(error: theirs.AgentRunError) -> str:
    """The status, and the provider's code for it where that is one word, and no key."""
    code = getattr(error, "provider_error_code", None)
    parts = [
        str(error.status_code) if isinstance(error, theirs.ModelHTTPError) else "",
        code if isinstance(code, str) and _CODE.fullmatch(code) and redact_text(code) == code else "",
    ]
    told = " ".join(part for part in parts if part)
    return f" ({told})" if told else ""


def _because(problem: str) -> str:
    return f" ({problem})" if problem else ""
