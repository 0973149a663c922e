"""What people said becomes a test collection, in memory and as files."""

from pathlib import Path

import pytest

from kapelle import clock
from kapelle.errors import BadInput, UnreadableSource
from kapelle.evidence.load import document_of
from kapelle.evidence.measure.collection import read_collection
from kapelle.evidence.measure.export import write_collection
from kapelle.evidence.measure.feedback import rated
from kapelle.evidence.ratings import Rating, Vote, judged


def rating(query: str, source: str, vote: Vote, by: str = "ann") -> Rating:
    return Rating(collection="rules", query=query, source=source, vote=vote, by=by, at=clock.now())


RATINGS = [rating("leave", "a.md", "up"), rating("leave", "b.md", "down"), rating("cars", "b.md", "down")]


def test_a_query_counts_when_something_helps() -> None:
    collection = rated("rules", RATINGS)
    assert [(one.text, one.relevant) for one in collection.questions] == [("leave", {"a.md": 1})]


@pytest.mark.parametrize("given", [[], [rating("cars", "b.md", "down")]])
def test_with_nothing_that_helps_it_says_how_to_say_so(given: list[Rating]) -> None:
    with pytest.raises(BadInput, match="kapelle corpus rate"):
        rated("rules", given)


def test_what_is_exported_reads_back_as_it_was(tmp_path: Path) -> None:
    documents = [document_of("a.md", "# Leave\n\nThirty days.\n"), document_of("b\tc.md", "# Cars\n\nNone.\n")]
    known = judged([*RATINGS[:1], rating("cars", "b\tc.md", "up")])
    write_collection(tmp_path / "out", documents, known)
    collection = read_collection(tmp_path / "out")
    assert [(one.title, one.text) for one in collection.documents] == [(one.title, one.text) for one in documents]
    assert {one.text: one.relevant for one in collection.questions} == {"leave": {"a.md": 1}, "cars": {"b c.md": 1}}


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreadableSource, match="cannot be written"):
        write_collection(tmp_path / "file", [], {})
