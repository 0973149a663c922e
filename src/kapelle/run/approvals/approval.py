"""Approval: a question to a person, what may be decided of it, by whom and until when (pure)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, JsonValue

from kapelle.clock import to_iso
from kapelle.errors import (
    AlreadyDecided,
    ApprovalChanged,
    ApprovalExpired,
    KapelleError,
    NotFound,
    Refused,
    UnknownVersion,
)
from kapelle.telemetry.redact import redact

Decision: TypeAlias = Literal["approved", "rejected"]
ADMIN = "admin"
"""The role that may decide at every level."""
EXPIRY = "expiry"
"""Who decided when nobody did in time."""
WITHDRAWN = "withdrawn"
"""Who decided where nobody waits for a decision any more."""
LEVELS = ("approver", ADMIN)
"""The roles that are asked in turn where a step names none."""


class ApprovalRequest(BaseModel):
    """What a person is asked."""

    model_config = ConfigDict(frozen=True)

    id: str
    run: str
    path: str
    action: str
    why: str = ""
    risk: str = ""
    evidence: JsonValue = None
    suggestion: JsonValue = None
    arguments: JsonValue = None
    """The exact arguments that are decided upon."""
    tool: str | None = None
    """The tool they are for; edited ones must fit its schema."""
    created: datetime
    expires_at: datetime
    seconds: float = 86_400.0
    """How long each level has."""
    warn_share: float | None = 0.75
    """After which share of that time it is said that it will expire; None: never."""
    on_expiry: Literal["reject", "escalate"] = "reject"
    levels: tuple[str, ...] = LEVELS[:1]
    """The roles that may decide, in the order in which they are asked."""
    notify: bool = False
    """Somebody is notified of all that becomes of it."""

    @property
    def arguments_hash(self) -> str:
        """The hash a decision is bound to."""
        return hash_of([self.action, self.arguments])


class ApprovalRecord(ApprovalRequest):
    """The question with its decision, when there is one; `expires_at` is that of the level asked now."""

    owner: str
    level: int = 0
    """Which of `levels` is asked now, from 0."""
    warn_at: datetime | None = None
    """When it will be said that it expires; None: it has been, or never is."""
    decision: Decision | None = None
    edited: JsonValue = None
    """The arguments as the person changed them."""
    by: str | None = None
    at: datetime | None = None
    reason: str | None = None
    unreadable: str = ""
    """Why this version cannot read what is asked; empty: it can."""

    @property
    def role(self) -> str:
        """The role that is asked now."""
        return self.levels[min(self.level, len(self.levels) - 1)] if self.levels else LEVELS[0]

    @property
    def output(self) -> dict[str, JsonValue]:
        """What the approval's step puts out."""
        return {
            "decision": self.decision,
            "arguments": self.arguments if self.edited is None else self.edited,
            "reason": self.reason,
            "by": self.by,
            "at": self.at.isoformat() if self.at else None,
        }


@dataclass(frozen=True, slots=True)
class Asking:
    """How questions are asked, unless a step says otherwise."""

    expires_in: float = 86_400.0
    """Seconds each level has."""
    warn_share: float = 0.75
    notify: bool = False

    def request(
        self,
        about: ApprovalRequest,
        *,
        expires_in: float | None = None,
        levels: tuple[str, ...] = (),
        on_expiry: Literal["reject", "escalate"] | None = None,
        until: datetime | None = None,
    ) -> ApprovalRequest:
        """A question with its times and its levels filled in, and without secrets.

        Args:
            until: the deadline of its run, after which no answer helps.
        """
        seconds = expires_in or self.expires_in
        escalates = on_expiry == "escalate" or (on_expiry is None and len(levels) > 1)
        asked = levels or (LEVELS if escalates else LEVELS[:1])
        if escalates and len(asked) == 1:
            asked = (*asked, ADMIN)
        # As rows keep it, to the millisecond: what is read back is what was asked.
        created = about.created.replace(microsecond=about.created.microsecond // 1000 * 1000)
        if until is not None:
            seconds = min(seconds, max(0.001, (until - created).total_seconds()))
        update = {
            "created": created,
            "seconds": seconds,
            "warn_share": self.warn_share if self.warn_share < 1 else None,
            "expires_at": created + timedelta(seconds=seconds),
            "on_expiry": "escalate" if escalates else "reject",
            "levels": asked,
            "notify": self.notify,
        }
        fields = ("action", "why", "risk", "evidence", "suggestion", "arguments")
        shown = {name: redact(getattr(about, name)) for name in fields}
        return about.model_copy(update={**update, **shown})


class AuditEntry(BaseModel):
    """One line of an approval's history. Lines are added, never changed."""

    model_config = ConfigDict(frozen=True)

    id: str
    approval: str
    run: str
    at: datetime
    what: Literal["requested", "warned", "escalated", "decided", "refused", "lost", "withdrawn"]
    by: str | None = None
    data: dict[str, JsonValue] = {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody decides of an approval."""

    approval: str
    owner: str
    decision: Decision
    by: str
    at: datetime
    reason: str = ""
    arguments: JsonValue = None
    """The edited ones; None: as asked."""
    roles: frozenset[str] | None = None
    """The roles of who decides; None: whoever is here may decide."""
    expect_hash: str | None = None
    """The hash of what the person has seen; None: whatever is asked now."""


@dataclass(frozen=True, slots=True)
class Due:
    """What time has made of an open question: `warned`, `escalated` or `expired`, and the question as it is then."""

    what: Literal["warned", "escalated", "expired"]
    record: ApprovalRecord


@dataclass(frozen=True, slots=True)
class Clock:
    """The times of one level."""

    expires_at: datetime
    warn_at: datetime | None


def started(request: ApprovalRequest, now: datetime) -> Clock:
    """The times of a level that is asked from now on."""
    lasts = timedelta(seconds=request.seconds)
    warn_at = None if request.warn_share is None else now + lasts * request.warn_share
    return Clock(now + lasts, warn_at)


def opened(request: ApprovalRequest, owner: str) -> ApprovalRecord:
    """A question that was just asked."""
    return ApprovalRecord(owner=owner, warn_at=started(request, request.created).warn_at, **request.model_dump())


def objection(record: ApprovalRecord, verdict: Verdict, *, ended: bool) -> KapelleError | None:
    """Why a decision does not count, or None when it does. `record` is as time has left it (see `due_of`).

    Args:
        ended: its run has ended.
    """
    name = f"approval `{record.id}`"
    if record.decision is not None and record.by == EXPIRY:
        return ApprovalExpired(f"{name} expired and was {record.decision}: {record.reason or 'nobody decided in time'}")
    if record.decision is not None and record.by == WITHDRAWN:
        return ApprovalChanged(f"{name} is not asked any more: {record.reason}")
    if record.decision is not None:
        when = f" at {to_iso(record.at)}" if record.at else ""
        return AlreadyDecided(f"{name} was {record.decision} by {record.by} already{when}")
    if record.unreadable:
        return UnknownVersion(f"{name} cannot be decided here: {record.unreadable}")
    if ended:
        return Refused(f"{name} cannot be decided any more: its run has ended")
    if verdict.expect_hash is not None and verdict.expect_hash != record.arguments_hash:
        return ApprovalChanged(f"{name} asks something else by now; look at it again: `kapelle approvals {record.id}`")
    if verdict.roles is not None and not may_decide(record, verdict.roles):
        held = f"`{verdict.by}` has {_listed(verdict.roles)}" if verdict.roles else f"`{verdict.by}` has no role"
        return Refused(f"{name} needs the role `{record.role}`; {held} (setting `KAPELLE_APPROVALS__ROLES`)")
    return None


def no_such(approval: str) -> NotFound:
    """The error for an id that nobody has."""
    return NotFound(f"there is no approval `{approval}`; `kapelle approvals` lists them")


def may_decide(record: ApprovalRecord, roles: frozenset[str]) -> bool:
    """Whether one of these roles may decide now: the one asked, a later one, or `admin`."""
    return not roles.isdisjoint({record.role, *record.levels[record.level :], ADMIN})


def due_of(record: ApprovalRecord, now: datetime) -> Due | None:
    """What time makes of an open question, one thing at a time; None when nothing is due."""
    if record.decision is not None or record.unreadable:
        return None
    if record.expires_at <= now:
        return _escalated(record, now) or _expired(record, now)
    if record.warn_at is not None and record.warn_at <= now:
        return Due("warned", record.model_copy(update={"warn_at": None}))
    return None


def _escalated(record: ApprovalRecord, now: datetime) -> Due | None:
    if record.on_expiry != "escalate" or record.level + 1 >= len(record.levels):
        return None
    # The clock starts again now, not when the level was due: whoever is asked next has the whole time.
    begun = started(record, now)
    update = {"level": record.level + 1, "expires_at": begun.expires_at, "warn_at": begun.warn_at}
    return Due("escalated", record.model_copy(update=update))


def _expired(record: ApprovalRecord, now: datetime) -> Due:
    update = {"decision": "rejected", "by": EXPIRY, "at": now, "reason": f"nobody decided in time ({record.role})"}
    return Due("expired", record.model_copy(update={**update, "warn_at": None}))


def _listed(roles: frozenset[str]) -> str:
    return ", ".join(f"`{role}`" for role in sorted(roles))


def shown(record: ApprovalRecord) -> dict[str, JsonValue]:
    """What a person is shown, for the history: the question without what identifies it."""
    data = record.model_dump(mode="json", include={"action", "why", "risk", "evidence", "suggestion", "arguments"})
    return {
        **data,
        "tool": record.tool,
        "hash": record.arguments_hash,
        "role": record.role,
        "expires_at": to_iso(record.expires_at),
    }


# `json.dumps` makes an encoder at every call that asks for anything but its defaults.
_canonical_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def hash_of(value: JsonValue) -> str:
    """SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(_canonical_json(value).encode()).hexdigest()
