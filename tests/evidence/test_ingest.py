"""A folder is brought into a collection, again only what changed, whatever is wrong with some of its files."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.evidence.files import pdf, write

from kapelle.errors import StoreUnavailable, UnreadableSource
from kapelle.evidence.index import IngestReport, Splitter
from kapelle.evidence.index_sqlite import SqliteIndex, memory_index
from kapelle.evidence.ingest import FolderReport, ingest
from kapelle.evidence.load import document_of
from kapelle.evidence.model import Document, Passage
from kapelle.evidence.progress import Progress
from kapelle.evidence.split import split
from kapelle.settings import CorpusSettings

OWNER = "acme/ann"


@pytest.fixture
def index() -> SqliteIndex:
    """An index in memory."""
    return memory_index()


def bring(index: SqliteIndex, root: Path, **more: object) -> FolderReport:
    return ingest(index, "docs", root, owner=OWNER, **more)  # type: ignore[arg-type]


def counts(report: FolderReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, report.removed


def live(index: SqliteIndex) -> list[str]:
    return [one.source for one in index.sources("docs", owner=OWNER)]


def test_only_what_changed_is_read_in_and_what_is_gone_is_taken_out(index: SqliteIndex, tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "# A\n\nalpha", "b.txt": "beta", "c.pdf": pdf("Gamma.")})
    assert counts(bring(index, tmp_path)) == (3, 0, 0, 0)
    assert counts(bring(index, tmp_path)) == (0, 0, 3, 0)
    write(tmp_path, {"a.md": "# A\n\nalpha two", "c.pdf": pdf("Delta.")})
    (tmp_path / "b.txt").unlink()
    report = bring(index, tmp_path)
    assert counts(report) == (0, 2, 0, 1)
    assert report.passages == 2
    assert live(index) == ["a.md", "c.pdf"]
    assert [hit.source for hit in index.search("docs", "delta", owner=OWNER)] == ["c.pdf"]


def test_what_is_unchanged_is_not_cut(index: SqliteIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.md": "alpha", "b.md": "beta"})
    bring(index, tmp_path)
    write(tmp_path, {"b.md": "beta two"})
    cut: list[str] = []

    def noted(document: Document) -> Sequence[Passage]:
        cut.append(document.source)
        return split(document)

    monkeypatch.setattr("kapelle.evidence.ingest.split", noted)
    bring(index, tmp_path)
    assert cut == ["b.md"]


def test_the_passages_are_those_of_the_index_itself(index: SqliteIndex, tmp_path: Path) -> None:
    text = "# T\n\n" + "\n\n".join(f"Paragraph {n} about invoices. " * 20 for n in range(5))
    write(tmp_path, {"a.md": text})
    bring(index, tmp_path)
    index.put("other", [document_of("a.md", text)], owner=OWNER)
    mine, other = (index.search(name, "invoices", owner=OWNER, k=50) for name in ("docs", "other"))
    assert [(one.id, one.text) for one in mine] == [(one.id, one.text) for one in other]


def test_a_file_that_can_no_longer_be_read_for_good_is_taken_out(index: SqliteIndex, tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "alpha", "b.md": "beta"})
    bring(index, tmp_path)
    write(tmp_path, {"b.md": b"\xff\xfe"})
    report = bring(index, tmp_path)
    assert counts(report) == (0, 0, 1, 1)
    assert [(one.path, one.transient) for one in report.skipped] == [("b.md", False)]
    assert live(index) == ["a.md"]


def test_a_file_that_is_skipped_for_now_keeps_its_version(index: SqliteIndex, tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "alpha", "c.pdf": pdf("Gamma.")})
    bring(index, tmp_path)
    write(tmp_path, {"c.pdf": pdf("Delta.")})
    report = bring(index, tmp_path, settings=CorpusSettings(convert_timeout=0.001))
    (skipped,) = report.skipped
    assert (skipped.path, skipped.transient) == ("c.pdf", True)
    assert "longer than 0.001 s" in skipped.why
    assert report.removed == 0
    assert live(index) == ["a.md", "c.pdf"]
    assert counts(bring(index, tmp_path)) == (0, 1, 1, 0)


def test_what_was_fetched_or_added_meanwhile_by_others_is_not_taken_out(index: SqliteIndex, tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "alpha", "gone.md": "gone"})
    page = document_of("https://example.com/page", "<p>page</p>")
    index.put("docs", [page], owner=OWNER)
    bring(index, tmp_path)
    (tmp_path / "gone.md").unlink()

    def meanwhile(_: Progress) -> None:
        index.put("docs", [document_of("other.md", "of another ingest")], owner=OWNER)

    assert bring(index, tmp_path, on_progress=meanwhile).removed == 1
    assert live(index) == ["a.md", "https://example.com/page", "other.md"]


def test_a_single_file_may_join_a_collection_without_taking_others_out(index: SqliteIndex, tmp_path: Path) -> None:
    write(tmp_path, {"a/a.md": "alpha", "b.md": "beta"})
    bring(index, tmp_path / "a")
    assert counts(bring(index, tmp_path / "b.md", complete=False)) == (1, 0, 0, 0)
    assert live(index) == ["a.md", "b.md"]


def test_what_is_too_large_is_skipped_and_what_stands_still_is_not_read(index: SqliteIndex, tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "alpha", "big.md": "x" * 2_000})
    small = CorpusSettings(max_bytes=1_000)
    (skipped,) = bring(index, tmp_path, settings=small).skipped
    assert skipped.path == "big.md"
    assert "larger than 1,000 bytes" in skipped.why
    write(tmp_path, {"a.md": "alpha two", "b.md": "beta"})
    assert counts(bring(index, tmp_path, settings=small, still={"a.md"})) == (1, 0, 1, 0)


def test_progress_ends_at_everything_and_never_goes_back(index: SqliteIndex, tmp_path: Path) -> None:
    write(tmp_path, {f"{n}.md": f"# {n}\n\ntext {n}" for n in range(250)} | {"bad.bin": b"\xff"})
    told: list[Progress] = []
    bring(index, tmp_path, on_progress=told.append)
    last = told[-1]
    assert (last.files, last.done, last.documents, last.passages, last.skipped) == (251, 251, 250, 250, 1)
    assert last.eta == 0
    assert [one.done for one in told] == sorted(one.done for one in told)
    # What is written is written in batches, not at the end.
    assert len({one.documents for one in told}) > 2


def test_told_to_stop_it_keeps_what_is_written_and_removes_nothing(index: SqliteIndex, tmp_path: Path) -> None:
    write(tmp_path, {f"{n:03}.md": f"text {n}" for n in range(500)})
    bring(index, write(tmp_path / "old", {"gone.md": "gone"}))
    stop = threading.Event()
    report = bring(index, tmp_path, stop=stop, on_progress=lambda now: now.documents >= 100 and stop.set())
    assert not report.finished
    assert 100 <= report.added < 500
    assert report.removed == 0
    assert len(live(index)) == report.added + 1
    (tmp_path / "old" / "gone.md").unlink()
    again = bring(index, tmp_path)
    assert counts(again) == (500 - report.added, 0, report.added, 1)


def test_a_database_that_cannot_be_written_ends_it(tmp_path: Path) -> None:
    class Full(SqliteIndex):
        def put(
            self, collection: str, documents: Sequence[Document], *, owner: str, complete: bool = False,
            splitter: Splitter = split,
        ) -> IngestReport:  # fmt: skip
            raise StoreUnavailable("the disk is full")

    index = memory_index()
    index.__class__ = Full
    write(tmp_path, {"a.md": "alpha"})
    with pytest.raises(StoreUnavailable):
        bring(index, tmp_path)


def test_a_text_that_the_splitter_stumbles_over_loses_only_its_file(
    index: SqliteIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbling(document: Document) -> Sequence[Passage]:
        if document.source == "b.md":
            raise RecursionError("too deep")
        return split(document)

    write(tmp_path, {"a.md": "alpha", "b.md": "beta"})
    monkeypatch.setattr("kapelle.evidence.ingest.split", stumbling)
    report = bring(index, tmp_path)
    assert live(index) == ["a.md"]
    assert [(one.path, one.transient) for one in report.skipped] == [("b.md", True)]
    assert "RecursionError" in report.skipped[0].why


def test_two_ingests_at_once_do_no_harm(index: SqliteIndex, tmp_path: Path) -> None:
    write(tmp_path, {f"{n}.md": f"# {n}\n\ntext {n}" for n in range(300)})
    reports: list[FolderReport] = []
    threads = [threading.Thread(target=lambda: reports.append(bring(index, tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 2
    assert len(live(index)) == 300
    assert index.collections(owner=OWNER)[0].passages == 300
    assert counts(bring(index, tmp_path)) == (0, 0, 300, 0)


def test_a_root_that_is_not_there_is_an_error(index: SqliteIndex, tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="nothing"):
        bring(index, tmp_path / "nothing")
