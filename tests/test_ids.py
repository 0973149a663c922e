"""Ids sort by creation and never meet; paths are unambiguous."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapelle.ids import escape_segment, join_path, new_id
from kapelle.plan.reference import pointer


def test_an_id_has_its_kind_and_twenty_readable_characters() -> None:
    assert re.fullmatch(r"run_[0-9a-hjkmnp-tv-z]{20}", new_id("run"))


def test_later_ids_sort_later_within_a_millisecond_too() -> None:
    made = [new_id("run") for _ in range(10_000)]
    assert made == sorted(set(made))


def test_ids_of_a_clock_put_back_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id("run")
    before = time.time_ns() - 3_600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: before)
    assert first < new_id("run") < new_id("run")


def test_ids_of_threads_do_not_meet() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: new_id("x"), range(10_000)))
    assert len(set(made)) == 10_000


def test_a_path_is_joined() -> None:
    assert join_path("", "solve", 2, "draft") == "solve/2/draft"
    assert join_path("solve", 2) == "solve/2"


@given(st.text(max_size=20))
def test_an_escaped_segment_has_no_slash_and_reads_back(text: str) -> None:
    escaped = escape_segment(text)
    assert "/" not in escaped
    assert pointer(f"/{escaped}") == [text]


@given(
    st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3),
    st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3),
)
def test_different_segments_make_different_paths(one: list[str], other: list[str]) -> None:
    assert (join_path("", *one) == join_path("", *other)) == (one == other)
