"""JSON that is typed on a command line: strict where JSON is asked for, text where it may be text."""

from pathlib import Path

import pytest
from pydantic import JsonValue

from kapelle.cli.main import run
from kapelle.cli.rerun import edits_of
from kapelle.cli.typed import json_or_text, read_json

NO_JSON = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    '{"a": [NaN]}',
    "9" * 5000,
    "[" * 100_000,
    r'"\ud83d"',
    '"\udcff"',
    "{",
    "",
]


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("null", None), ('{"a": [1.5]}', {"a": [1.5]}), (r'"\ud83d\ude00"', "😀")]
)
def test_json_is_its_value(text: str, value: JsonValue) -> None:
    assert read_json(text) == json_or_text(text) == value


@pytest.mark.parametrize("text", NO_JSON, ids=lambda text: ascii(text[:12]))
def test_what_json_has_no_word_for_is_refused_or_taken_as_text(text: str) -> None:
    assert json_or_text(text) == text
    with pytest.raises(ValueError, match=r"line 1|nested|no word for") as refused:
        read_json(text)
    assert len(str(refused.value)) < 100


def test_an_edit_that_is_no_json_is_text() -> None:
    digits = "9" * 5000
    assert edits_of(["/inputs/a=NaN", f"/inputs/b={digits}"]) == {"/inputs/a": "NaN", "/inputs/b": digits}


@pytest.mark.parametrize("text", ["NaN", "9" * 5000, '{"amount": Infinity}', "[]"], ids=lambda text: text[:12])
def test_arguments_that_are_no_object_of_json_are_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["modify", "apr_1", "--arguments", text]) == 2
    assert "`--arguments`" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["verify"], ["replay"]])
def test_a_file_that_is_no_json_for_its_numbers_is_refused(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "given.json").write_text('{"a": ' + "9" * 5000 + "}")
    assert run([*command, str(tmp_path / "given.json")]) == 2
    assert "thousands of digits" in capsys.readouterr().err
