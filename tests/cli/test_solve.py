"""`kapelle solve`: what is typed is what the task holds."""

import io
import json
from collections.abc import Callable

import pytest

from kapelle.cli.main import run


def test_a_fact_that_is_no_json_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    digits = "9" * 5000
    given = ["a=NaN", "b=-Infinity", f"c={digits}", "d=3", r'e="\ud83d"']
    facts = [word for one in given for word in ("--context", one)]
    assert run(["solve", "Do it", *facts, "--detach", "--json"]) == 0
    id = json.loads(capsys.readouterr().out)["run_id"]
    assert run(["record", id]) == 0
    context = json.loads(capsys.readouterr().out)["task"]["context"]
    assert context == {"a": "NaN", "b": "-Infinity", "c": digits, "d": 3, "e": r'"\ud83d"'}


@pytest.fixture
def prompted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command with something on stdin; its exit code, and the prompt of the run or the error."""

    def run_with(stdin: str, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = run(["solve", *arguments, "--detach", "--json"])
        told = json.loads(capsys.readouterr().out)
        if code:
            return code, told["error"]["message"]
        assert run(["record", told["run_id"]]) == 0
        return code, json.loads(capsys.readouterr().out)["task"]["prompt"]

    return run_with


@pytest.mark.parametrize("arguments", [["-"], ["--approve", "never", "-"], ["-", "--priority", "1"], ["-f", "-"]])
def test_the_prompt_may_come_from_stdin(prompted: Callable[..., tuple[int, str]], arguments: list[str]) -> None:
    assert prompted("How long do we keep invoices?\n", *arguments) == (0, "How long do we keep invoices?")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--corpos", "x"], "Unknown option: --corpos"),
        (["-x", "words"], "Unknown option: -x"),
        (["-"], "say what you want"),
        (["words", "-"], "not both"),
    ],
)
def test_what_is_no_option_is_still_refused(
    prompted: Callable[..., tuple[int, str]], arguments: list[str], words: str
) -> None:
    code, error = prompted("", *arguments)
    assert code == 2
    assert words in error
