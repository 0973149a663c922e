"""Required fields are read from sentences, lists and tables, and from the ticket system's configuration."""

import pytest
from tests.incident.writing import document, lines

from kapelle.incident.facts.configs import facts_of
from kapelle.incident.facts.fields import fields_in
from kapelle.incident.facts.model import FieldList


@pytest.mark.parametrize(
    "text",
    [
        "- An incident ticket must carry: `severity`, `service`, `owner`.",
        "- Incident: severity, service, owner",
        "- Incident tickets must include severity, service and owner.",
        "An incident ticket must contain:\n\n- `severity`\n- `service`\n- `owner`",
        "| Field | Incident | Change |\n|---|---|---|\n| severity | yes | no |\n| service | x | x |\n| owner | yes | |",
    ],
)
def test_the_fields_of_an_incident_ticket_are_read(text: str) -> None:
    found = [fact for line in lines(text, "Ticket fields") for fact in fields_in(line) if fact.subject == "incident"]
    assert [name for fact in found for name in fact.fields] == ["severity", "service", "owner"]


def test_a_release_ticket_is_a_change_ticket() -> None:
    (fact,) = [
        fact for line in lines("- A release ticket lists: `build`, `plan`.", "Tickets") for fact in fields_in(line)
    ]
    assert fact.subject == "change"


def test_the_configuration_names_its_fields_with_their_key() -> None:
    text = "incident_fields:\n  required:\n    - severity\n    - owner\n"
    (fact,) = [fact for fact in facts_of(document(text, "tool_configs/jira.yaml")) if isinstance(fact, FieldList)]
    assert (fact.subject, fact.fields) == ("incident", ("severity", "owner"))
    assert [excerpt.quote for excerpt in fact.excerpts] == ["incident_fields", "required:\n    - severity\n    - owner"]


def test_a_line_that_names_files_lists_no_fields() -> None:
    text = "Decisions must use: `tool_configs/chat.yaml` for channels, `tool_configs/desk.yaml` for ticket fields."
    assert [fact for line in lines(text, "Ticket fields") for fact in fields_in(line)] == []
