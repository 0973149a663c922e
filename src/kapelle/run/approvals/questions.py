"""The questions of a step's own loop: each has one identity over every entry into the step, and over crashes."""

import hashlib
import itertools

from pydantic import JsonValue
from pydantic_core import PydanticSerializationError, to_jsonable_python

from kapelle import clock
from kapelle.errors import BadInput
from kapelle.language.surrogates import lone_surrogate, no_utf8, strict_json
from kapelle.run.approvals.approval import WITHDRAWN, ApprovalRecord, ApprovalRequest, Asking, hash_of
from kapelle.run.inside.journal import Entry
from kapelle.run.model import NewEvent
from kapelle.run.outcome import Circumstances
from kapelle.task.model import Approve
from kapelle.tools.model import Answer, Question, Tool


class Questions:
    """What one entry into a step asks people."""

    def __init__(self, about: Circumstances, path: str, asking: Asking, known: list[ApprovalRecord]) -> None:
        """Args:
        known: what former entries have asked.
        """
        self._about = about
        self._path = path
        self._asking = asking
        self._known = {one.id: one for one in known}
        self._seen: set[str] = set()
        self.requests: list[ApprovalRequest] = []
        """What is to be asked now."""

    def ask(self, question: Question) -> Answer | str:
        """The answer, where somebody gave one to this very question; else the id of the approval to wait for."""
        for name in ("action", "why", "risk", "key"):
            check_text(getattr(question, name), f"`{name}` of a question")
        arguments = as_json(question.arguments, f"`{question.action}`")
        asked = hash_of([question.action, arguments])
        # With other arguments it is another question: whoever decided the former ones has not decided these.
        id = self._id(question.key, asked)
        self._seen.add(id)
        known = self._known.get(id)
        if known is not None:
            if known.decision is None:
                return id
            # As asked, not as stored: what is stored has no secrets, and the call may need them.
            given = arguments if known.edited is None else known.edited
            return Answer(known.decision, given, known.by or "", known.reason or "")
        if all(one.id != id for one in self.requests):
            self.requests.append(self._request(id, question, arguments))
        return id

    @property
    def unasked(self) -> list[str]:
        """Open questions of former entries that this one did not come upon."""
        return [id for id, one in self._known.items() if one.decision is None and id not in self._seen]

    @property
    def notes(self) -> list[NewEvent]:
        """The events of what is asked now."""
        return [asked_event(one) for one in self.requests]

    def _request(self, id: str, question: Question, arguments: JsonValue) -> ApprovalRequest:
        now = clock.now()
        asked = ApprovalRequest(
            id=id,
            run=self._about.run_id,
            path=self._path,
            action=question.action,
            why=question.why,
            risk=question.risk,
            evidence=as_json(question.evidence, "`evidence`"),
            suggestion=as_json(question.suggestion, "`suggestion`"),
            arguments=arguments,
            tool=question.tool,
            created=now,
            expires_at=now,
        )
        return self._asking.request(asked, until=self._about.task.deadline)

    def _id(self, key: str, asked: str) -> str:
        for turn in itertools.count():
            place = (self._about.run_id, self._path, str(self._about.revision), key, asked, str(turn))
            id = "apr_" + hashlib.sha256("\0".join(place).encode()).hexdigest()[:20]
            known = self._known.get(id)
            # One that was withdrawn and is asked after all is asked anew.
            if known is None or known.by != WITHDRAWN:
                return id
        raise AssertionError("counting ends nowhere")


def question_before(call: str, tool: Tool, arguments: dict[str, JsonValue], approve: Approve) -> Question | None:
    """What is asked before a tool is called inside a step; None: nothing, as the task says."""
    if not (approve == "always" or (approve == "writes" and tool.effect == "write")):
        return None
    about = f": {tool.description}" if tool.description else ""
    why = "it changes something outside" if tool.effect == "write" else "every call is approved"
    return Question(f"Call `{tool.name}`{about}", arguments, why, tool=tool.name, key=f"call:{call}")


def question_after(done: Entry, what: str, arguments: JsonValue) -> Question:
    """What is asked when a step, entered again, does not come to a write that it has made; `what` it does instead."""
    return Question(
        action=f"Go on with what `{done.what}` has done (call `{done.call}`)",
        arguments=arguments,
        why=f"the step was interrupted after this write; entered again, it {what}",
        risk="what was written stays; rejecting fails the step and takes nothing back",
        key=f"diverged:{done.call}",
    )


def asked_event(request: ApprovalRequest) -> NewEvent:
    """The event of a question."""
    return NewEvent(kind="approval.requested", data={"approval": request.id, "action": request.action})


def as_json(value: object, what: str) -> JsonValue:
    """A value as JSON.

    Raises:
        BadInput: it is none, or no UTF-8 holds it.
    """
    try:
        made: JsonValue = to_jsonable_python(value)
        strict_json(made).encode()
    except PydanticSerializationError:
        raise BadInput(f"{what}: expected JSON, not {type(value).__name__}") from None
    except UnicodeEncodeError as error:
        raise BadInput(f"{what}: {no_utf8(error.object)}") from None
    except ValueError:
        raise BadInput(f"{what}: expected JSON (NaN and infinity are none)") from None
    return made


def check_text(text: str, what: str) -> None:
    """See that a text can be stored.

    Raises:
        BadInput: no UTF-8 holds it.
    """
    if lone_surrogate(text):
        raise BadInput(f"{what}: {no_utf8(text)}")
