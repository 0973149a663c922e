"""Decides which fields a ticket must have, which of them a stated ticket lacks, and whether a field is required
at all.
"""

import re
from collections.abc import Sequence

from kapelle.evidence.model import Excerpt
from kapelle.incident.decide.model import MORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.obligations import due
from kapelle.incident.decide.wording import listed, merged, sentence
from kapelle.incident.facts.model import FieldList

_HAS = re.compile(
    r"\b(?:has|have|having|with|contains?|carries|carrying|filled|only|includes?|lists?|set|given|states?)\b",
    re.IGNORECASE,
)
_LACKS = re.compile(
    r"\b(?:without|lacks?|lacking|missing|no|forgot|left out|omits?|omitted|empty|leave out|skip)\b[^.;?]*$",
    re.IGNORECASE,
)
_ASKS_ONE = re.compile(
    r"\b(?:is|are|does|do|must|needs?)\b.*\b(?:required|mandatory|needed|necessary|optional|field)\b"
    r"|(?:need|have|contain|include|carry)s? (?:to \w+ )?(?:an?|the)\b",
    re.IGNORECASE,
)
_SPOKEN_FIELD = re.compile(
    r"\b(?:need|needs|have|has|include|contain|carry|require)s?\s+(?:an?|the)\s+(?P<name>[a-z][\w-]*)\s+field\b",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"\b(?:when|how (?:soon|fast|quickly|long)|by when|deadline|within|late|open(?:ed)?)\b", re.IGNORECASE
)


def decide_ticket_fields(case: Case) -> Answer:
    """The required fields of the ticket asked about, with what a described ticket lacks."""
    opening = due(case, ("fields",)) if _WHEN.search(case.question.prompt) else []
    kinds = kinds_of_ticket(case.question.prompt)
    if not kinds and (case.rank is not None or case.question.concepts):
        kinds = ["incident"]
    lists = [fact for fact in case.view.of(FieldList) if not kinds or fact.subject in (*kinds, "")]
    config = [fact for fact in case.view.configured(FieldList) if not kinds or fact.subject in kinds]
    if not lists and not config:
        return Answer(
            tuple(opening),
            () if opening else (f"fields: no line lists the fields of a {listed(kinds, 'or') or 'ticket'} ticket",),
        )
    drafts = [
        draft for kind in (kinds or _subjects((*lists, *config))) for draft in _of_kind(case, kind, lists, config)
    ]
    if opening:
        return Answer((*opening, *(Draft(draft.text, draft.excerpts, MORE) for draft in drafts)))
    return Answer(tuple(drafts), conflicts=_conflicts(lists, config))


def kinds_of_ticket(prompt: str) -> list[str]:
    """The kinds of ticket a task speaks of; a release is a change."""
    words = {"change": r"change|release|deploy|rollout|migration", "incident": r"incident", "problem": r"problem"}
    return [kind for kind, pattern in words.items() if re.search(rf"\b(?:{pattern})", prompt, re.IGNORECASE)]


def _subjects(lists: Sequence[FieldList]) -> list[str]:
    return list(dict.fromkeys(fact.subject for fact in lists))


def _of_kind(case: Case, kind: str, lists: Sequence[FieldList], config: Sequence[FieldList]) -> list[Draft]:
    own = [fact for fact in lists if fact.subject in (kind, "")]
    configured = [fact for fact in config if fact.subject == kind]
    required = list(dict.fromkeys(name for fact in (own or configured) for name in fact.fields))
    excerpts = merged(*(fact.excerpts for fact in (own or configured)))
    ticket = f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind} ticket" if kind else "a ticket"
    if not required:
        return []
    drafts = [
        _lacking(case, ticket, required, excerpts)
        or _one_field(case, ticket, required, excerpts)
        or Draft(sentence(f"{ticket} must have: {', '.join(required)}"), excerpts, MUST)
    ]
    if own and configured:
        drafts.append(
            Draft(
                sentence(
                    f"The ticket system requires the same fields of {ticket}"
                    if set(configured[0].fields) == set(required)
                    else f"The ticket system requires of {ticket}: {', '.join(configured[0].fields)}"
                ),
                configured[0].excerpts,
                MORE,
            )
        )
    return drafts


def _lacking(case: Case, ticket: str, required: Sequence[str], excerpts: tuple[Excerpt, ...]) -> Draft | None:
    """What is missing of a ticket that the task describes field by field."""
    prompt = case.question.prompt
    places = {name: place for name in required if (place := _place(name, prompt)) >= 0}
    denied = [name for name, place in places.items() if _LACKS.search(prompt[max(0, place - 60) : place])]
    if denied:
        return Draft(
            sentence(f"No, {ticket} is not complete without {listed(denied)}: it must have {', '.join(required)}"),
            excerpts,
            MUST,
        )
    if len(places) < 2 or not _HAS.search(prompt):
        return None
    missing = [name for name in required if name not in places]
    if not missing:
        return Draft(sentence(f"Yes, complete: {ticket} must have {', '.join(required)}"), excerpts, MUST)
    return Draft(
        sentence(
            f"No, not complete: {listed(missing)} {'is' if len(missing) == 1 else 'are'} missing; {ticket} must "
            f"have {', '.join(required)}"
        ),
        excerpts,
        MUST,
    )


def _one_field(case: Case, ticket: str, required: Sequence[str], excerpts: tuple[Excerpt, ...]) -> Draft | None:
    """Whether one named field is required; a name on no list is not."""
    prompt = case.question.prompt
    named = [name for name in required if _place(name, prompt) >= 0]
    elsewhere = list(
        dict.fromkeys(
            name
            for fact in case.view.of(FieldList)
            for name in fact.fields
            if name not in required and _place(name, prompt) >= 0
        )
    )
    if elsewhere and not named and _ASKS_ONE.search(prompt):
        return Draft(
            sentence(
                f"No, {listed(elsewhere)} is not a required field of {ticket}: it must have {', '.join(required)}"
            ),
            excerpts,
            MUST,
        )
    unknown = [
        name
        for name in case.question.names
        if not name.startswith("#") and not any(_same(name, other) for other in required)
    ]
    if (spoken := _SPOKEN_FIELD.search(prompt)) and not any(_same(spoken["name"], other) for other in required):
        unknown = unknown or [spoken["name"]]
    if unknown and not named:
        return Draft(
            sentence(
                f"No, {listed(unknown)} is not a required field of {ticket}: the closed list is {', '.join(required)}"
            ),
            excerpts,
            MUST,
        )
    if len(named) == 1 and _ASKS_ONE.search(prompt) and not re.search(r"\bwhich\b|\bwhat\b", prompt, re.IGNORECASE):
        return Draft(sentence(f"Yes, {named[0]} is required of {ticket}: {', '.join(required)}"), excerpts, MUST)
    return None


def _place(name: str, prompt: str) -> int:
    pattern = re.escape(name).replace("_", r"[_\s-]").replace(r"\ ", r"[_\s-]").replace(r"\-", r"[_\s-]")
    match = re.search(rf"(?<!\w){pattern}s?(?!\w)", prompt, re.IGNORECASE)
    return match.start() if match else -1


def _same(left: str, right: str) -> bool:
    return re.sub(r"[_\s-]", "", left).lower() == re.sub(r"[_\s-]", "", right).lower()


def _conflicts(lists: Sequence[FieldList], config: Sequence[FieldList]) -> tuple[str, ...]:
    found = []
    for fact in config:
        own = {
            re.sub(r"[_\s-]", "", name).lower()
            for other in lists
            if other.subject == fact.subject
            for name in other.fields
        }
        theirs = {re.sub(r"[_\s-]", "", name).lower() for name in fact.fields}
        if own and theirs and own != theirs:
            found.append(
                f"{fact.subject} fields: the policy and {fact.source} list different ones "
                f"({', '.join(sorted(own ^ theirs))})"
            )
    return tuple(found)
