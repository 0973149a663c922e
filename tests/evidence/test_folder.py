"""A folder is walked and read, and nothing outside it."""

import itertools
import os
import threading
from pathlib import Path

import pytest
from tests.evidence.files import write

from kapelle.errors import UnreadableSource
from kapelle.evidence.folder import Folder, NotRead

BOUND = 1_000


def sources(root: Path) -> list[str]:
    return [entry.source for entry in Folder(root).find().entries]


def skipped(root: Path) -> dict[str, str]:
    return {one.path: one.why for one in Folder(root).find().skipped}


def read(root: Path, source: str) -> bytes:
    folder = Folder(root)
    (entry,) = [one for one in folder.find().entries if one.source == source]
    return folder.read(entry, max_bytes=BOUND)


def test_a_folder_is_walked_sorted_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"b/z.txt": "z", "a.txt": "a", ".git/x.txt": "x", ".hidden": "h", "b/a.txt": "ba"})
    assert sources(tmp_path) == ["a.txt", "b/a.txt", "b/z.txt"]
    assert skipped(tmp_path) == {}


def test_a_single_file_is_a_folder_of_one(tmp_path: Path) -> None:
    write(tmp_path, {"notes.txt": "hi", "other.txt": "no"})
    assert Folder(tmp_path / "notes.txt").is_one_file
    assert sources(tmp_path / "notes.txt") == ["notes.txt"]


def test_a_root_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="missing"):
        Folder(tmp_path / "missing")


def test_links_out_of_the_folder_are_refused_and_circles_end(tmp_path: Path) -> None:
    home = write(tmp_path / "home", {"a.txt": "a"})
    secret = write(tmp_path / "else", {"secret.txt": "s"}) / "secret.txt"
    (home / "out.txt").symlink_to(secret)
    (home / "outside").symlink_to(secret.parent)
    (home / "circle").symlink_to(home)
    (home / "loop.txt").symlink_to(home / "loop.txt")
    (home / "inside.txt").symlink_to(home / "a.txt")
    (home / "broken.txt").symlink_to(home / "nothing")
    assert sources(home) == ["a.txt", "inside.txt"]
    assert read(home, "inside.txt") == b"a"
    why = skipped(home)
    assert sorted(why) == ["broken.txt", "circle", "loop.txt", "out.txt", "outside"]
    assert "out of the folder" in why["out.txt"]
    assert "circle" in why["loop.txt"]


@pytest.mark.parametrize("swapped", ["docs/a.txt", "docs"])
def test_a_link_that_takes_a_place_after_the_walk_is_not_followed(tmp_path: Path, swapped: str) -> None:
    home = write(tmp_path / "home", {"docs/a.txt": "a"})
    outside = write(tmp_path / "outside", {"a.txt": "secret"})
    folder = Folder(home)
    (entry,) = folder.find().entries
    (home / swapped).rename(tmp_path / "moved")
    (home / swapped).symlink_to(outside / "a.txt" if swapped.endswith("txt") else outside)
    with pytest.raises(NotRead, match="link"):
        folder.read(entry, max_bytes=BOUND)


def test_a_pipe_is_not_read_even_when_it_takes_the_place_of_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert "no regular file" in skipped(tmp_path)["pipe.txt"]
    write(tmp_path, {"a.txt": "a"})
    folder = Folder(tmp_path)
    (entry,) = folder.find().entries
    (tmp_path / "a.txt").unlink()
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(NotRead, match="no regular file"):
        folder.read(entry, max_bytes=BOUND)


def test_a_file_that_vanished_is_told_and_is_not_expected_back(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "a"})
    folder = Folder(tmp_path)
    (entry,) = folder.find().entries
    (tmp_path / "a.txt").unlink()
    with pytest.raises(NotRead, match="not there") as caught:
        folder.read(entry, max_bytes=BOUND)
    assert not caught.value.transient
    assert not folder.has("a.txt")


def test_what_is_larger_than_the_limit_is_not_read_though_it_grew_after_the_walk(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "a"})
    folder = Folder(tmp_path)
    (entry,) = folder.find().entries
    write(tmp_path, {"a.txt": "a" * (BOUND + 1)})
    with pytest.raises(NotRead, match="larger than 1,000 bytes.*KAPELLE_CORPUS__MAX_BYTES"):
        folder.read(entry, max_bytes=BOUND)


def test_a_file_that_is_always_written_to_is_skipped_for_now(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": b"x" * 30_000_000})
    folder = Folder(tmp_path)
    (entry,) = folder.find().entries
    ended = threading.Event()

    def write_on() -> None:
        for moment in itertools.count(1):
            if ended.is_set():
                return
            os.utime(tmp_path / "a.txt", ns=(moment, moment))

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        with pytest.raises(NotRead, match="being written to") as caught:
            folder.read(entry, max_bytes=40_000_000)
    finally:
        ended.set()
        thread.join()
    assert caught.value.transient
    assert len(folder.read(entry, max_bytes=40_000_000)) == 30_000_000


def test_names_are_kept_with_blanks_line_ends_and_accents_and_refused_when_they_are_no_text(tmp_path: Path) -> None:
    write(tmp_path, {"a b.txt": "1", "ü—é.txt": "2", "line\nend.txt": "3"})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.txt")).write_text("4")
    assert sources(tmp_path) == ["a b.txt", "line\nend.txt", "ü—é.txt"]
    assert read(tmp_path, "line\nend.txt") == b"3"
    assert skipped(tmp_path) == {"bad\\xff.txt": "its name is no UTF-8; rename it"}


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_what_may_not_be_read_is_skipped_for_now(tmp_path: Path) -> None:
    write(tmp_path, {"shut/a.txt": "a", "b.txt": "b"})
    (tmp_path / "shut").chmod(0)
    try:
        (one,) = Folder(tmp_path).find().skipped
    finally:
        (tmp_path / "shut").chmod(0o700)
    assert (one.path, one.transient) == ("shut/", True)
    assert "permission denied" in one.why


def test_a_folder_of_many_levels_is_walked_without_recursion(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(600):
        deep /= "d"
    deep.mkdir(parents=True)
    (deep / "a.txt").write_text("a")
    assert sources(tmp_path) == ["/".join(["d"] * 600) + "/a.txt"]
