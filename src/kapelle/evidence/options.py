"""How a search is made: every choice is a field, so that any two can be measured against each other."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_FOLLOWED = 3
MOST_FOUND = 10_000
"""Passages that one search gives, at most."""
NO_MODEL = (
    "`wordings`, `follow` and `rerank` ask a model; name one by KAPELLE_MODEL, `--model` or `model=`, such as "
    "openai:gpt-5-mini"
)


class SearchOptions(BaseModel):
    """The choices of one search; the defaults are those that measured best over several collections."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    legs: Literal["hybrid", "words", "vectors"] = "hybrid"
    """What finds: words (BM25), vectors (cosine), or both; without vectors `hybrid` is words alone, and says so."""
    fusion: Literal["convex", "rrf"] = "convex"
    """How both become one ranking: by their scores, or by their ranks."""
    vector_share: float = Field(0.5, ge=0, le=1)
    """Of a convex score; the rest is the words'."""
    pool: int = Field(100, ge=1, le=10_000)
    """Candidates taken from each leg."""
    named: float = Field(0.2, ge=0, le=10)
    """Added to a passage's score when the query names its document by title."""
    expand: Literal["none", "rules", "feedback"] = "rules"
    """Words added to a query: none; of acronyms the collections spell out, and related words for those they never
    use; or of the best passages (RM3), which finds more and ranks the first less well."""
    hops: Literal[1, 2] = 1
    """2: what the best passages lead to is searched as well, for questions that no single passage answers."""
    diversity: float = Field(0.0, ge=0, le=1)
    """How much a passage that repeats those before it loses (MMR); 0: nothing."""
    wordings: bool = False
    """A model's other wordings of the query are searched for too; what all find is merged by rank."""
    follow: int = Field(0, ge=0, le=MOST_FOLLOWED)
    """How many times a model may say what is missing, and have it searched for."""
    rerank: bool = False
    """A model grades the best thirty, and they are ranked by that."""

    @property
    def asks_a_model(self) -> bool:
        """Whether a part of it is a model's: `retrieve` does that, `search` leaves it out."""
        return self.wordings or self.rerank or self.follow > 0


DEFAULT = SearchOptions()
