"""The part of a company's facts that may answer a question: the policy version it is about, the configurations,
the documents.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeVar

from kapelle.evidence.model import Excerpt
from kapelle.incident.facts.model import CompanyFacts, Fact, Policy, Reference, Statement
from kapelle.incident.facts.references import named_files
from kapelle.incident.question.model import Question
from kapelle.incident.reading.terms import terms_of

F = TypeVar("F", bound=Fact)
_VERSION = re.compile(
    r"\b(?:policy[\s_-]*|version\s*)?v(?:ersion)?[\s._-]*(?P<number>\d+(?:\.\d+)*)\b|\b(?:policy"
    r"|version)[\s_-]+(?P<other>\d+(?:\.\d+)*)\b",
    re.IGNORECASE,
)
_EDITION = re.compile(
    r"\b(\d{4})(?:\s+(?:to|and|or|vs\.?)\s+(?:the\s+)?\d{4})?\s+(?:edition|policy|version|handbook|rules)"
    r"|\b(?:edition|rules|policy|handbook|version)s?\s+(?:of\s+)?(\d{4})\b|\b(?:from|between|and"
    r"|to)\s+(?:the\s+)?(\d{4})\s+(?:to|and|edition)|\b(?:in|under|during)\s+(\d{4})\b(?!-)",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:p|sev(?:erity)?|priority|s)[\s-]?(?P<rank>[0-5])\s*(?:\(|[-–—:]\s*)(?P<name>[a-z]+)\s*(?:\)|:|–|—|-|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class View:
    """Facts in the order in which they count: the chosen policies, configurations, other documents."""

    facts: CompanyFacts
    policies: tuple[Policy, ...]
    """The versions the question is about."""

    def of(self, kind: type[F]) -> tuple[F, ...]:
        """Facts of a type from the chosen policies; where they have none, from the documents."""
        chosen = {policy.source for policy in self.policies}
        everything = [fact for fact in self.facts.facts if isinstance(fact, kind)]
        own = tuple(fact for fact in everything if fact.source in chosen)
        return own or tuple(fact for fact in everything if self._is_document(fact.source))

    def configured(self, kind: type[F]) -> tuple[F, ...]:
        """Facts of a type from configuration files."""
        return tuple(fact for fact in self.facts.facts if isinstance(fact, kind) and _is_config(fact.source))

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Every line of the chosen policies and the documents, the policies first; lines of a change log left out."""
        chosen = [policy.source for policy in self.policies]
        lines = [fact for fact in self.facts.facts if isinstance(fact, Statement) and fact.topic != "change_log"]
        return tuple(
            [fact for fact in lines if fact.source in chosen]
            + [fact for fact in lines if self._is_document(fact.source)]
        )

    @cached_property
    def weights(self) -> dict[str, float]:
        """How telling each term is: log of lines over lines that hold it."""
        held = Counter(term for fact in self.statements for term in set(terms_of(fact.text)))
        return {term: math.log(1 + len(self.statements) / count) for term, count in held.items()}

    def name(self, rank: int) -> str:
        """A severity as the policy names it."""
        return self.facts.severity_names.get(rank, f"P{rank}")

    @cached_property
    def labels(self) -> dict[str, int]:
        """Words that stand for a severity, such as `critical`."""
        found: dict[str, int] = {}
        for fact in self.statements:
            for match in _LABEL.finditer(fact.text) if len(fact.severities) == 1 else ():
                found.setdefault(match["name"].lower(), int(match["rank"]))
        return found

    def references(self, *topics: str) -> tuple[Reference, ...]:
        """Lines of the chosen policies that make another file a mandatory reference of a topic, by the words
        they use.
        """
        found = [fact for fact in self.of(Reference) if fact.mandatory and _is_config(fact.target)]
        wanted = {term for topic in topics for term in terms_of(topic)}
        return tuple(fact for fact in found if wanted & set(terms_of(re.sub(r"\S+\.\w+", " ", fact.text))))

    def _is_document(self, source: str) -> bool:
        return not _is_config(source) and source not in {policy.source for policy in self.facts.policies}

    def header(self, policy: Policy, word: str) -> tuple[Excerpt, ...]:
        """The line of a policy's head that holds a word."""
        return tuple(excerpt for excerpt in policy.header if word in excerpt.quote.lower())[:1]


def view_for(question: Question, facts: CompanyFacts) -> View:
    """Choose the policy versions a question is about: those in force, unless it is about an older one or about
    a difference.
    """
    named = named_policies(question, facts)
    current = tuple(policy for policy in facts.policies if policy.current)
    if question.kinds[:1] == ("comparison",):
        return View(facts, current)
    if named and not any(policy.current for policy in named):
        return View(facts, named)
    older = tuple(policy for policy in facts.policies if not policy.current)
    if question.asks_old and not named and older:
        return View(facts, older[-1:])
    if question.asks_date_version and question.dates and not named:
        day = min(question.dates).isoformat()
        valid = tuple(policy for policy in facts.policies if policy.effective and policy.effective <= day)
        if valid and not valid[-1].current:
            return View(facts, valid[-1:])
    chosen = tuple(policy for policy in named if policy.current)
    return View(
        facts,
        current
        if not chosen or len(current) == 1
        else chosen + tuple(policy for policy in current if policy not in chosen),
    )


def named_policies(question: Question, facts: CompanyFacts) -> tuple[Policy, ...]:
    """The policies that the prompt names, by file or by version number."""
    files = set(named_files(question.prompt, facts.names))
    years = {year for pair in _EDITION.findall(question.prompt) for year in pair if year}
    numbers = {match["number"] or match["other"] for match in _VERSION.finditer(question.prompt)}
    return tuple(
        policy
        for policy in facts.policies
        if policy.source in files or (numbers | years) & set(re.findall(r"\d+(?:\.\d+)*", policy.name))
    )


def _is_config(source: str) -> bool:
    return PurePosixPath(source).suffix.lower() in (".yaml", ".yml")
