"""What people said of search results, as a test collection."""

from collections.abc import Sequence

from kapelle.errors import BadInput
from kapelle.evidence.measure.collection import Question, TestCollection
from kapelle.evidence.ratings import Rating, judged


def rated(name: str, ratings: Sequence[Rating]) -> TestCollection:
    """The queries of a corpus for which somebody found something that helps, and what that was.

    Its documents are those of the corpus: they are in the index already.

    Raises:
        BadInput: there is none.
    """
    questions = tuple(
        Question(id=query, text=query, relevant=helps)
        for query, sources in sorted(judged(ratings).items())
        if (helps := {source: grade for source, grade in sources.items() if grade > 0})
    )
    if not questions:
        raise BadInput(f"corpus `{name}`: nobody has said yet what helps; say it: kapelle corpus rate QUERY SOURCE up")
    return TestCollection(name=name, documents=(), questions=questions)
