"""Short ways to a policy, its facts and a decision, for tests that need only a few lines."""

from collections.abc import Mapping

from kapelle.evidence.model import Document, sha256_of
from kapelle.incident.decide.decide import decide
from kapelle.incident.decide.evidence import Evidence
from kapelle.incident.decide.model import Decision
from kapelle.incident.facts.lines import Line, lines_of
from kapelle.incident.facts.parse import parse_facts
from kapelle.incident.question.read import read_question


def document(text: str, source: str = "policies/policy_v1.md") -> Document:
    """A document with the hash of its text."""
    return Document(id=source, source=source, text=text, sha256=sha256_of(text))


def lines(text: str, title: str = "") -> tuple[Line, ...]:
    """The lines of a policy, under a section title where one is given."""
    return lines_of(document(f"# Policy\n\n## 1. {title}\n\n{text}" if title else text))


def answer(prompt: str, files: Mapping[str, str], evidence: Evidence | None = None) -> Decision:
    """Decide a task over files given as text by their path."""
    documents = [document(text, source) for source, text in files.items()]
    return decide(read_question(prompt, {}), parse_facts(documents), evidence or Evidence())


def said(decision: Decision) -> str:
    """The answer's sentences."""
    return " ".join(claim.text for claim in decision.claims)
