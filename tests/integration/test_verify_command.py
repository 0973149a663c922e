"""`kapelle verify`: an answer is checked again, later, by the command line."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.evidence.files import pdf, write
from tests.integration.conftest import Place

RECORDS = "# Records\n\nWe keep invoices for ten years. Receipts are kept for 7 years.\n"


@pytest.fixture
def handbook(place: Place) -> Path:
    """A folder with two documents."""
    (place.folder / "pyproject.toml").unlink()
    return write(place.folder / "handbook", {"records.md": RECORDS, "travel.md": "# Travel\n\nWe fly economy.\n"})


def answered(place: Place, question: str = "How long do we keep invoices?") -> dict[str, Any]:
    """What `solve --json` prints."""
    return place.json("solve", question, "--corpus", "handbook")


def kept(place: Place, answer: object) -> str:
    """An answer as a file."""
    (place.folder / "answer.json").write_text(json.dumps(answer))
    return "answer.json"


def elsewhere(place: Place) -> dict[str, str]:
    """Another home: nothing of the run is known there."""
    return {"KAPELLE_HOME": str(place.folder / "elsewhere")}


def test_an_answer_holds_as_file_as_run_and_from_standard_input(place: Place, handbook: Path) -> None:
    answer = answered(place)
    file = kept(place, answer)
    for what in (file, str(answer["run_id"])):
        done = place.run("verify", what)
        assert done.returncode == 0, done.stderr
        assert "records.md:11-42" in done.stdout and "unchanged" in done.stdout and "holds" in done.stdout
    piped = subprocess.run(
        place.command("verify", "-", "--json"), cwd=place.folder, env=place.environment, input=json.dumps(answer),
        capture_output=True, text=True,
    )  # fmt: skip
    assert piped.returncode == 0
    checked = json.loads(piped.stdout)
    assert (checked["holds"], checked["precision"], checked["recall"]) == (True, 1.0, 1.0)
    assert checked["citations"][0]["exact"] is True


def test_what_show_prints_and_a_bare_candidate_are_answers_too(place: Place, handbook: Path) -> None:
    answer = answered(place)
    shown = place.json("show", str(answer["run_id"]))
    assert place.run("verify", kept(place, shown)).returncode == 0
    assert place.run("verify", kept(place, answer["candidate"])).returncode == 0


def test_a_changed_source_is_told_with_the_new_place_of_the_quote_and_is_no_failure(
    place: Place, handbook: Path
) -> None:
    file = kept(place, answered(place))
    (handbook / "records.md").write_text("# Records\n\nNew here. We keep invoices for ten years.\n")
    place.run("corpus", "add", "handbook")
    done = place.run("verify", file)
    assert done.returncode == 0, done.stdout
    assert "changed: the quote stands at 21-52" in done.stdout
    (handbook / "records.md").write_text("# Records\n\nWe keep invoices for six years.\n")
    place.run("corpus", "add", "handbook")
    checked = place.json("verify", file)
    assert checked["holds"] is True
    one = checked["citations"][0]  # type: ignore[index]
    assert (one["since"], one["stands"], one["at"]) == ("changed", False, None)


def test_a_gone_source_is_told_and_its_stored_version_still_proves_the_quote(place: Place, handbook: Path) -> None:
    file = kept(place, answered(place))
    place.run("corpus", "rm", "handbook", "records.md", "--yes")
    done = place.run("verify", file)
    assert done.returncode == 0, done.stdout
    assert "gone" in done.stdout and "exact" in done.stdout


def test_without_the_database_the_file_proves_it_where_it_is_the_same_version(place: Place, handbook: Path) -> None:
    file = kept(place, answered(place))
    alone = place.run("verify", file, **elsewhere(place))
    assert alone.returncode == 1
    assert "--corpus DIR" in alone.stdout and "not proven" in alone.stdout
    with_folder = place.run("verify", file, "--corpus", "handbook", **elsewhere(place))
    assert with_folder.returncode == 0, with_folder.stdout
    (handbook / "records.md").write_text(RECORDS + "\n")
    touched = place.run("verify", file, "--corpus", "handbook", **elsewhere(place))
    assert touched.returncode == 1
    assert "changed: the quote stands at 11-42" in touched.stdout


def test_a_converted_source_is_converted_again_to_be_compared(place: Place, handbook: Path) -> None:
    shutil.rmtree(handbook)
    write(handbook, {"terms.pdf": pdf("Invoices are payable within 30 days.")})
    file = kept(place, answered(place, "When are invoices payable?"))
    assert place.run("verify", file, "--corpus", "handbook", **elsewhere(place)).returncode == 0


def test_a_tampered_citation_is_found_out_with_and_without_its_run(place: Place, handbook: Path) -> None:
    answer = answered(place)
    good = dict(answer["candidate"]["citations"][0])
    for field, value, said in (
        ("quote", "We keep invoices for two years.", "the text there is not the quote"),
        ("end", 500, "outside the text"),
        ("sha256", "0" * 64, "neither stored here"),
    ):
        answer["candidate"]["citations"] = [{**good, field: value}]
        for more in ({}, elsewhere(place)):
            done = place.run("verify", kept(place, answer), "--corpus", "handbook", **more)
            assert done.returncode == 1
            assert said in done.stdout


def test_a_tampered_claim_is_found_out_with_and_without_its_run(place: Place, handbook: Path) -> None:
    answer = answered(place)
    answer["candidate"]["text"] = "We keep invoices for two years. [c1]"
    file = kept(place, answer)
    known = place.run("verify", file)
    assert known.returncode == 1 and "is not what run" in known.stdout
    unknown = place.run("verify", file, "--corpus", "handbook", **elsewhere(place))
    assert unknown.returncode == 1
    assert "the number 2 year is in no quote" in unknown.stdout


def test_a_tampered_solution_is_found_out_with_and_without_its_run(place: Place, handbook: Path) -> None:
    answer = answered(place)
    answer["candidate"]["solution"] = "We keep invoices for two years."
    for more in ({}, elsewhere(place)):
        done = place.run("verify", kept(place, answer), "--corpus", "handbook", **more)
        assert done.returncode == 1
        assert "its `solution` is not what its text and its value say" in done.stdout


def test_a_passage_that_another_run_read_proves_nothing_for_this_one(place: Place, handbook: Path) -> None:
    mine = answered(place)
    other = answered(place, "How do we fly?")
    mine["candidate"]["citations"] = other["candidate"]["citations"]
    mine["candidate"] |= {name: other["candidate"][name] for name in ("text", "solution")}
    done = place.run("verify", kept(place, mine))
    assert done.returncode == 1
    assert "did not read version" in " ".join(done.stdout.split())
    # What is no run's answer is judged by itself: the quote is exact, and the claim is the quote.
    mine["run_id"] = None
    assert place.run("verify", kept(place, mine)).returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[1]", "is no object"),
        ('{"plan": 1}', "holds no answer with `text` and `citations`"),
        ('{"text": "x", "citations": [{"id": "c1"}]}', "`citations.0.claim`: Field required"),
        ('{"candidate": {"text": 3, "citations": []}}', "`text`: Input should be a valid string"),
    ],
)
def test_what_is_no_answer_is_refused_with_what_was_expected(place: Place, text: str, said: str) -> None:
    (place.folder / "x.json").write_text(text)
    done = place.run("verify", "x.json")
    assert done.returncode == 2
    assert said in done.stderr and "kapelle solve --json" in done.stderr


def test_a_run_or_a_file_that_is_not_there_is_refused(place: Place) -> None:
    for what in ("nowhere.json", "run_00000000000000000000"):
        done = place.run("verify", what)
        assert done.returncode == 2 and what in done.stderr
