"""Approval: a question to a person, and the decision."""

import hashlib
import json
from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, JsonValue

Decision: TypeAlias = Literal["approved", "rejected"]


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
    on_expiry: Literal["reject", "escalate"] = "reject"

    @property
    def arguments_hash(self) -> str:
        """The hash a decision is bound to."""
        return hash_of([self.action, self.arguments])


class ApprovalRecord(ApprovalRequest):
    """The question with its decision, when there is one."""

    owner: str
    decision: Decision | None = None
    edited: JsonValue = None
    """The arguments as the person changed them."""
    by: str | None = None
    at: datetime | None = None
    reason: str | None = None

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


def hash_of(value: JsonValue) -> str:
    """SHA-256 of a value's canonical JSON, in hex."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
