"""Progress and what was skipped, in words."""

import pytest

from kapelle.cli import corpus_progress
from kapelle.cli.corpus_progress import Telling, line, skipped_lines
from kapelle.evidence.folder import Skipped
from kapelle.evidence.progress import Meter, Progress, weight


def test_progress_is_a_line_that_says_when_it_will_be_done() -> None:
    now = Progress(
        files=100, done=40, unchanged=0, skipped=2, documents=38, passages=400, bytes=1, seconds=4, rate=10, eta=75.4
    )
    assert line(now) == "40/100 files, 400 passages, 2 skipped, 10 files/s, 1 min 15 s left"


def test_elsewhere_than_at_a_terminal_it_is_told_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Meter(weights=1, files=7).now()
    with Telling() as tell:
        tell.progress(now)
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(corpus_progress, "_EVERY", 0.0)
        tell.progress(now)
    assert capsys.readouterr().err == "0/7 files, 0 passages, 0 files/s\n"


def test_a_few_skipped_files_are_named_and_many_are_grouped_by_reason() -> None:
    few = (Skipped(path="a\nb.md", why="it is broken"),)
    assert skipped_lines(few) == ["skipped a\\nb.md: it is broken"]
    many = tuple(Skipped(path=f"{n}.bin", why="not UTF-8") for n in range(20)) + few
    first, second, third = skipped_lines(many)
    assert first == "skipped 21 (all by name: --json)"
    assert second.split(maxsplit=1) == ["20", "not UTF-8: 0.bin, 1.bin, 2.bin, ..."]
    assert third.split(maxsplit=1) == ["1", "it is broken: a\\nb.md"]


def test_the_time_to_go_is_reckoned_by_sizes_and_a_file_that_is_too_large_counts_as_done() -> None:
    meter = Meter(weights=weight(6_000, 10_000) + weight(90_000, 10_000), files=2)
    assert meter.now().eta is None
    meter.did(weight(90_000, 10_000))
    partly = meter.now()
    assert partly.eta is not None
    assert partly.eta > partly.seconds
    meter.did(weight(6_000, 10_000), 6_000)
    assert meter.now().eta == 0
    assert (meter.now().done, meter.now().bytes) == (2, 6_000)
