"""The text tools find what a careful reader finds, and never more than the text says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from kapelle.errors import KapelleError
from kapelle.tools.call import check_arguments, check_output
from kapelle.tools.model import Tool
from kapelle.tools.text import (
    TEXT_TOOLS,
    classify_priority,
    extract_action_items,
    extract_deadlines,
    extract_entities,
    summarize,
)

NOTES = """Minutes of Monday's review

The checkout of saas-api was down on 2026-02-14 from 10:00 to 10:30 UTC. Maria Lopez said that 4.2% of requests failed
and the shop lost $12,000. Nobody was paged.

- Tom will write the postmortem by Friday 17:00.
- [ ] Rotate the database credentials (owner: Priya)
- [x] Page the secondary
- Alice: send the customer notice within 24 hours
- The platform team must review OPS-101 before March 3, 2026.

Please update the status page. Could you ask Dr. Lee for the logs by tomorrow noon?
The service stays in Berlin. Who will fix it?
"""
BY_NAME = {tool.name: tool for tool in TEXT_TOOLS}


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("extract_entities", {"text"}, {"entities"}),
        ("extract_deadlines", {"text"}, {"deadlines"}),
        ("extract_action_items", {"text"}, {"action_items"}),
        ("classify_priority", {"text"}, {"priority", "reasons"}),
        ("summarize", {"text", "max_words"}, {"summary"}),
    ],
)
def test_the_schemas_are_the_agreed_ones_and_strict(name: str, inputs: set[str], outputs: set[str]) -> None:
    tool = BY_NAME[name]
    for schema, fields in ((tool.input_schema, inputs), (tool.output_schema, outputs)):
        properties = schema["properties"]
        assert isinstance(properties, dict)
        assert set(properties) == fields
        assert schema["additionalProperties"] is False
    assert tool.effect == "read"
    with pytest.raises(KapelleError):
        check_arguments(tool, {"text": "x", "max_words": 5, "extra": 1})
    with pytest.raises(KapelleError):
        check_arguments(tool, {"text": 5})


@pytest.mark.parametrize("tool", TEXT_TOOLS, ids=lambda tool: tool.name)
@pytest.mark.parametrize("text", ["", " ", "\0", "....", "é" * 50, "- \n- \n", "[ ]", "@", "#", "by", NOTES * 20])
def test_no_text_breaks_a_tool(tool: Tool, text: str) -> None:
    arguments: dict[str, JsonValue] = {"text": text}
    values = check_arguments(tool, arguments)
    assert check_output(tool, tool.function(**values)) == check_output(tool, tool.function(**values))


def kinds(text: str) -> dict[str, str]:
    return {entity.text: entity.kind for entity in extract_entities(text).entities}


def test_entities_have_their_kind() -> None:
    found = kinds(NOTES)
    expected = {
        "saas-api": "service",
        "2026-02-14": "date",
        "10:30 UTC": "time",
        "Maria Lopez": "person",
        "4.2%": "percent",
        "$12,000": "money",
        "Tom": "person",
        "Priya": "person",
        "Alice": "person",
        "OPS-101": "ticket",
        "March 3, 2026": "date",
        "Dr. Lee": "person",
        "Berlin": "place",
        "24 hours": "duration",
    }
    assert {name: found.get(name) for name in expected} == expected


def test_addresses_and_handles_are_entities() -> None:
    text = (
        "Mail ops@acme.example or see https://acme.example/a?b=1, ask @ann in #inc-bridge about 10.0.0.7 (`db.pool`)."
    )
    assert kinds(text) == {
        "ops@acme.example": "email",
        "https://acme.example/a?b=1": "url",
        "@ann": "handle",
        "#inc-bridge": "channel",
        "10.0.0.7": "ip",
        "db.pool": "code",
    }


def test_a_sentences_first_word_is_no_name_because_of_its_capital() -> None:
    assert kinds("Yesterday everything worked. Nothing broke. Please wait.") == {}


def test_organizations_are_told_from_people() -> None:
    assert kinds("We met Acme Corp and the University of Bonn.") == {
        "Acme Corp": "organization",
        "University of Bonn": "organization",
    }


@given(st.text(max_size=200))
def test_an_entity_stands_in_the_text(text: str) -> None:
    assert all(entity.text in text for entity in extract_entities(text).entities)


def deadlines(text: str) -> list[str]:
    return [deadline.text for deadline in extract_deadlines(text).deadlines]


def test_deadlines_are_what_is_due() -> None:
    assert deadlines(NOTES) == ["by Friday 17:00", "within 24 hours", "before March 3, 2026", "by tomorrow noon"]


@pytest.mark.parametrize(
    ("text", "said", "date", "seconds"),
    [
        ("Hand it in by 14 February 2026.", "by 14 February 2026", "2026-02-14", None),
        ("The report is due on 2026-03-01.", "is due on 2026-03-01", "2026-03-01", None),
        ("Deadline: 14.03.2026", "Deadline: 14.03.2026", "2026-03-14", None),
        ("Reply within two days, please.", "within two days", None, 172_800),
        ("Acknowledge within 30 minutes.", "within 30 minutes", None, 1_800),
        ("Answer within 3 business days.", "within 3 business days", None, None),
        ("It must be done in an hour.", "in an hour", None, 3_600),
        ("Ship it by the end of the week.", "by the end of the week", None, None),
        ("Fix this ASAP.", "ASAP", None, None),
        ("The licence expires on March 3rd, 2027.", "expires on March 3rd, 2027", "2027-03-03", None),
        ("Send it no later than 5 pm.", "no later than 5 pm", None, None),
        ("Submit the form on Monday.", "on Monday", None, None),
        ("Done by 2026-02-30.", "by 2026-02-30", None, None),
    ],
)
def test_a_deadline_is_read_as_far_as_it_says(text: str, said: str, date: str | None, seconds: float | None) -> None:
    (found,) = extract_deadlines(text).deadlines
    assert (found.text, found.date, found.seconds) == (said, date, seconds)


@pytest.mark.parametrize(
    "text",
    [
        "It broke on 2026-02-14.",
        "On Monday we met.",
        "It took 20 minutes.",
        "The bug was fixed in 2 hours.",
        "Stand by.",
    ],
)
def test_a_date_that_nothing_is_due_by_is_no_deadline(text: str) -> None:
    assert deadlines(text) == []


def test_action_items_have_their_owner_and_deadline() -> None:
    found = {item.text: (item.owner, item.due) for item in extract_action_items(NOTES).action_items}
    assert found == {
        "Tom will write the postmortem by Friday 17:00.": ("Tom", "by Friday 17:00"),
        "Rotate the database credentials (owner: Priya)": ("Priya", None),
        "Alice: send the customer notice within 24 hours": ("Alice", "within 24 hours"),
        "The platform team must review OPS-101 before March 3, 2026.": ("The platform team", "before March 3, 2026"),
        "Please update the status page.": (None, None),
        "Could you ask Dr. Lee for the logs by tomorrow noon?": (None, "by tomorrow noon"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "Review the contract.",
        "TODO: the docs",
        "We need to upgrade the gateway.",
        "Ann and Bob should call the bank.",
        "@carol please restart the worker",
        "Let's schedule a call.",
        "Don't forget to back up the database.",
        "Next step: clean the cache",
        "1. Notify the customers",
    ],
)
def test_a_request_is_an_action_item(text: str) -> None:
    assert len(extract_action_items(text).action_items) == 1


@pytest.mark.parametrize(
    "text",
    [
        "It should be fine.",
        "The review is done.",
        "Will it work?",
        "They left.",
        "- [x] Send it",
        "Update was shipped.",
        "Nice.",
    ],
)
def test_a_statement_is_no_action_item(text: str) -> None:
    assert extract_action_items(text).action_items == ()


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("URGENT: no customer can pay", "high"),
        ("P1: checkout outage", "high"),
        ("The site is down for all users", "high"),
        ("Customer data was exposed by a leak", "high"),
        ("Search is slow for some users", "medium"),
        ("P2: delayed invoices", "medium"),
        ("Please send the report by Friday", "medium"),
        ("Fix the typo on the about page, no rush", "low"),
        ("This is not urgent, a minor bug", "low"),
        ("The office plant was watered", "low"),
        ("P3: a server is down", "low"),
    ],
)
def test_priority_follows_what_is_said(text: str, priority: str) -> None:
    judged = classify_priority(text)
    assert judged.priority == priority
    assert judged.reasons


def test_reasons_quote_the_words_they_rest_on() -> None:
    assert any("`outage`" in reason for reason in classify_priority("P1: checkout outage").reasons)


@given(st.text(max_size=300) | st.just(NOTES), st.integers(1, 60))
def test_a_summary_keeps_to_its_words(text: str, max_words: int) -> None:
    assert len(summarize(text, max_words).summary.split()) <= max_words


def test_a_summary_is_made_of_whole_sentences_in_order() -> None:
    summary = summarize(NOTES, 45).summary
    assert "checkout of saas-api was down" in summary
    places = [NOTES.replace("\n", " ").index(sentence[:20]) for sentence in summary.split(". ")]
    assert places == sorted(places)


def test_a_text_that_fits_is_given_whole() -> None:
    assert summarize("One here. Two here.", 10).summary == "One here. Two here."
