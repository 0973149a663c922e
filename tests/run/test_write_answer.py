"""An answer is told by the shape of what the steps before it put out, and every quote stands in its source."""

import json
from typing import Any

import pytest
from pydantic import JsonValue
from tests.builders import circumstances

from kapelle.answer.model import Candidate
from kapelle.errors import ToolInputError
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Document
from kapelle.run.write_answer import PROMPT, write_answer
from kapelle.task.model import Task

SOURCE: Document = document_of("a.md", "Invoices are kept for ten years. Receipts for two.")


def excerpt(quote: str, document: Document = SOURCE) -> dict[str, JsonValue]:
    start = document.text.index(quote)
    return {
        "source": document.source,
        "sha256": document.sha256,
        "start": start,
        "end": start + len(quote),
        "quote": quote,
    }


def claim(text: str, *quotes: str) -> dict[str, JsonValue]:
    return {"text": text, "excerpts": [excerpt(one) for one in quotes]}


def answered(prompt: str = "How long are invoices kept?", missing: tuple[str, ...] = (), **inputs: Any) -> Candidate:
    texts = {(SOURCE.source, SOURCE.sha256): SOURCE}
    about = circumstances(Task(prompt=prompt), texts=texts)
    outcome = write_answer(inputs, about, missing=missing)
    candidate = Candidate.model_validate(outcome.output)
    known = {**texts, **{(one.source, one.sha256): one for one in outcome.texts}}
    for one in candidate.citations:
        assert known[one.source, one.sha256].text[one.start : one.end] == one.quote
    return candidate


def test_claims_are_said_with_their_quotes() -> None:
    made = answered(claims=[claim("They are kept ten years.", "kept for ten years")])
    assert made.text == "They are kept ten years. [c1]"
    assert made.citations[0].exact
    assert made.run_id == "run_1"


def test_claims_of_a_step_come_with_what_it_missed_and_where_sources_differ() -> None:
    source = {"claims": [claim("Ten years.", "ten years")], "missing": ["the year"], "conflicts": ["a says x"]}
    made = answered(sources=[source], missing=("logs",))
    assert made.missing == ("the year", "`logs`")
    assert made.conflicts == ("a says x",)


def test_a_step_that_found_nothing_makes_an_answer_that_found_nothing() -> None:
    assert not answered(sources=[{"claims": [], "found": False}]).found


def test_a_quote_that_does_not_stand_there_is_no_citation() -> None:
    wrong = {"text": "Kept for ever.", "excerpts": [{**excerpt("ten years"), "quote": "a million"}]}
    made = answered(claims=[wrong])
    assert made.citations == ()


@pytest.mark.parametrize("wrong", [{"claims": [{"txt": "x"}]}, {"claims": "x"}, {"text": 3, "citations": 4}])
def test_a_source_of_a_wrong_shape_is_told_with_its_place(wrong: JsonValue) -> None:
    with pytest.raises(ToolInputError, match="run:answer/1"):
        answered(sources=[wrong])


def test_a_text_is_told_by_quoting_its_sentences() -> None:
    made = answered(sources=["All is well. Nothing burns."])
    assert [one.quote for one in made.citations] == ["All is well.", "Nothing burns."]


def test_an_object_is_told_line_by_line() -> None:
    output = {"severity": "P1", "owner": {"name": "Ann", "none": []}}
    made = answered(sources=[output])
    assert "severity: P1" in made.text
    assert "name: Ann" in made.text
    assert json.loads("{" + made.citations[0].quote + "}") == {"severity": "P1"}


def test_of_a_long_output_a_dozen_lines_are_told() -> None:
    made = answered(sources=[{f"field{n}": n for n in range(50)}])
    assert len(made.citations) == 12


@pytest.mark.parametrize("nothing", [None, {}, [], ""])
def test_what_put_out_nothing_is_no_source(nothing: JsonValue) -> None:
    made = answered(sources=[nothing])
    assert (made.text, made.citations, made.found) == ("The sources do not say.", (), False)


def test_several_sources_are_told_in_one_answer() -> None:
    made = answered(sources=["One thing.", {"claims": [claim("Ten years.", "ten years")]}, None])
    assert len(made.citations) == 2
    assert len({one.id for one in made.citations}) == 2


def test_a_list_of_outputs_is_told_one_by_one() -> None:
    made = answered(sources=[[{"claims": [claim("Ten years.", "ten years")]}, {"claims": [claim("Two.", "for two")]}]])
    assert len(made.citations) == 2


def test_an_extract_is_the_value_and_cites_the_prompt_where_it_stands_in_it() -> None:
    made = answered(
        prompt="Ann sends the draft by Friday.",
        extracted={"names": ["Ann"], "due": {"text": "by Friday"}, "priority": "low", "empty": []},
    )
    assert made.value == {"names": ["Ann"], "due": {"text": "by Friday"}, "priority": "low", "empty": []}
    assert {(one.source, one.quote) for one in made.citations} == {(PROMPT, "Ann"), (PROMPT, "by Friday")}
    assert made.text.splitlines() == ["Names: Ann", "Due: by Friday", "Priority: low", "Empty: none"]


def test_without_anything_there_is_nothing_to_say() -> None:
    made = answered()
    assert (made.text, made.citations, made.found) == ("The sources do not say.", (), False)
