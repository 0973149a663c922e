"""Reads a company folder's documents into typed facts: a table of recognizers over policy lines, and shapes of
configurations.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from kapelle.evidence.model import Document
from kapelle.incident.facts import configs
from kapelle.incident.facts.approvals import approvals_in
from kapelle.incident.facts.clauses import channels_in
from kapelle.incident.facts.fields import fields_in
from kapelle.incident.facts.lines import Line, lines_of
from kapelle.incident.facts.model import ChannelUse, CompanyFacts, Fact, Policy, Statement
from kapelle.incident.facts.policies import policies_of
from kapelle.incident.facts.references import references_in, source_names
from kapelle.incident.facts.severities import severities_of
from kapelle.incident.facts.timings import timings_in
from kapelle.incident.facts.triggers import triggers_in
from kapelle.incident.facts.windows import windows_in
from kapelle.incident.reading.severity import severity_name

# Each reads one kind of fact from a line; a line may hold several kinds.
RECOGNIZERS: tuple[Callable[[Line], Iterator[Fact]], ...] = (
    severities_of,
    triggers_in,
    timings_in,
    windows_in,
    approvals_in,
    fields_in,
)


def parse_facts(documents: Sequence[Document]) -> CompanyFacts:
    """Read every document of a folder: `.md` and `.txt` by lines, `.yaml` by shapes; other files hold no facts."""
    names = source_names(documents)
    policies = policies_of(documents)
    facts = [fact for document in documents for fact in _document_facts(document, names)]
    return CompanyFacts(
        policies=policies, facts=tuple(facts), severity_names=_severity_names(facts, policies), names=names
    )


def _document_facts(document: Document, names: dict[str, str]) -> Iterator[Fact]:
    suffix = PurePosixPath(document.source).suffix.lower()
    if suffix in (".yaml", ".yml"):
        yield from configs.facts_of(document)
    elif suffix in (".md", ".txt"):
        for line in lines_of(document):
            yield from _line_facts(line, names)


def _line_facts(line: Line, names: dict[str, str]) -> Iterator[Fact]:
    yield Statement(
        excerpt=line.excerpt,
        lead=line.severity_lead,
        text=line.said,
        heading=line.heading,
        topic=line.topic,
        severities=line.severities,
    )
    yield from references_in(line, names)
    if line.topic == "change_log":
        return
    if channels_in(line.text):
        yield ChannelUse(
            excerpt=line.excerpt,
            lead=line.severity_lead,
            text=line.said,
            heading=line.heading,
            topic=line.topic,
            severities=line.severities,
            channels=channels_in(line.text),
        )
    found = [fact for recognize in RECOGNIZERS for fact in recognize(line)]
    # The duration of a threshold is no deadline.
    measured = any(fact.kind in ("trigger", "severity") and fact.conditions for fact in found)
    yield from (fact for fact in found if not (measured and fact.kind == "timing" and fact.action == "other"))


def _severity_names(facts: Sequence[Fact], policies: Sequence[Policy]) -> dict[int, str]:
    """The first name each rank goes by, in the current policies before the others."""
    current = {policy.source for policy in policies if policy.current}
    names: dict[int, str] = {}
    for fact in sorted(facts, key=lambda fact: fact.source not in current):
        if fact.kind == "statement" and len(fact.severities) == 1 and (name := severity_name(fact.text)):
            names.setdefault(fact.severities[0], name)
    return names
