"""What people say of search results: a thumb up or down for what was found, kept as judgements for `measure`."""

import weakref
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias, get_args

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from kapelle import clock
from kapelle.budget.model import Usage
from kapelle.errors import BadInput, NotFound
from kapelle.evidence.index import Index
from kapelle.ids import new_id
from kapelle.store.engine_sqlite import memory_engine
from kapelle.store.faults import translated
from kapelle.store.tables import evidence_costs, evidence_ratings, metadata
from kapelle.telemetry.redact import redact_text

Vote: TypeAlias = Literal["up", "down"]
VOTES: tuple[Vote, ...] = get_args(Vote)


class Rating(BaseModel):
    """One person's word on one result."""

    model_config = ConfigDict(frozen=True)

    collection: str
    query: str
    """White space in it is one blank."""
    source: str
    start: int | None = None
    """The passage that was meant, `text[start:end]`; None: the whole document."""
    end: int | None = None
    vote: Vote
    by: str
    at: datetime


class Cost(BaseModel):
    """What bringing vectors into a collection took, once."""

    model_config = ConfigDict(frozen=True)

    collection: str
    embedder: str
    texts: int
    usage: Usage
    at: datetime


class Ratings:
    """Ratings, and what vectors cost, in a database; rows are only added. Every call sees its owner's rows alone."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def rate(self, rating: Rating, *, owner: str) -> None:
        """Write a rating down; the newest of a person on a result is the one that counts."""
        row = {
            "id": new_id("rating"),
            "owner": owner,
            "start_char": rating.start,
            "end_char": rating.end,
            "at": clock.to_iso(rating.at),
            **rating.model_dump(include={"collection", "query", "source", "vote", "by"}),
        }
        with translated(self._engine), self._engine.begin() as connection:
            connection.execute(sa.insert(evidence_ratings).values(row))

    def of(self, collection: str, *, owner: str) -> list[Rating]:
        """The ratings that count, by query and source."""
        table = evidence_ratings.c
        statement = sa.select(evidence_ratings).where(table.owner == owner, table.collection == collection)
        with translated(self._engine), self._engine.connect() as connection:
            rows = connection.execute(statement.order_by(table.at, table.id)).mappings().all()
        newest = {(row["query"], row["source"], row["start_char"], row["end_char"], row["by"]): row for row in rows}
        found = [Rating(**row, start=row["start_char"], end=row["end_char"]) for row in newest.values()]
        return sorted(found, key=lambda one: (one.query, one.source, one.start or 0, one.by))

    def spend(self, cost: Cost, *, owner: str) -> None:
        """Write down what embedding took."""
        row = {
            "id": new_id("cost"),
            "owner": owner,
            "at": clock.to_iso(cost.at),
            "usage": cost.usage.model_dump_json(),
            **cost.model_dump(include={"collection", "embedder", "texts"}),
        }
        with translated(self._engine), self._engine.begin() as connection:
            connection.execute(sa.insert(evidence_costs).values(row))

    def costs(self, collection: str, *, owner: str) -> list[Cost]:
        """What embedding a collection took, oldest first."""
        table = evidence_costs.c
        statement = sa.select(evidence_costs).where(table.owner == owner, table.collection == collection)
        with translated(self._engine), self._engine.connect() as connection:
            rows = connection.execute(statement.order_by(table.at, table.id)).mappings().all()
        return [Cost(**{**row, "usage": Usage.model_validate_json(row["usage"])}) for row in rows]


def check_rating(
    index: Index,
    collection: str,
    query: str,
    source: str,
    vote: str,
    *,
    by: str,
    owner: str,
    span: tuple[int, int] | None = None,
) -> Rating:
    """A rating of now, held against what is in the index.

    Raises:
        NotFound: the collection has no such source.
        BadInput: the query is empty, the vote is none, or the span is not in the text.
    """
    asked = redact_text(" ".join(query.split()))
    if not asked:
        raise BadInput("`query`: expected what was searched for; it is empty")
    if vote not in VOTES:
        raise BadInput(f"`vote`: expected up or down, not {vote!r}")
    known = {one.source: one for one in index.sources(collection, owner=owner)}
    if source not in known:
        raise NotFound(
            f"corpus `{collection}` has no document `{source}`; `kapelle corpus show {collection}` lists them"
        )
    start, end = span or (None, None)
    if span is not None and not 0 <= span[0] < span[1] <= len(index.document(known[source].document, owner=owner).text):
        raise BadInput(f"`span`: {span[0]}-{span[1]} is no stretch of `{source}`")
    return Rating(
        collection=collection, query=asked, source=source, start=start, end=end, vote=vote, by=by,
        at=clock.now(),
    )  # fmt: skip


def judged(ratings: Sequence[Rating]) -> dict[str, dict[str, int]]:
    """What ratings say of each query's sources: 1 where more are for it than against, else 0.

    A passage speaks for its source.
    """
    sums: dict[str, dict[str, int]] = {}
    for one in ratings:
        of_query = sums.setdefault(one.query, {})
        of_query[one.source] = of_query.get(one.source, 0) + (1 if one.vote == "up" else -1)
    return {query: {source: int(sum_ > 0) for source, sum_ in sources.items()} for query, sources in sums.items()}


def memory_ratings() -> Ratings:
    """Ratings that go with their process."""
    engine = memory_engine()
    metadata.create_all(engine, tables=[evidence_ratings, evidence_costs])
    made = Ratings(engine)
    # Python 3.13 warns of a connection that is only collected.
    weakref.finalize(made, engine.dispose)
    return made
