"""Finds the lines that speak of what is asked, weighed by how telling the shared words are."""

from collections.abc import Sequence

from kapelle.incident.decide.model import Case
from kapelle.incident.facts.model import Statement, Topic
from kapelle.incident.reading.terms import terms_of

_COMMON = frozenset(terms_of("p1 p2 p3 incident policy time minutes hours"))


def nearest(case: Case, words: str = "", *, topics: Sequence[Topic] = (), least: float = 0.3) -> list[Statement]:
    """Lines ordered by how much of the question they share; `words` stands in for the question.

    Score: weight of the shared terms over the weight of the question's terms that the folder knows, times the share of
    the line they make up, each at most 1; lines below `least` are left out.
    """
    asked = {
        term
        for term in (terms_of(words) if words else case.question.terms)
        if term in case.view.weights and term not in _COMMON and not term[:1].isdigit()
    }
    if not asked:
        return []
    scored = [
        (score(case, asked, fact), position, fact)
        for position, fact in enumerate(case.view.statements)
        if (not topics or fact.topic in topics) and not fact.text.endswith(":")
    ]
    kept = [one for one in scored if one[0] >= least]
    return [fact for _, _, fact in sorted(kept, key=lambda one: (-one[0], one[1]))]


def score(case: Case, asked: set[str], fact: Statement) -> float:
    """How well a line fits the asked terms, 0..1; a line of another severity fits not at all."""
    if (
        case.question.severities
        and len(fact.severities) == 1
        and not set(fact.severities) & set(case.question.severities)
    ):
        return 0.0
    weights = case.view.weights
    own = set(terms_of(f"{fact.text} {fact.heading}"))
    line = set(terms_of(fact.text)) - _COMMON
    shared = sum(weights.get(term, 0) for term in asked & own)
    total = sum(weights[term] for term in asked)
    length = sum(weights.get(term, 0) for term in line) or 1.0
    covered = sum(weights.get(term, 0) for term in asked & line) / length
    return (shared / total) ** 0.6 * min(1.0, covered) ** 0.4 if shared else 0.0
