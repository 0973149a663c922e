"""A run as a person reads it."""

from datetime import UTC, datetime, timedelta
from io import StringIO

from rich.console import Console
from tests.builders import OWNER

from kapelle.cli.report import print_answer
from kapelle.run.model import RunRecord, StepFailure
from kapelle.task.model import Task


def test_the_last_line_is_whole_however_narrow_the_page() -> None:
    began = datetime(2030, 1, 1, tzinfo=UTC)
    record = RunRecord(
        id="run_01m8hyfbf3aywszd2am6",
        owner=OWNER,
        task=Task(prompt="x", owner=OWNER),
        status="failed",
        error=StepFailure(cls="ToolFailed", message="the pump is broken " * 12),
        created=began,
        started=began,
        ended=began + timedelta(seconds=2),
    )
    page = StringIO()
    print_answer(Console(file=page, width=40, highlight=False, markup=False, soft_wrap=True), record)
    last = page.getvalue().rstrip("\n").splitlines()[-1]
    assert last.startswith("  failed · the pump is broken")
    assert last.endswith("2.00 s · run_01m8hyfbf3aywszd2am6")
