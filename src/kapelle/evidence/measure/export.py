"""Write a test collection: documents, questions and judgements as files in BEIR's layout."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from kapelle.errors import UnreadableSource
from kapelle.evidence.model import Document


def write_collection(folder: Path, documents: Iterable[Document], judged: Mapping[str, Mapping[str, int]]) -> None:
    """Write `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv` into a folder, in place of those that are there.

    Args:
        judged: of each question's text: how relevant each source is, from 0.

    Raises:
        UnreadableSource: the folder cannot be written.
    """
    ids = {query: f"q{number}" for number, query in enumerate(sorted(judged), 1)}
    rows = [
        f"{ids[query]}\t{_id(source)}\t{grade}\n" for query in ids for source, grade in sorted(judged[query].items())
    ]  # fmt: skip
    try:
        (folder / "qrels").mkdir(parents=True, exist_ok=True)
        with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(_line(_id=_id(one.source), title=one.title, text=one.text) for one in documents)
        with (folder / "queries.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(_line(_id=id, text=query) for query, id in ids.items())
        with (folder / "qrels" / "test.tsv").open("w", encoding="utf-8") as file:
            file.writelines(["query-id\tcorpus-id\tscore\n", *rows])
    except OSError as error:
        raise UnreadableSource(f"`{folder}` cannot be written ({error.strerror})") from None


def _id(source: str) -> str:
    # Judgements are separated by tabs, and a line each.
    return " ".join(source.splitlines()).replace("\t", " ")


def _line(**fields: str) -> str:
    return json.dumps(fields, ensure_ascii=False) + "\n"
