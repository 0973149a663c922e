"""A task from text, JSON or YAML; what is wrong is told by field."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kapelle.errors import TaskError, UnreadableSource
from kapelle.task.intake import make_task, read_structured, read_task


@pytest.mark.parametrize(
    "text",
    [
        "How long do we keep invoices?",
        "  with space around\n",
        "{name} is broken: why?",
        "Please look at this line:\nprompt: too long, it says",
        "[1, 2]",
        "key: value",
        "- a list\n- of things",
    ],
)
def test_plain_text_is_the_prompt(text: str) -> None:
    assert read_task(text).prompt == text.strip()


def test_json_and_yaml_make_the_same_task() -> None:
    json = read_task('{"prompt": "p", "context": {"service": "pay"}, "budget": {"usd": "0.50"}, "approve": "always"}')
    yaml = read_task("prompt: p\ncontext:\n  service: pay\nbudget: {usd: '0.50'}\napprove: always\n")
    assert json.model_dump(exclude={"id"}) == yaml.model_dump(exclude={"id"})
    assert str(json.budget.usd) == "0.50"


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_task_is_told_so(text: str) -> None:
    with pytest.raises(TaskError, match="say what you want to know"):
        read_task(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"prompt": "p", "colour": "red"}', "`colour`: extra inputs are not permitted"),
        ('{"prompt": ""}', "`prompt`"),
        ('{"prompt": "p", "budget": {"usd": -1}}', "`budget.usd`"),
        ('{"prompt": "p", "approve": "maybe"}', "`approve`"),
        ('{"prompt": "p", "owner": "ann"}', "`owner`"),
        ('{"prompt": "p"', "not JSON"),
        ("prompt: [unclosed", "not YAML"),
        ("prompt: p\nbudget: 3", "`budget`"),
    ],
)
def test_a_task_that_cannot_be_used_is_told_by_field(text: str, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        read_task(text)


def test_a_refusal_does_not_repeat_what_was_given() -> None:
    with pytest.raises(TaskError) as raised:
        make_task({"prompt": "p", "approve": "hunter22"})
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize("text", ['{"prompt":' + "[" * 100_000, '{"prompt": ' + "9" * 5_000 + "}"])
def test_hostile_json_is_told_as_a_wrong_task(text: str) -> None:
    with pytest.raises(TaskError):
        read_task(text)


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(TaskError):
        read_task('{"prompt": "p", "context": {"x": NaN}}')


def test_a_file_is_read_as_json_or_yaml(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"prompt": "p"}')
    (tmp_path / "t.yaml").write_text("prompt: p")
    assert read_structured(tmp_path / "t.json", "the task") == read_structured(tmp_path / "t.yaml", "the task")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1,\n "b": }', "is not JSON: .* at line 2"),
        (b"a: 1\nb: [", "is not YAML"),
        (b"- 1", "must be an object"),
        (b"", "must be an object"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_a_broken_file_is_told_with_its_name_and_line(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "broken"
    file.write_bytes(content)
    with pytest.raises(UnreadableSource, match=words) as raised:
        read_structured(file, "the plan")
    assert "broken" in str(raised.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="No such file"):
        read_structured(tmp_path / "none.json", "the plan")


def test_a_deadline_that_names_no_zone_is_in_utc() -> None:
    made = read_task('{"prompt": "p", "deadline": "2026-01-02T03:04:05"}')
    assert made.deadline == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
