"""A conversion that hangs, dies or takes too much loses its own file, and the next one is converted."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from tests.evidence.files import package, pdf

from kapelle.errors import UnreadableSource
from kapelle.evidence.converters import ConversionLost, Converters

SMALL = pdf("In June.")


def slow() -> bytes:
    """A PDF of so many pages that its conversion takes seconds."""
    return pdf(*[f"Page {n}." for n in range(4_000)])


def children() -> set[int]:
    """Converting processes of this one."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[1]) == os.getpid() and b"kapelle.evidence.convert" in command:
            found.add(int(status.parent.name))
    return found


def test_one_that_takes_too_long_is_ended_and_the_next_file_is_converted() -> None:
    with Converters(1, seconds=0.8, megabytes=1_500) as converters:
        began = time.monotonic()
        with pytest.raises(ConversionLost, match=r"longer than 0\.8 s .*KAPELLE_CORPUS__CONVERT_TIMEOUT"):
            converters.convert("pdf", slow())
        assert time.monotonic() - began < 5
    with Converters(1, seconds=60, megabytes=1_500) as converters:
        assert converters.convert("pdf", SMALL) == "In June."
    assert children() == set()


def test_one_that_dies_loses_its_file_and_the_next_is_converted() -> None:
    with Converters(1, seconds=60, megabytes=1_500) as converters:
        lost: list[ConversionLost] = []

        def convert() -> None:
            with pytest.raises(ConversionLost) as caught:
                converters.convert("pdf", slow())
            lost.append(caught.value)

        thread = threading.Thread(target=convert)
        thread.start()
        while not children():
            time.sleep(0.01)
        time.sleep(0.3)
        for process in children():
            os.kill(process, signal.SIGSEGV)
        thread.join()
        assert "died" in str(lost[0])
        assert converters.convert("pdf", SMALL) == "In June."


def test_one_that_takes_too_much_memory_says_so() -> None:
    many = "<w:p/>" * 1_000_000  # 6 MB, and a tree of half a gigabyte
    with Converters(1, seconds=100, megabytes=300) as converters:
        assert converters.convert("docx", _large("<w:p><w:r><w:t>In June.</w:t></w:r></w:p>")).strip() == "In June."
        with pytest.raises((UnreadableSource, ConversionLost), match=r"CONVERT_MEMORY|died"):
            converters.convert("docx", _large(many))


def _large(body: str) -> bytes:
    document = (
        '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:body>{body}</w:body></w:document>"
    )
    return package({"word/document.xml": document.encode(), "a.rels": b"<a/>"})


def test_closing_ends_a_conversion_under_way() -> None:
    converters = Converters(2, seconds=60, megabytes=1_500)
    failed: list[BaseException] = []

    def convert() -> None:
        with pytest.raises(ConversionLost) as caught:
            converters.convert("pdf", slow())
        failed.append(caught.value)

    threads = [threading.Thread(target=convert) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(children()) < 2:
        time.sleep(0.01)
    began = time.monotonic()
    converters.close()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 2
    assert len(failed) == 3
    assert children() == set()
    with pytest.raises(ConversionLost):
        converters.convert("pdf", SMALL)


def test_a_module_in_the_present_folder_is_not_taken_for_one_of_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pypdf.py").write_text("raise SystemExit('taken')")
    (tmp_path / "json.py").write_text("raise SystemExit('taken')")
    monkeypatch.chdir(tmp_path)
    with Converters(1, seconds=60, megabytes=1_500) as converters:
        assert converters.convert("pdf", SMALL) == "In June."
