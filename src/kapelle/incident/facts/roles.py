"""Finds who is escalated to: the role that a clause names before or after its verb."""

import re

from kapelle.incident.facts.clauses import (
    ESCALATE,
)
from kapelle.incident.reading.signals import signals_in

_END = (
    r"(?=\s*(?:\b(?:at|within|after|in|if|when|whenever|by|once|unless|no later|not later|every|as soon"
    r"|while|through|via|from|until|is|are|must|shall|has|have|who|and then|then|"
    r"should|gets|will|plus|provided|where)\b|on\s+\+|[,;:.()+<>≤→|]|—|–|\s-\s|\d|T\+)|\s*$)"
)


_NAME = (
    r"(?:the\s+|an?\s+|our\s+|your\s+|also\s+|on\s+)*(?P<role>[A-Za-z][\w'’/&-]*(?:\s+(?!at\b|within\b"
    r"|after\b|in\b|if\b)[\w'’/&-]+){0,6}?)"
)


_TO_ROLE = re.compile(rf"\bescalat\w*[^.;]*?\b(?:to|with)\s+{_NAME}{_END}", re.IGNORECASE)


_OBJECT = re.compile(
    rf"(?:{ESCALATE.pattern})\s*(?:level\s+\d\s*)?:?\s*(?:it\s+|this\s+|to\s*:?\s+)*{_NAME}{_END}", re.IGNORECASE
)


_PASSIVE = re.compile(
    rf"(?:^|[,;:]\s*|\bthen\s+|\bminutes?\s+|\bhours?\s+){_NAME}\s+(?:is|are|must be|gets|get|will be"
    rf"|shall be|has to be|have to be|joins|takes over|must join|must take over)\s*(?:also\s+"
    rf"|then\s+)?(?:pag|call|notif"
    rf"|inform|alert|engag|wok|involv|escalat|contact|brought|pull|summon)?",
    re.IGNORECASE,
)


_BARE_TO = re.compile(rf"(?:\bto\s+|^\s*(?:and\s+|then\s+)*){_NAME}{_END}", re.IGNORECASE)


_NO_ROLE = re.compile(
    r"^(?:it|them|this|that|each|every|any|all|incident|incidents|p\d|severity|ticket|customers?|users?"
    r"|executives?|clients?|status page|public status page|public|channel|stakeholders|acknowledge\w*|step"
    r"|audit.*|on|after|management channel|"
    r"escalations?|minutes?|notification|obligation|action|page|paging|alert|within|if|unless|unowned"
    r"|response|update.*|post.*|the|record.*|first|second|third|regulators?)$",
    re.IGNORECASE,
)


_NO_ROLE_START = re.compile(
    r"^(?:every|each|any|all|no|if|there|when|it|this|their|its|through|via|by|in|on|at|within|after|with)\b",
    re.IGNORECASE,
)


def role_in(text: str, *, inherits: bool) -> str:
    """The role a clause names; `inherits` says that its verb stands in the clause before. Empty when there is none."""
    patterns = [_TO_ROLE, _PASSIVE, _OBJECT] + ([_BARE_TO] if inherits else [])
    patterns += [re.compile(rf"\bto\s+{_NAME}{_END}", re.IGNORECASE)]
    for pattern in patterns:
        for match in pattern.finditer(text):
            name = match["role"].strip()
            name = re.sub(r"^(?:(?:the|an?|our|also|to)\s+)+", "", name, flags=re.IGNORECASE)
            if (
                name
                and not _NO_ROLE.match(name)
                and not _NO_ROLE_START.match(name)
                and not signals_in(name).get("unowned")
            ):
                return name
    return ""
