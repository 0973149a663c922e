"""The exception tree: every error Kapelle raises on purpose.

    KapelleError
    ├── BadInput                 what was given cannot be used (exit 2, 422)
    │   ├── SettingsError        a setting is wrong
    │   ├── TaskError            a task is malformed
    │   ├── PlanError            a plan has problems; carries them as data
    │   ├── ToolInputError       arguments do not fit a tool's schema
    │   ├── UnreadableSource     a file or folder cannot be read or parsed
    │   ├── MissingExtra         an optional dependency is not installed
    │   └── UnknownVersion       something stored was written by a version that this one cannot read
    ├── NotFound                 no such run, plan, tool or corpus (exit 2, 404)
    ├── Refused                  understood, and not allowed (exit 1, 403)
    │   ├── BudgetExceeded       the next call would pass the budget (402)
    │   ├── AlreadyDecided       somebody else decided first (409)
    │   ├── ApprovalChanged      what is asked is not what was seen (409)
    │   ├── ApprovalExpired      nobody decided in time (409)
    │   ├── Rejected             a person said no to a call
    │   ├── Conflict             somebody else has written it meanwhile (409)
    │   ├── Purged               what it needs was deleted by the retention (410)
    │   └── RunStuck             its run cannot go on with the code as it is (exit 2, 409)
    ├── WaitingForApproval       the run is kept and waits for a person (exit 3, 409)
    ├── StepError                a step failed
    │   ├── ToolFailed           a tool raised or answered outside its schema
    │   ├── StepTimeout          a call did not return within its limit (retryable, 504)
    │   └── RetriesExhausted     every attempt failed
    ├── Unavailable              something outside does not answer (retryable, 503)
    │   ├── StoreUnavailable     the database cannot be written (exit 2, 503)
    │   │   └── DiskFull         no space is left for it
    │   ├── ModelUnavailable     a model's provider does not answer, or not usably; carries whether to try again
    │   └── QueueFull            too many runs wait for a worker already (429)
    ├── DatabaseDamaged          the database file is not usable (exit 2, 500)
    └── OwnershipLost            another process took the run over; this one stops

Each class answers three questions as class data: `exit_code`, `http_status`, `retryable`.
A message says what, which (in backticks) and what to do.
"""

from collections.abc import Sequence
from decimal import Decimal


class KapelleError(Exception):
    """Base of every error that Kapelle raises on purpose."""

    exit_code: int = 1
    http_status: int = 500
    retryable: bool = False


class BadInput(KapelleError):
    """What was given cannot be used; the message names the field and the remedy."""

    exit_code = 2
    http_status = 422


class SettingsError(BadInput):
    """A setting has a value that cannot be used."""


class TaskError(BadInput):
    """A task is malformed."""


class PlanError(BadInput):
    """A plan does not validate; `problems` holds every problem found, as data."""

    def __init__(self, message: str, problems: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class ToolInputError(BadInput):
    """Arguments do not fit the tool's schema; nothing was called."""


class UnreadableSource(BadInput):
    """A file or folder cannot be read or parsed."""


class MissingExtra(BadInput):
    """An optional dependency is needed and not installed; of a provider's package, `package` has the extra."""

    def __init__(self, extra: str, *, package: str = "kapelle") -> None:
        super().__init__(f"this needs the `{extra}` extra: pip install '{package}[{extra}]'")
        self.extra = extra


class UnknownVersion(BadInput):
    """Something stored was written by a version that this one cannot read; it is left as it is."""


class NotFound(KapelleError):
    """There is no such run, plan, tool, agent or corpus."""

    exit_code = 2
    http_status = 404


class Refused(KapelleError):
    """Understood, and not allowed."""

    http_status = 403


class BudgetExceeded(Refused):
    """The next call would pass the task's budget; nothing was sent."""

    http_status = 402

    def __init__(self, limit: str, wanted: Decimal | int, allowed: Decimal | int) -> None:
        super().__init__(
            f"`{limit}`: the next call may take {wanted}, and {allowed} is allowed; raise the budget or drop a step"
        )


class AlreadyDecided(Refused):
    """The approval was decided before; the message says by whom and how."""

    http_status = 409


class ApprovalChanged(Refused):
    """The approval asks for something else than what the person has seen; nothing was decided."""

    http_status = 409


class ApprovalExpired(Refused):
    """Nobody decided the approval in time."""

    http_status = 409


class Rejected(Refused):
    """A person said no to a call inside a step."""


class Conflict(Refused):
    """Somebody else has written it meanwhile; nothing was written, the message says who is ahead."""

    http_status = 409


class Purged(Refused):
    """What is needed was deleted by the retention; the message says what, and when."""

    exit_code = 2
    http_status = 410


class RunStuck(Refused):
    """The run cannot go on with the code as it is; it is kept, and can be resumed once that is mended."""

    exit_code = 2
    http_status = 409

    def __init__(self, run: str, reason: str) -> None:
        super().__init__(f"run `{run}` cannot go on: {reason}; it is kept: mend that, then `kapelle resume {run}`")
        self.run = run
        self.reason = reason


class WaitingForApproval(KapelleError):
    """The run is kept and waits for a person; `approvals` holds the ids."""

    exit_code = 3
    http_status = 409

    def __init__(self, run: str, approvals: Sequence[str]) -> None:
        ids = ", ".join(approvals)
        super().__init__(f"run `{run}` waits for approval {ids}; decide with `kapelle approve ID`")
        self.run = run
        self.approvals = tuple(approvals)


class StepError(KapelleError):
    """A step failed."""


class ToolFailed(StepError):
    """A tool raised, or what it returned does not fit its schema."""


class StepTimeout(StepError):
    """A call did not return within its limit; the caller was freed."""

    retryable = True
    http_status = 504


class RetriesExhausted(StepError):
    """Every attempt at a call failed; the last error is the cause."""

    def __init__(self, what: str, attempts: int, last: BaseException) -> None:
        super().__init__(f"`{what}` failed {attempts} times; the last error: {last}")
        self.attempts = attempts
        self.last = last


class Unavailable(KapelleError):
    """Something outside does not answer; the same call may succeed later."""

    retryable = True
    http_status = 503


class StoreUnavailable(Unavailable):
    """The database cannot be read or written now; finished work is kept, the run can be resumed."""

    exit_code = 2


class DiskFull(StoreUnavailable):
    """No space is left for the database; nothing finished is lost."""


class ModelUnavailable(Unavailable):
    """A model's provider does not answer, refuses, or answers what cannot be used; `retryable` of each says which.

    Of a model that thinks, embeds or reranks alike. The message never holds what was sent or the key.
    """

    def __init__(self, message: str, *, retryable: bool = True, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        """Seconds the provider asked to wait, or None."""


class QueueFull(Unavailable):
    """Too many runs wait for a worker; nothing was started, try again later."""

    exit_code = 2
    http_status = 429

    def __init__(self, queue: str, limit: int) -> None:
        super().__init__(
            f"queue `{queue}` holds {limit} runs, its limit (`KAPELLE_WORKER__QUEUE_LIMIT`); "
            "start more workers, or try again later"
        )


class DatabaseDamaged(KapelleError):
    """The database file is damaged or not a database."""

    exit_code = 2


class OwnershipLost(KapelleError):
    """Another process took this run over; this one recorded nothing and stops."""
