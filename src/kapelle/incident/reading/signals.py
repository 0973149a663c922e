"""Circumstances a rule may ask for and a task may state: unowned, unacknowledged, customer impact, and their
contrary.
"""

import re
from typing import Literal

Signal = Literal[
    "unowned",
    "unacknowledged",
    "unmitigated",
    "customer_impact",
    "data_loss",
    "security",
    "emergency",
    "workaround",
    "after_hours",
]

_NOBODY = r"(?:nobody|no-?one|no one|none)"
_NOT = r"(?:not|n't|never|hasn't|isn't|wasn't|haven't|un)"
_YET = r"(?:\s+(?:yet|been|being|still|fully|have|has|had|it))*\s*-?"

# name: what states it, what denies it. What contains the other's words is looked for first:
# "not acknowledged" states, "no data loss" denies.
_PATTERNS: dict[Signal, tuple[str, str]] = {
    "unowned": (
        rf"un-?owned|un-?assigned|ownerless|orphan(?:ed)?|un-?claimed|{_NOBODY}\s+(?:yet\s+)?(?:has\s+|have\s+"
        rf"|is\s+)?(?:yet\s+)?(?:own|tak|took|pick|claim|assigned|on it|responsible)\w*"
        rf"|(?:no|without|lacks?|lacking|missing)\s+(?:an?\s+|any\s+|clear\s+|named\s+)*(?:owner|assignee"
        rf"|ownership|engineer|one on it)"
        rf"|{_NOT}{_YET}\s*(?:owned|assigned|claimed|taken|picked up)|(?:owner|assignee)\s+(?:is\s+)?(?:missing"
        rf"|unset|empty|none|unknown)",
        r"\b(?:owned|assigned|has an? (?:\w+ )?(?:owner|assignee)|with an owner|some(?:body|one) (?:owns|has "
        r"taken|took|is on it)|picked (?:it )?up|took ownership|taken (?:by|over)|claimed)\b",
    ),
    "unacknowledged": (
        rf"un-?ack\w*|unanswered|{_NOBODY}\s+(?:yet\s+)?(?:has\s+|have\s+)?(?:yet\s+)?(?:ack|answer|respon"
        rf"|react|repl|pick)\w*"
        rf"|(?:no|without)\s+(?:an?\s+|any\s+)?(?:ack\w*|answer|response|reply|reaction)"
        rf"|{_NOT}{_YET}\s*(?:ack\w*|answer\w*|respon\w*|reply|replied)|(?:no|nobody).{{0,20}}ack\w*",
        r"\b(?:acknowledged|acked|answered)\b(?! within)",
    ),
    "unmitigated": (
        rf"un-?mitigated|unresolved|{_NOT}{_YET}\s*(?:mitigated|resolved|fixed|contained|recovered"
        rf"|stabili[sz]ed|restored|under control|solved)"
        rf"|(?:no|without)\s+(?:an?\s+|any\s+)?(?:mitigation|progress|fix|recovery|resolution|workaround in "
        rf"place)|still\s+(?:down|ongoing|open|failing|unresolved|burning|broken|out|active|happening|in "
        rf"progress)"
        rf"|(?:continues|persists|ongoing|drags on)",
        r"\b(?:mitigated|resolved|contained|recovered|stabili[sz]ed|(?:is|was|been|already|now|fully)\s+fixed)\b",
    ),
    "customer_impact": (
        r"(?:customer|user|client|tenant|shop|guest|merchant|patient|passenger|member)s?[\s-]+(?:impact\w*"
        r"|facing|visible|affecting)"
        r"|(?:customer|user|client|shop|merchant)s?\s+(?:are\s+|is\s+|were\s+)?(?:affected|impacted|suffer\w*"
        r"|notic\w*|complain\w*)|(?:affect|impact|hit|hurt)(?:s|ing|ed)?\s+(?:all\s+|some\s+|our\s+"
        r"|the\s+)*(?:customer|user|client|shop|merchant)s?",
        r"(?:no|not|without|zero|nobody)\s+(?:any\s+|a\s+)?(?:customer|user"
        r"|client)s?[\s-]*(?:\w+\s+)?(?:impact\w*|facing|affect\w*|visible)?|internal[\s-]only|only internal"
        r"|no impact on (?:customers|users)",
    ),
    "data_loss": (
        r"data[\s-]*(?:loss|lost|corrupt\w*|missing|delet\w*)|(?:lost|losing|corrupt\w*|missing|deleted"
        r"|destroyed)\s+(?:\w+\s+){0,2}(?:data|records?|orders?|rows?)",
        r"(?:no|without|not)\s+(?:any\s+)?(?:data[\s-]*(?:loss|corrupt\w*)|lost data)",
    ),
    "security": (
        r"security|breach(?:ed)?\b(?=.{0,40}(?:data|account|credential|system))|data breach|leak(?:ed|age"
        r"|s)?\b|expos(?:ed|ure)|unauthori[sz]ed|intrusion|compromised|stolen",
        r"(?:no|not|without)\s+(?:a\s+|any\s+)?(?:security|leak|exposure|breach)",
    ),
    "emergency": (
        r"emergency|urgent(?:ly)?|hot-?\s?fix|expedited|break-?\s?glass|critical fix|unplanned change",
        r"non-?\s?(?:emergency|urgent)|(?:not|no|isn't)\s+(?:an?\s+)?(?:emergency|urgent)",
    ),
    "workaround": (r"work-?\s?around", r"(?:no|without|not|lacks?|any)\s+(?:\w+\s+)?work-?\s?around"),
    "after_hours": (
        r"after[\s-]hours|out[\s-]of[\s-]hours|outside (?:of )?(?:business|working|office) hours|off[\s-]hours"
        r"|overnight",
        r"(?:in|during|within) (?:business|working|office) hours",
    ),
}
_COMPILED = {
    name: (re.compile(states, re.IGNORECASE), re.compile(denies, re.IGNORECASE))
    for name, (states, denies) in _PATTERNS.items()
}


def signals_in(text: str) -> dict[Signal, bool]:
    """The circumstances `text` speaks of: True where it states one, False where it denies it."""
    found: dict[Signal, bool] = {}
    for name, (states, denies) in _COMPILED.items():
        first, second = (states, denies) if name.startswith("un") else (denies, states)
        if first.search(text):
            found[name] = first is states
        elif second.search(text):
            found[name] = second is states
    return found
