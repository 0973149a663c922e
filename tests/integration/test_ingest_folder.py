"""A folder of five hundred mixed files, some broken and some meant to do harm, is ingested by the command line."""

import json
import os
import resource
import subprocess
from pathlib import Path

import pytest
from tests.evidence.files import LAUGHS, bomb, docx, package, pdf, write
from tests.integration.conftest import Place

CANARY = "xyzzycanary"
MEMORY = 400_000
"""Kilobytes that the command and its converting processes may each take at their peak."""


@pytest.fixture
def mixed(place: Place) -> Path:
    """The folder."""
    outside = write(place.folder / "outside", {"secret.txt": f"{CANARY} outside", "sub/more.md": f"{CANARY} too"})
    root = write(place.folder / "mixed", {})
    root.mkdir()
    for n in range(60):
        write(
            root,
            {
                f"notes/{n:03}.md": f"# Note {n}\n\nInvoice number {n} is kept for {n} years.\n",
                f"notes/{n:03}.txt": f"Plain text number {n}.\n\nSecond paragraph.\n",
                f"pages/{n:03}.html": f"<html><title>Page {n}</title><body><p>Visible {n}.</p></body></html>",
                f"data/{n:03}.json": json.dumps({"number": n, "words": ["alpha", "beta"]}),
                f"data/{n:03}.yaml": f"number: {n}\nname: entry {n}\n",
                f"data/{n:03}.csv": f"id,name\n{n},row {n}\n",
                f"src/{n:03}.py": f"def function_{n}():\n    return {n}\n",
            },
        )
    for n in range(20):
        write(root, {f"pdf/{n:02}.pdf": pdf(f"Contract {n} ends in June.", f"Second page {n}.")})
        write(root, {f"office/{n:02}.docx": docx(f"# Report {n}", f"Turnover rose by {n} percent.")})
    write(
        root,
        {
            "names/with blank.md": "# Blank\n\ntext",
            "names/ünïcödé — 文書.md": "# Umlaut\n\ntext",
            "names/line\nend.md": "# Line\n\ntext",
            "names/'quote\".md": "# Quote\n\ntext",
            "empty.md": "",
            "empty.txt": "",
            "laughs.xml": f"<?xml version='1.0'?>{LAUGHS}<lolz>&lol9;</lolz>",
            "laughs.html": f"{LAUGHS}<html><body><p>&lol9;</p></body></html>",
            "laughs.docx": docx("&lol9;", prolog=LAUGHS),
            "laughs.md": "---\na: &a [x, x]\n"
            + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20))
            + "---\n# Laughs\n\ntext\n",
            "external.docx": docx("&canary;", prolog=f'<!DOCTYPE a [<!ENTITY canary SYSTEM "{outside}/secret.txt">]>'),
            "bomb.docx": bomb(),
            "bomb.xlsx": package({"xl/workbook.xml": bytes(250_000_000)}),
            "broken.docx": b"PK\x03\x04 and no more",
            "broken.pdf": b"%PDF-1.7\nnothing",
            "cut.pdf": pdf("Cut.")[:150],
            "locked.pdf": pdf("Secret.", password="open"),
            "scanned.pdf": pdf("", ""),
            "picture.png": b"\x89PNG\r\n\x1a\n" + os.urandom(2_000),
            "latin.txt": "caf\xe9".encode("latin-1"),
            "nul.txt": "a\0b",
            "quote.csv": 'id,size\n1,5"\n' + "2,6\n" * 50_000,
        },
    )
    with (root / "huge.log").open("wb") as file:
        file.truncate(100_000_000)
    (root / "out.md").symlink_to(outside / "secret.txt")
    (root / "out").symlink_to(outside)
    (root / "circle").symlink_to(root)
    (root / "loop.md").symlink_to("loop.md")
    (root / "dangling.md").symlink_to("nothing.md")
    (root / "inside.md").symlink_to("notes/000.md")
    os.mkfifo(root / "pipe.md")
    Path(os.fsdecode(os.fsencode(root) + b"/names/bad\xff.md")).write_text("text")
    if os.geteuid() != 0:
        write(root, {"shut.md": "text"})
        (root / "shut.md").chmod(0)
    return root


WHY = {
    "bomb.docx": "unpacks to",
    "bomb.xlsx": "unpacks to",
    "broken.docx": "no readable office file",
    "broken.pdf": "no readable PDF",
    "circle": "the folder is a link",
    "cut.pdf": "no readable PDF",
    "dangling.md": "a link to nothing",
    "external.docx": "declares entities",
    "huge.log": "larger than 20,000,000 bytes",
    "latin.txt": "not UTF-8",
    "laughs.docx": "declares entities",
    "locked.pdf": "password",
    "loop.md": "circle",
    "names/bad\\xff.md": "its name is no UTF-8",
    "nul.txt": "NUL",
    "out": "the folder is a link",
    "out.md": "out of the folder",
    "picture.png": "not UTF-8",
    "pipe.md": "no regular file",
    "scanned.pdf": "only pictures",
    **({"shut.md": "permission denied"} if os.geteuid() != 0 else {}),
}


def test_a_folder_of_mixed_files_is_ingested_and_what_is_skipped_is_told(place: Place, mixed: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    done = place.run("corpus", "add", str(mixed), "--json")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    skipped = {one["path"]: one["why"] for one in report["skipped"]}
    assert sorted(skipped) == sorted(WHY)
    for path, why in WHY.items():
        assert why in skipped[path], path
    assert report["added"] >= 460
    assert report["added"] + len(WHY) >= 490
    assert peak <= max(MEMORY, before), f"{peak} kB"
    assert report["added"] == len(place.json("corpus", "show", "mixed")["documents"])  # type: ignore[arg-type]

    again = json.loads(place.run("corpus", "add", str(mixed), "--json").stdout)
    assert (again["added"], again["changed"], again["removed"]) == (0, 0, 0)
    assert again["unchanged"] == report["added"]

    # Nothing outside was read: the word is nowhere in the database.
    database = b"".join(file.read_bytes() for file in Path(place.environment["KAPELLE_HOME"]).glob("kapelle.db*"))
    assert CANARY.encode() not in database
    assert b"Contract 7 ends in June" in database


def test_the_report_groups_what_is_skipped(place: Place, mixed: Path) -> None:
    done = place.run("corpus", "add", str(mixed))
    assert f"skipped {len(WHY)} (all by name: --json)" in done.stdout
    assert "the folder is a link; name what it points at: circle, out" in done.stdout
    found: subprocess.CompletedProcess[str] = place.run("corpus", "search", "turnover rose", "--corpus", "mixed")
    assert "office/" in found.stdout
