"""Reads how many approvals something needs and which roles may give them."""

import re
from collections.abc import Iterator

from kapelle.incident.facts.lines import Line
from kapelle.incident.facts.model import Approval
from kapelle.incident.reading.quantities import NUMBER, number

_ABOUT = re.compile(r"approv|sign-?\s?off|signed off|authori[sz]|consent|\bco-?sign", re.IGNORECASE)
_COUNT = re.compile(
    rf"(?P<number>{NUMBER}|\bno\b|\ban?\b|\bsingle\b|\bdual\b|\bboth\b"
    rf"|\bdouble\b)\s+(?:[a-z-]+\s+){{0,2}}?(?:approv(?:al|er)s?|sign-?\s?offs?|signatures?|reviewers?"
    rf"|people|persons|authori[sz]ations?)\b",
    re.IGNORECASE,
)
_COUNT_AFTER = re.compile(
    rf"(?:approv(?:al|er)s?|sign-?\s?offs?)(?:\s+(?:required|needed))?\s*[:=]\s*(?P<number>{NUMBER})\b", re.IGNORECASE
)
_WORD_COUNT = {"no": 0, "a": 1, "an": 1, "single": 1, "dual": 2, "both": 2, "double": 2}
_ANY_OF = re.compile(rf"\b(?:any|either|one)\s+(?:(?P<number>{NUMBER})\s+)?of\b|\beither\b", re.IGNORECASE)
_NEGATIVE = re.compile(
    r"\b(?:must not|may not|cannot|can not|never|does not|do not|not valid|expires?|expired|lapse|author of)\b",
    re.IGNORECASE,
)
_NEEDS_NONE = re.compile(
    r"\b(?:do|does) not (?:require|need)(?: an?| any)? (?:approval|sign-?off)|without (?:an?y? )?approval",
    re.IGNORECASE,
)
_ROLE_APPROVAL = re.compile(
    r"[:–—]\s*(?P<roles>(?!at least|one|two|three|no\b|\d)[A-Za-z][^:;.,()\d]*?)\s+(?:approval|sign-?off|approves)\b",
    re.IGNORECASE,
)
_BRACKET = re.compile(r"\((?P<roles>[^()]*[a-z][^()]*)\)")
_FROM = re.compile(
    r"\b(?:from|by|of|with)\s+(?P<roles>(?!(?:the )?(?:change|request|incident ticket)\b)[^.;()]+)", re.IGNORECASE
)
_APPROVES = re.compile(
    r"(?:^|:\s*|,\s*)(?P<roles>(?:the\s+)?[^:;.()]+?)\s+(?:must|have to|has to|both|need to|needs to|shall"
    r"|approves?\b)\s*(?:both\s+|all\s+)?(?:approves?|sign|agree|authori[sz]e)?",
    re.IGNORECASE,
)
_AFTER_COLON = re.compile(r"[:–—]\s*(?P<roles>[^:.;()]+)$")
_SUBJECT_END = re.compile(
    r"\s*(?::|–|—|\s-\s|\b(?:needs?|requires?|require|takes?|must (?:have|be|carry|get)|do not|does not"
    r"|without|is approved|are "
    r"approved|calls? for|demands?|has to|have to|approved by|with|goes out)\b)",
    re.IGNORECASE,
)
_FOR = re.compile(
    r"\bfor\s+(?P<subject>(?:an?\s+|the\s+|any\s+|all\s+|each\s+)?[^.,;:()]+?)(?=\s+(?:is|are|needs?"
    r"|requires?|comes?|must|from|by)\b|[.,;:(]|$)",
    re.IGNORECASE,
)
_ROLE_HEADER = re.compile(r"approver|role|\bwho\b|\bby\b|from|sign", re.IGNORECASE)
_COUNT_HEADER = re.compile(r"approvals?|count|number|how many|required|minimum|quorum", re.IGNORECASE)
_NO_ROLE = re.compile(
    r"^(?:approvals?|approvers?|required|at least|minimum|before|n/?a|none|in jira|in the ticket|all|any"
    r"|both|each|hours?|minutes?|different.*|distinct.*|it|them)$|\d|^$|https?:",
    re.IGNORECASE,
)
_TRIM = re.compile(
    r"^(?:(?:the|an?|one|both|either|any|plus|also|including|of|by|from|namely|i\.e\.|two|three|at "
    r"least)(?:\s*:\s*|\s+))+|\s+(?:before|in writing|within|on|prior|during|after|if|when|for|must|is|are|required"
    r"|needed|as well|together|in advance|approvals?|approvers?|sign-?off)\b.*$",
    re.IGNORECASE,
)


def approvals_in(line: Line) -> Iterator[Approval]:
    """The approval rule of the line; none when it is not one."""
    if line.titled not in (None, "approval", "change", "rollback", "closing", "scope") or not (
        _ABOUT.search(line.text) or line.topic == "approval"
    ):
        return
    if _NEGATIVE.search(line.text) and not _NEEDS_NONE.search(line.text):
        return
    subject, count, roles, any_of = _from_cells(line) if line.entry.cells else _from_text(line)
    if not subject or (count is None and not roles):
        return
    if count is None:
        count = 1 if any_of else len(roles)
    yield Approval(
        excerpt=line.excerpt,
        lead=line.parent_lead if not line.entry.cells and subject not in line.text else (),
        text=line.said,
        heading=line.heading,
        topic="approval",
        severities=line.severities,
        subject=subject,
        count=count,
        roles=roles,
        any_of=any_of or 0 < count < len(roles),
    )


def roles_of(text: str) -> tuple[str, ...]:
    """Role names in a list such as `peer reviewer, service owner and the change manager`."""
    parts = re.split(r",|\band\b|\bor\b|&|\+|/|;|\bplus\b", text)
    names = [_TRIM.sub("", part.strip(" .:`*")).strip() for part in parts]
    names = [re.sub(r"^(?:the|an?)\s+", "", name, flags=re.IGNORECASE) for name in names]
    return tuple(dict.fromkeys(name for name in names if not _NO_ROLE.search(name) and len(name.split()) <= 6))


def _from_text(line: Line) -> tuple[str, int | None, tuple[str, ...], bool]:
    text = line.text.rstrip(". ")
    if _NEEDS_NONE.search(text):
        return _subject(line), 0, (), False
    match = _COUNT.search(text) or _COUNT_AFTER.search(text)
    any_of = _ANY_OF.search(text)
    count = (
        _number(match["number"]) if match else int(number(any_of["number"])) if any_of and any_of["number"] else None
    )
    subject = _subject(line)
    rest = text[len(subject) :] if subject and text.startswith(subject) else text
    roles = _roles(rest, match is not None)
    if match is None and not any_of and not (roles and _ABOUT.search(text)) and line.topic != "approval":
        return "", None, (), False
    if count is None and any_of:
        count = 1
    alternatives = bool(any_of) or bool(
        re.search(r"\bor\b", rest) and not re.search(r"\band\b", rest) and len(roles) > 1
    )
    return subject, count, roles, alternatives


def _number(text: str) -> int:
    word = text.lower()
    return _WORD_COUNT[word] if word in _WORD_COUNT else int(number(word))


def _roles(text: str, counted: bool) -> tuple[str, ...]:
    bracket = _BRACKET.search(text)
    if bracket and roles_of(bracket["roles"]):
        return roles_of(bracket["roles"])
    tail = re.split(
        r"\b(?:approv(?:al|er)s?|sign-?\s?offs?|signatures?|approved|signed off|people|persons|reviewers?)\b",
        text,
        maxsplit=1,
        flags=re.IGNORECASE,
    )
    if len(tail) > 1:
        for pattern in (_FROM, _AFTER_COLON):
            if match := pattern.search(tail[1]):
                return roles_of(match["roles"])
        if counted and (match := re.match(r"\s*[,:–—-]\s*(?P<roles>.+)$", tail[1])):
            return roles_of(match["roles"])
    for pattern in (_ROLE_APPROVAL, _APPROVES, _AFTER_COLON):
        match = pattern.search(text)
        if match and not _COUNT.search(match["roles"]):
            return roles_of(match["roles"])
    return ()


def _subject(line: Line) -> str:
    text = line.text
    before = _SUBJECT_END.split(text, maxsplit=1)[0].strip()
    counted = _COUNT.match(before) or re.match(r"approv|sign", before, re.IGNORECASE)
    if match := (_FOR.search(text) if counted or before == text.strip() else None):
        return match["subject"].strip()
    if before and before != text.strip() and len(before.split()) <= 9 and not counted:
        return before
    parents = [parent.text.rstrip(":. ") for parent in reversed(line.entry.parents)]
    above = next(
        (parent for parent in parents if not re.fullmatch(r"approvals?( required)?", parent, re.IGNORECASE)), ""
    )
    return _SUBJECT_END.split(above, maxsplit=1)[0].strip() or (
        "" if counted else line.heading.lstrip("0123456789. ") if _COUNT.search(text) else ""
    )


def _from_cells(line: Line) -> tuple[str, int | None, tuple[str, ...], bool]:
    cells = line.entry.cells
    subject = cells[0][1] if cells else ""
    count: int | None = None
    roles: tuple[str, ...] = ()
    any_of = False
    for header, cell in cells[1:]:
        digits = re.fullmatch(
            rf"(?:at least\s+)?(?P<number>{NUMBER})(?:\s+approv\w*)?(?:\s*\((?P<roles>.*)\))?",
            cell.strip(),
            re.IGNORECASE,
        )
        if digits and (_COUNT_HEADER.search(header) or line.topic == "approval"):
            count = int(number(digits["number"]))
            roles = roles_of(digits["roles"]) if digits["roles"] else roles
        elif _ROLE_HEADER.search(header) or _COUNT_HEADER.search(header):
            found = _COUNT.search(cell)
            count = _number(found["number"]) if found else count
            any_of = any_of or bool(
                _ANY_OF.search(cell) or (re.search(r"\bor\b", cell) and not re.search(r"\band\b|,", cell))
            )
            roles = (_roles(cell, counted=True) if found else roles_of(cell)) or roles
    return subject, count, roles, any_of
