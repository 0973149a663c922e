"""`kapelle corpus`: documents are added, watched, looked at and taken out by the command line."""

import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.evidence.files import pdf, write
from tests.integration.conftest import Place


@pytest.fixture
def docs(place: Place) -> Path:
    """A folder with two documents."""
    return write(place.folder / "docs", {"rules.md": "# Rules\n\nInvoices: ten years.\n", "terms.pdf": pdf("In June.")})


def lines_of(process: subprocess.Popen[str]) -> list[str]:
    """The lines of a process's output, as they come; its pipes are closed when it ends."""
    found: list[str] = []

    def follow() -> None:
        assert process.stdout is not None and process.stderr is not None
        with process.stdout, process.stderr:
            for line in process.stdout:
                found.append(line)

    threading.Thread(target=follow, daemon=True).start()
    return found


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until a condition holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.05)


def test_a_corpus_is_added_shown_counted_and_taken_out(place: Place, docs: Path) -> None:
    assert place.run("corpus", "add", str(docs)).stdout.startswith("docs: 2 added, 0 changed, 0 unchanged, 0 removed")
    shown = place.run("corpus", "show", "docs").stdout
    assert "rules.md" in shown and "Rules" in shown and "terms.pdf" in shown
    one = place.json("corpus", "show", "docs", "terms.pdf")
    assert one["converted"] is True
    assert one["passages"] == [
        {"id": one["passages"][0]["id"], "start": 0, "end": 8, "section": "page 1", "context": "", "text": "In June."}  # type: ignore[index]
    ]
    stats = place.json("corpus", "stats", "docs")
    assert (stats["documents"], stats["passages"], stats["converted"]) == (2, 2, 1)
    assert stats["kinds"] == {"markdown": 1, "pdf": 1}
    assert "1 documents" not in place.run("corpus", "list").stdout
    assert place.json("corpus", "rm", "docs", "rules.md", "--yes") == {"corpus": "docs", "removed": 1}
    assert [row["source"] for row in place.json("corpus", "show", "docs")["documents"]] == ["terms.pdf"]  # type: ignore[attr-defined]


def test_nothing_is_taken_out_without_a_yes(place: Place, docs: Path) -> None:
    place.run("corpus", "add", str(docs))
    refused = subprocess.run(
        place.command("corpus", "rm", "docs"), cwd=place.folder, env=place.environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    for answer, left in (("n\n", 2), ("y\n", 0)):
        here, there = pty.openpty()
        process = subprocess.Popen(
            place.command("corpus", "rm", "docs"), cwd=place.folder, env=place.environment, stdin=there,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.write(here, answer.encode())
        _, asked = process.communicate(timeout=30)
        os.close(here)
        os.close(there)
        assert "Take all 2 documents out of corpus `docs`?" in asked
        found = place.json("corpus", "list")["corpora"]
        assert sum(one["documents"] for one in found) == left  # type: ignore[attr-defined]


REFUSED = [
    (("add", "nowhere"), 2, "`nowhere` cannot be read"),
    (("add", "empty"), 1, ""),
    (("add", "docs", "--name", "a/b"), 2, "no slash"),
    (("add", "docs", "--name", "a\nb"), 2, "no line break"),
    (("add", "docs", "--name", "a" * 201), 2, "1 to 200 characters"),
    (("add", "docs", "--max-mb", "0"), 2, "--max-mb"),
    (("add", "https://example.com/"), 2, "KAPELLE_CORPUS__ALLOWED_HOSTS=example.com"),
    (("add", "https://example.com/", "--watch"), 2, "only a folder can be watched"),
    (("show", "other"), 2, "known: docs"),
    (("rm", "docs", "other.md", "--yes"), 2, "no document `other.md`"),
]


def test_what_cannot_be_done_is_said_with_what_to_do(place: Place, docs: Path) -> None:
    (place.folder / "empty").mkdir()
    place.run("corpus", "add", str(docs))
    for arguments, code, why in REFUSED:
        done = place.run("corpus", *arguments)
        assert (done.returncode, why in done.stderr) == (code, True), (arguments, done.stderr)


def test_a_host_at_this_machine_is_not_fetched_from_even_when_it_is_allowed(place: Place) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"localhost:{server.server_port}"
        done = place.run("corpus", "add", f"http://{host}/", KAPELLE_CORPUS__ALLOWED_HOSTS=host)
        server.shutdown()
    assert done.returncode == 2
    assert "no public address" in done.stderr
    assert asked == []


def test_a_watched_folder_is_kept_in_step_until_it_is_interrupted(place: Place, docs: Path) -> None:
    process = place.begin("corpus", "add", str(docs), "--watch", "--json", KAPELLE_CORPUS__WATCH_EVERY="0.1")
    lines = lines_of(process)
    until(lambda: len(lines) == 1)
    assert json.loads(lines[0])["added"] == 2
    write(docs, {"rules.md": "# Rules\n\nInvoices: seven years.\n", "new.md": "# New\n\ntext\n"})
    until(lambda: len(lines) == 2)
    told = json.loads(lines[1])
    assert (told["added"], told["changed"], told["removed"], told["unchanged"]) == (1, 1, 0, 1)
    assert told["files"] == {"added": ["new.md"], "changed": ["rules.md"], "removed": []}
    os.utime(docs / "new.md")  # touched, and the same: nothing is said
    (docs / "terms.pdf").unlink()
    until(lambda: len(lines) == 3)
    assert json.loads(lines[2])["removed"] == 1
    docs.rename(place.folder / "away")
    time.sleep(1)
    (place.folder / "away").rename(docs)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert len(lines) == 3
    assert [row["source"] for row in place.json("corpus", "show", "docs")["documents"]] == ["new.md", "rules.md"]  # type: ignore[attr-defined]
    found = place.json("corpus", "search", "how long invoices", "--corpus", "docs")
    assert "seven years" in found["hits"][0]["text"]  # type: ignore[index]


def test_a_watched_file_that_goes_away_takes_nothing_in_its_place(place: Place, docs: Path) -> None:
    process = place.begin(
        "corpus", "add", "docs/rules.md", "--name", "one", "--watch", KAPELLE_CORPUS__WATCH_EVERY="0.1"
    )
    lines = lines_of(process)
    until(lambda: len(lines) == 1)
    (docs / "rules.md").unlink()
    time.sleep(1)
    write(docs, {"rules.md": "# Rules\n\nBack again.\n"})
    until(lambda: len(lines) == 2)
    assert "~rules.md: 0 added, 1 changed, 0 removed" in lines[1]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert [row["source"] for row in place.json("corpus", "show", "one")["documents"]] == ["rules.md"]  # type: ignore[attr-defined]


def test_without_an_extra_its_files_are_skipped_with_what_to_install(place: Place, docs: Path) -> None:
    without = write(place.folder / "without", {"pypdf/__init__.py": "raise ImportError('not installed')"})
    done = place.run("corpus", "add", str(docs), "--json", PYTHONPATH=str(without))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["added"] == 1
    assert report["skipped"] == [
        {"path": "terms.pdf", "why": "this needs the `pdf` extra: pip install 'kapelle[pdf]'", "transient": True}
    ]


def test_an_interrupted_ingest_keeps_what_is_written_and_ends_at_once(place: Place) -> None:
    root = write(place.folder / "many", {f"{n:04}.md": f"# {n}\n\n" + f"Sentence {n}. " * 300 for n in range(1_500)})
    process = place.begin("corpus", "add", str(root), "--json")
    until(lambda: place.json("corpus", "list")["corpora"])
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=20)
    assert process.returncode in (130, 0)
    assert time.monotonic() - began < 10
    before = place.json("corpus", "stats", "many")["documents"]
    report = place.json("corpus", "add", str(root))
    assert (report["added"], report["unchanged"]) == (1_500 - int(str(before)), before)
