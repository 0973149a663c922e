"""A run as a person sees it."""

from rich.console import Console
from tests.builders import done, lost, plan_of, step

from kapelle.cli.live import LiveRun
from kapelle.clock import now
from kapelle.run.model import Event


def test_what_a_fork_has_kept_is_shown_as_it_ended() -> None:
    live = LiveRun(plan_of(step("a"), step("b"), step("c")))
    live.feed(Event(kind="step.started", path="b", run="run_1", seq=1, at=now()))
    live.keep([done("a"), lost("b")])
    console = Console(width=80)
    with console.capture() as shown:
        console.print(live.tree())
    assert [line.split()[1:3] for line in shown.get().splitlines()[1:]] == [
        ["✓", "a"],
        ["●", "b"],
        ["○", "c"],
    ]
