"""Ratings: the newest word of each person counts, within their owner's rows."""

from collections.abc import Iterator

import pytest

from kapelle import clock
from kapelle.budget.model import Usage
from kapelle.errors import BadInput, NotFound
from kapelle.evidence.index_sqlite import memory_index
from kapelle.evidence.load import document_of
from kapelle.evidence.ratings import Cost, Rating, Ratings, Vote, check_rating, judged, memory_ratings
from kapelle.store.engine import open_url

OWNER = "acme/ann"


@pytest.fixture(params=["memory", "postgres"])
def ratings(request: pytest.FixtureRequest) -> Iterator[Ratings]:
    if request.param == "memory":
        yield memory_ratings()
        return
    engine = open_url(request.getfixturevalue("postgres_url"))
    yield Ratings(engine)
    engine.dispose()


def say(
    ratings: Ratings, vote: Vote, *, query: str = "leave", source: str = "a.md", by: str = "ann", owner: str = OWNER
) -> None:
    rating = Rating(collection="rules", query=query, source=source, vote=vote, by=by, at=clock.now())
    ratings.rate(rating, owner=owner)


def test_the_newest_of_a_person_counts(ratings: Ratings) -> None:
    for vote in ("up", "down", "up", "down"):
        say(ratings, vote)  # type: ignore[arg-type]
    assert [one.vote for one in ratings.of("rules", owner=OWNER)] == ["down"]


def test_another_person_another_source_another_query_are_ratings_of_their_own(ratings: Ratings) -> None:
    say(ratings, "up")
    say(ratings, "down", by="bob")
    say(ratings, "up", source="b.md")
    say(ratings, "up", query="vacation")
    assert len(ratings.of("rules", owner=OWNER)) == 4


def test_nobody_sees_what_another_owner_said(ratings: Ratings) -> None:
    say(ratings, "up")
    ratings.spend(Cost(collection="rules", embedder="e", texts=1, usage=Usage(), at=clock.now()), owner=OWNER)
    assert ratings.of("rules", owner="acme/bob") == []
    assert ratings.costs("rules", owner="acme/bob") == []
    assert ratings.of("others", owner=OWNER) == []


def test_a_source_helps_when_more_say_so_than_not(ratings: Ratings) -> None:
    say(ratings, "up")
    say(ratings, "up", by="bob")
    say(ratings, "down", by="eve")
    say(ratings, "up", source="b.md")
    say(ratings, "down", source="b.md", by="bob")
    assert judged(ratings.of("rules", owner=OWNER)) == {"leave": {"a.md": 1, "b.md": 0}}


def test_what_embedding_took_comes_back_as_it_was(ratings: Ratings) -> None:
    cost = Cost(collection="rules", embedder="openai:x", texts=3, usage=Usage(requests=1, usd=None), at=clock.now())
    ratings.spend(cost, owner=OWNER)
    (kept,) = ratings.costs("rules", owner=OWNER)
    assert kept.model_copy(update={"at": cost.at}) == cost


REFUSED = [
    ({"query": " \n"}, "query"),
    ({"vote": "sideways"}, "up or down"),
    ({"span": (5, 5)}, "no stretch"),
    ({"span": (0, 10_000)}, "no stretch"),
    ({"span": (-1, 3)}, "no stretch"),
]


@pytest.mark.parametrize(("fields", "why"), REFUSED, ids=str)
def test_what_cannot_be_meant_is_refused(fields: dict[str, object], why: str) -> None:
    index = memory_index()
    index.put("rules", [document_of("a.md", "# A\n\nText.\n")], owner=OWNER)
    given = {"query": "leave", "vote": "up", **fields}
    query, vote = str(given.pop("query")), str(given.pop("vote"))
    with pytest.raises(BadInput, match=why):
        check_rating(index, "rules", query, "a.md", vote, by="ann", owner=OWNER, **given)  # type: ignore[arg-type]


def test_only_what_the_corpus_holds_can_be_rated() -> None:
    with pytest.raises(NotFound, match="corpus show rules"):
        check_rating(memory_index(), "rules", "leave", "a.md", "up", by="ann", owner=OWNER)
