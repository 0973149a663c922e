"""A Candidate survives JSON and says its solution."""

from kapelle.answer.model import Candidate
from kapelle.budget.model import Usage
from kapelle.evidence.model import Citation
from kapelle.task.model import Checklist, ChecklistItem
from kapelle.verdict.model import Verdict

FULL = Candidate(
    text="Yes. [c1]",
    value={"severity": "P1"},
    citations=(Citation(id="c1", claim="Yes.", source="a.md", sha256="s", quote="yes", start=0, end=3, exact=True),),
    missing=("x",),
    conflicts=("y",),
    checklist=Checklist(items=(ChecklistItem(description="d", passed=True),)),
    score=0.5,
    verdict=Verdict(passed=True, score=0.5),
    round=2,
    usage=Usage(requests=3),
    run_id="run_1",
    status="succeeded",
)


def test_a_candidate_survives_json() -> None:
    for candidate in (FULL, Candidate()):
        assert Candidate.model_validate_json(candidate.model_dump_json()).model_dump() == candidate.model_dump()


def test_the_solution_is_the_value_or_else_the_text() -> None:
    assert FULL.solution == {"severity": "P1"}
    assert Candidate(text="plain").solution == "plain"
    assert Candidate(text="plain").model_dump(mode="json")["solution"] == "plain"


def test_a_field_of_a_later_version_is_kept() -> None:
    assert Candidate.model_validate({"text": "x", "later": 1}).model_dump()["later"] == 1


def test_a_candidate_reads_as_its_text() -> None:
    assert str(FULL) == "Yes. [c1]"
