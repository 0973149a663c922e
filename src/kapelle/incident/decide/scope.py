"""Decides whether what a task is about lies outside the policy's scope."""

import re

from kapelle.incident.decide.model import MUST, Case, Draft
from kapelle.incident.decide.wording import lower_first, sentence
from kapelle.incident.reading.terms import overlap, terms_of

_OUTSIDE = re.compile(
    r"\b(?:out of scope|outside (?:the |its |this )?(?:scope|policy)|not covered|does not (?:cover|apply)"
    r"|do not apply|excluded|exempt from this policy)\b",
    re.IGNORECASE,
)
_PLAIN = frozenset(terms_of("scope cover apply policy outside excluded system incident operate"))


def out_of_scope(case: Case) -> Draft | None:
    """The line that puts it out of scope: one of the things it lists is spoken of in full."""
    for fact in case.view.statements:
        if fact.topic not in ("scope", "other") or not _OUTSIDE.search(fact.text):
            continue
        things = re.split(r",|\band\b|\bor\b|:", _OUTSIDE.split(fact.text)[0])
        for thing in things:
            words = [term for term in terms_of(re.sub(r"\bare\b|\bis\b", " ", thing)) if term not in _PLAIN]
            if words and overlap(words, case.question.terms) == 1.0:
                return Draft(
                    sentence(f"No, the policy does not apply, it is out of scope: {lower_first(fact.text)}"),
                    fact.excerpts,
                    MUST,
                )
    return None
