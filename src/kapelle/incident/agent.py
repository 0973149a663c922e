"""The incident agent and the tool that reads a company's facts: the decision engine as steps of a plan."""

import asyncio

import yaml
from pydantic import JsonValue

from kapelle.agents.spec import AgentSpec, agent
from kapelle.errors import UnreadableSource
from kapelle.evidence.model import Document
from kapelle.incident.company import Company
from kapelle.incident.decide.decide import decide
from kapelle.incident.decide.evidence import Evidence
from kapelle.incident.decide.model import Decision
from kapelle.incident.facts.model import CompanyFacts
from kapelle.incident.facts.parse import parse_facts
from kapelle.incident.question.read import read_question
from kapelle.settings import CompanySettings
from kapelle.tools.decorator import make_tool
from kapelle.tools.model import Tool, ToolContext

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FOLDERS = ("policies/", "docs/", "tool_configs/")


def facts_tool(settings: CompanySettings) -> Tool:
    """The tool that reads the facts of the company that the settings name."""

    async def read_company_facts(context: ToolContext) -> CompanyFacts:
        """Read the company's policies, documents and configuration into typed facts, each with its span."""
        documents = await asyncio.to_thread(lambda: governing_documents(Company.open(settings.root)))
        for document in documents:
            context.keep(document.source, document.text, title=document.title)
        return parse_facts(documents)

    return make_tool(read_company_facts, tags=frozenset({"policy"}))


def checked_documents(company: Company) -> list[Document]:
    """The governing documents, once it is sure that each can be read; before anything is performed.

    Raises:
        UnreadableSource: one is no UTF-8 text, or a configuration is no YAML; the message names file and line.
    """
    documents = governing_documents(company)
    for document in documents:
        if document.source.endswith((".yaml", ".yml")):
            _check_yaml(document)
    return documents


def _check_yaml(document: Document) -> None:
    try:
        # Events alone: the grammar is held without making the values.
        for _ in yaml.parse(document.text, Loader=_LOADER):
            pass
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UnreadableSource(f"`{document.source}` of the company folder is not YAML{where}; mend it there") from None


def governing_documents(company: Company) -> list[Document]:
    """What a company's facts are read from: policies, documents, configuration."""
    return [company.read(path) for path in company.files() if path.startswith(_FOLDERS)]


async def decide_incident(
    prompt: str,
    facts: CompanyFacts | None = None,
    context: dict[str, JsonValue] | None = None,
    metrics: JsonValue = None,
    baseline: JsonValue = None,
    logs: JsonValue = None,
    tickets: JsonValue = None,
    knowledge: JsonValue = None,
    issues: JsonValue = None,
) -> Decision:
    """Decide by the company's facts and what its systems show; each sentence carries the lines it rests on."""
    if facts is None:
        return Decision(missing=("the company's policies and configuration could not be read",))
    measured: list[JsonValue] = [output for output in (baseline, metrics) if output is not None]
    evidence = Evidence.of(measured or None, logs, tickets, knowledge)
    return decide(read_question(prompt, context or {}), facts, evidence)


def incident_agent() -> AgentSpec:
    """The decision engine as an agent."""
    return agent(decide_incident)
