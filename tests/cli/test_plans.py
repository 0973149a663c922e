"""`kapelle plan` on files: stdout is what was asked for, and nothing else."""

import json
from pathlib import Path

import pytest
from tests.builders import plan_of

from kapelle.cli.main import run
from kapelle.plan.model import ToolStep, plan_json


def test_an_optimized_plan_is_a_file_as_it_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (ToolStep(id=id, tool="extract_deadlines", inputs={"text": id}) for id in "ab")
    (tmp_path / "plan.json").write_text(json.dumps(plan_json(plan_of(one, other.model_copy(update={"after": ("a",)})))))
    assert run(["plan", "optimize", "plan.json"]) == 0
    told = capsys.readouterr()
    assert told.err.strip().endswith("critical path: 2 -> 1 steps")
    (tmp_path / "optimized.json").write_text(told.out)
    assert run(["plan", "validate", "optimized.json"]) == 0
