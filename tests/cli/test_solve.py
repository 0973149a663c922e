"""`kapelle solve`: what is typed is what the task holds."""

import json

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
