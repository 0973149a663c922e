"""The incident pack: what Kapelle ships for incidents and operations."""

from kapelle.errors import UnreadableSource
from kapelle.incident.agent import facts_tool, incident_agent
from kapelle.incident.company import Company
from kapelle.incident.search import search_tools
from kapelle.incident.strategy import incident_strategies
from kapelle.incident.tools import company_tools
from kapelle.pack import Means, Pack
from kapelle.settings import Settings


def incident(settings: Settings, means: Means | None = None) -> Pack:
    """Make the pack over the company that the settings name; its folder is read when a tool is called."""
    search = search_tools(settings, means.index, reranker=means.reranker) if means else search_tools(settings)
    return Pack(
        "incident",
        tools=(*company_tools(settings), *search, facts_tool(settings.company)),
        agents=(incident_agent(),),
        strategies=incident_strategies(settings.company),
        sources=_sources(settings),
    )


def _sources(settings: Settings) -> dict[str, str]:
    try:
        return dict(Company.open(settings.company.root).sources)
    except UnreadableSource:
        # Said when an incident task is planned; a broken company folder is no reason to refuse other work.
        return {}
