"""Read a test collection: documents, questions, and who judged what relevant; in BEIR's layout."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kapelle.errors import UnreadableSource
from kapelle.evidence.model import Document, Passage, make_document
from kapelle.evidence.split import split

_QRELS = ("qrels.tsv", "qrels/test.tsv", "qrels/dev.tsv", "qrels/train.tsv")


class Question(BaseModel):
    """A question, and the documents that answer it."""

    model_config = ConfigDict(frozen=True)

    id: str
    text: str
    relevant: dict[str, int]
    """Of each judged document: how relevant, from 1."""


class TestCollection(BaseModel):
    """Documents and judged questions."""

    __test__ = False  # no test of pytest's
    model_config = ConfigDict(frozen=True)

    name: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]
    """Those with at least one relevant document."""

    @property
    def two_hop(self) -> bool:
        """Whether every question has exactly two relevant documents."""
        return all(len(question.relevant) == 2 for question in self.questions)


def is_collection(folder: Path) -> bool:
    """Whether a folder holds a test collection."""
    return (folder / "corpus.jsonl").is_file() and (folder / "queries.jsonl").is_file() and _qrels(folder) is not None


def read_collection(folder: Path) -> TestCollection:
    """Read `corpus.jsonl` {_id, title, text}, `queries.jsonl` {_id, text} and `qrels.tsv` (or `qrels/test.tsv`).

    Raises:
        UnreadableSource: a file is missing or a line of it cannot be used; the message names both.
    """
    documents = tuple(_document(row, place) for row, place in _rows(folder / "corpus.jsonl"))
    judged = _judgements(folder)
    questions = tuple(
        Question(id=one, text=str(_field(row, "text", place)), relevant=judged[one])
        for row, place in _rows(folder / "queries.jsonl")
        if (one := str(_field(row, "_id", place))) in judged
    )
    if not documents or not questions:
        raise UnreadableSource(f"`{folder}` holds {len(documents)} documents and {len(questions)} judged questions")
    return TestCollection(name=folder.resolve().name, documents=documents, questions=questions)


def whole(document: Document) -> list[Passage]:
    """A document as one passage."""
    return split(document, size=max(len(document.text), 1))


def _document(row: dict[str, object], place: str) -> Document:
    title = str(row.get("title") or "")
    # Some documents are a title only; what cannot be quoted cannot be found.
    text = str(_field(row, "text", place) or "") or title
    return make_document(str(_field(row, "_id", place)), text, title=title if text != title else "")


def _field(row: dict[str, object], name: str, place: str) -> object:
    if name not in row:
        raise UnreadableSource(f"{place}: field `{name}` is missing")
    return row[name]


def _rows(path: Path) -> Iterator[tuple[dict[str, object], str]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise UnreadableSource(f"`{path}`, line {number}: expected an object")
                    yield row, f"`{path}`, line {number}"
    except OSError as error:
        raise UnreadableSource(f"`{path}` cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UnreadableSource(f"`{path}` is no JSON lines: {error}") from None


def _qrels(folder: Path) -> Path | None:
    return next((folder / name for name in _QRELS if (folder / name).is_file()), None)


def _judgements(folder: Path) -> dict[str, dict[str, int]]:
    path = _qrels(folder)
    if path is None:
        raise UnreadableSource(f"`{folder}` has no `{_QRELS[0]}` and no `{_QRELS[1]}`")
    judged: dict[str, dict[str, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        cells = line.split("\t")
        if number == 1 and not cells[-1].strip().lstrip("-").isdigit():
            continue  # the header
        if not line.strip():
            continue
        try:
            question, document, grade = cells[0], cells[-2], int(cells[-1])
        except (IndexError, ValueError):
            raise UnreadableSource(f"`{path}`, line {number}: expected question, document and grade, by tabs") from None
        if grade > 0:
            judged.setdefault(question, {})[document] = grade
    return judged
