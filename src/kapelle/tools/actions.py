"""Find the action items of a text: what somebody is asked, told or has promised to do."""

import re
from dataclasses import dataclass

from kapelle.language.sentences import sentences
from kapelle.tools.deadlines import find_deadlines

_VERB_LIST = """
add address agree analyze announce apply approve arrange ask assign attach audit back backfill block book brief bring
build call cancel change check choose clarify clean close collect communicate compare complete compose configure
confirm contact coordinate copy create cut decide define delete deliver deploy describe design disable discuss
distribute document draft drop email enable ensure escalate estimate evaluate examine execute export extend file fill
finalize find finish fix follow forward gather generate get give hand handle hire hold identify implement import
improve inform inspect install introduce investigate invite involve issue join keep launch lead let list log look
lower mail maintain make measure meet merge migrate monitor move notify obtain open order organize page patch pay
phone pick ping plan post prepare present prevent prioritize process produce propose provide publish pull purchase
push put raise reach read rebuild recheck record recover reduce refactor register release remind remove renew reopen
repair replace reply report reproduce request reschedule resend reset resolve respond restart restore retry return
revert review revise revoke roll rotate run schedule send set share ship sign sort start stop submit summarize support
switch sync take talk tell test track train transfer trigger try tune turn update upgrade upload validate verify visit
wait warn write
"""
VERBS = frozenset(_VERB_LIST.split())
"""Verbs that open a request: those of offices and engineering."""
_VERB = rf"(?:{'|'.join(sorted(VERBS, key=len, reverse=True))})\b"
_MARK = re.compile(r"^\s*(?:(?:[-*+•>]|\d{1,3}[.)]|#{1,6})\s+)*")
_BOX = re.compile(r"^\[(?P<done>[xX ]?)\]\s*")
_LABEL = re.compile(
    r"^(?:action(?:\s+items?)?|todo|to[- ]do|next\s+steps?|task|follow[- ]?up)\s*[:\-–]\s*", re.IGNORECASE
)
_NAME = r"(?:@?[A-Z][\w.'’-]*(?:\s+[A-Z][\w.'’-]*){0,2}|@[a-z][\w.-]*)"
_MODAL_WORD = (
    r"(?:will|shall|should|must|needs?\s+to|ha(?:s|ve)\s+to|(?:is|are)\s+(?:going\s+)?to|agreed\s+to|promised\s+to|"
    r"volunteered\s+to|ought\s+to|to)"
)
_GROUP = r"[Tt]he\s+[\w-]+(?:\s+[\w-]+)?"
_OWNED = re.compile(
    rf"^(?P<owner>{_GROUP}|{_NAME}|[Ww]e|I|[Yy]ou|[Ee]veryone|[Ss]omeone)"
    rf"(?P<others>(?:,?\s+(?:and|&|or)\s+(?:{_GROUP}|{_NAME}))*)\s*[:,\-–]?\s+(?={_MODAL_WORD}\b|please\b|{_VERB})"
)
_OWNER_THEN = re.compile(rf"^(?P<owner>{_NAME})\s*(?::|–|—|\s-)\s+(?=\S)")
_MODAL = re.compile(
    rf"^(?:{_MODAL_WORD}\s+(?:also\s+|then\s+|please\s+)?(?P<verb>[a-z]\w+)|please\s+{_VERB}|{_VERB}(?=.*\bplease\b))"
)
_ASKED = re.compile(
    rf"^(?:(?i:could|can|would|will)\s+(?P<you>(?i:you|someone|somebody|anyone)|{_NAME})\s+(?:please\s+)?\w+"
    r"|(?i:let['’]?s\s+\w+|(?:it\s+is\s+)?(?:important|necessary)\s+to\s+\w+|(?:don['’]t|do\s+not)\s+forget\s+to\s+\w+))"
)
_OPENING = re.compile(
    r"^(?:(?:and|also|then|so|next|first|second|finally|lastly|afterwards?),?\s+|please,?\s+)+", re.IGNORECASE
)
_IMPERATIVE = re.compile(rf"^{_VERB}", re.IGNORECASE)
_NOT_IMPERATIVE = re.compile(
    rf"^{_VERB}\s+(?:is|are|was|were|has|have|had|will|can|of|and\s+\w+\s+(?:is|are))\b", re.IGNORECASE
)
_STATIVE_VERBS = "be have remain seem happen need want know affect continue include cost"
_STATIVE = frozenset(_STATIVE_VERBS.split())
_ASSIGNED = re.compile(rf"(?:\(|\b(?:owner|assignee|assigned\s+to)\s*[:=]?\s*)(?P<owner>{_NAME})\)?\s*[.;]?$")
_NOBODY = frozenset({"it", "this", "that", "there", "he", "she", "they", "these", "those", "which", "who", "what"})


@dataclass(frozen=True, slots=True)
class Found:
    """Something to do: the sentence without its list mark, who does it, and by when, as far as the text says."""

    text: str
    owner: str | None
    due: str | None


def find_action_items(text: str) -> list[Found]:
    """The action items of a text, in order; ticked boxes are done and left out."""
    items: dict[str, Found] = {}
    for start, end in sentences(text):
        sentence = text[start:end]
        mark = _MARK.match(sentence)
        body = sentence[mark.end() :] if mark else sentence
        item = _item(" ".join(body.split()))
        if item:
            items.setdefault(item.text, item)
    return list(items.values())


def _item(sentence: str) -> Found | None:
    box = _BOX.match(sentence)
    if box and box["done"].lower() == "x":
        return None
    said = sentence[box.end() :] if box else sentence
    label = _LABEL.match(said)
    said = said[label.end() :] if label else said
    if not said or (said.startswith("#") and not box):
        return None
    owner, wanted = _wanted(said)
    if not wanted and not box and not label:
        return None
    assigned = _ASSIGNED.search(said)
    deadlines = find_deadlines(said)
    due = deadlines[0].text if deadlines else None
    return Found(said, owner or (assigned["owner"] if assigned else None), due)


def _wanted(said: str) -> tuple[str | None, bool]:
    """Who is to do it, and whether it is something to do at all."""
    said = _OPENING.sub("", said)
    if _IMPERATIVE.match(said) and not _NOT_IMPERATIVE.match(said) and not said.endswith("?"):
        return None, True
    asked = _ASKED.match(said)
    if asked:
        you = asked["you"]
        return (you if you and you[0].isupper() else None), True
    return _owned(said)


def _owned(said: str) -> tuple[str | None, bool]:
    named = _OWNER_THEN.match(said)
    if named:
        rest = _OPENING.sub("", said[named.end() :])
        if _IMPERATIVE.match(rest) or _MODAL.match(rest):
            return named["owner"].lstrip("@"), True
    subject = _OWNED.match(said)
    if not subject or subject["owner"].lower() in _NOBODY or said.endswith("?"):
        return None, False
    modal = _MODAL.match(said[subject.end() :])
    if not modal or (modal["verb"] or "") in _STATIVE:
        return None, False
    owner = (subject["owner"] + subject["others"]).lstrip("@")
    return (None if owner.lower() in ("we", "i", "you", "everyone", "someone") else owner), True
