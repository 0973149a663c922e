"""Check an answer again, later: its citations against the versions they name, its claims against their quotes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kapelle.evidence.model import Citation
from kapelle.verdict.checks import claims_of, lack_of, shown_of
from kapelle.verdict.citations import Stretches, check_citation, check_retrieved
from kapelle.verdict.measure import citation_quality
from kapelle.verdict.support import support

Since = Literal["same", "changed", "gone", "kept", "unknown"]
"""What became of a source: its version is the live one; there is a newer; there is none any more; it is an output of
the run itself, which does not change; or nobody can say, because no corpus at hand ever had it."""


class CheckedCitation(BaseModel):
    """A citation, checked again."""

    model_config = ConfigDict(frozen=True)

    id: str
    source: str
    sha256: str
    start: int
    end: int
    exact: bool
    """The quote stands at its span of the version it names."""
    problem: str = ""
    since: Since
    stands: bool | None = None
    """Of a changed source: the quote stands in the newer version too."""
    at: tuple[int, int] | None = None
    """Where it stands there; the place nearest to its old one."""


class CheckedClaim(BaseModel):
    """A sentence of the answer, checked again."""

    model_config = ConfigDict(frozen=True)

    claim: str
    citations: tuple[str, ...]
    support: float = Field(ge=0, le=1)
    problem: str = ""
    told: bool = False
    """Its problem does not decide: an agent claims it, and may have computed it."""


class Recheck(BaseModel):
    """What checking an answer again came to."""

    model_config = ConfigDict(frozen=True)

    holds: bool
    citations: tuple[CheckedCitation, ...] = ()
    claims: tuple[CheckedClaim, ...] = ()
    problems: tuple[str, ...] = ()
    """What is wrong with the answer as a whole."""
    precision: float = Field(default=1.0, ge=0, le=1)
    """The share of citations that support the claims they stand behind; 1 when there are none."""
    recall: float = Field(default=1.0, ge=0, le=1)
    """The share of claims that their citations carry; 1 when there are none."""


class Versions(BaseModel):
    """What is at hand of one cited source."""

    model_config = ConfigDict(frozen=True)

    cited: str | None = None
    """The text of the version that is cited."""
    live: str | None = None
    """The text of the version that is live now, where that is another."""
    since: Since = "unknown"


def recheck(
    text: str,
    citations: Sequence[Citation],
    versions: Mapping[tuple[str, str], Versions],
    *,
    given: str = "",
    told: Collection[str] = (),
    searched: Collection[str] = (),
    retrieved: Stretches | None = None,
    read: Collection[tuple[str, str]] | None = None,
    problems: Sequence[str] = (),
) -> Recheck:
    """Check every citation and every claim of an answer again.

    Args:
        versions: by the (source, sha256) of the citations.
        given: the question and what came with it.
        told: the ids of citations whose claims an agent made: what their quotes lack is told, and does not decide.
        searched: the ids of citations that must lie within a passage of `retrieved`.
        read: the (source, sha256) that the run read; None: the run is not known.
        problems: found before, about the answer as a whole.
    """
    twice = {one.id for one in citations if sum(other.id == one.id for other in citations) > 1}
    found = list(problems) + [f"two citations have the id `{id}`" for id in sorted(twice)]
    checked = [
        _citation(
            one, versions.get((one.source, one.sha256), Versions()), read, retrieved if one.id in searched else None
        )
        for one in citations
    ]
    quotes = {citation.id: shown_of(citation) for citation in citations}
    claims = [_claim(claim, markers, quotes, given, told) for claim, markers in claims_of(text)]
    holds = not found and all(not one.problem for one in checked) and all(not one.problem or one.told for one in claims)
    quality = citation_quality(
        [(one.claim, [quotes[id] for id in one.citations if id in quotes]) for one in claims],
        holds=lambda claim, those: bool(those) and not lack_of(support(claim, those, given=given)),
    )
    return Recheck(
        holds=holds,
        citations=tuple(checked),
        claims=tuple(claims),
        problems=tuple(found),
        precision=round(quality.precision, 4),
        recall=round(quality.recall, 4),
    )


def nearest_place(quote: str, text: str, start: int) -> tuple[int, int] | None:
    """Where a quote stands in a text, word for word: the place nearest to `start`; None where it does not."""
    best: int | None = None
    at = text.find(quote) if quote else -1
    while at >= 0:
        if best is None or abs(at - start) < abs(best - start):
            best = at
        at = text.find(quote, at + 1)
    return None if best is None else (best, best + len(quote))


def _citation(
    citation: Citation,
    versions: Versions,
    read: Collection[tuple[str, str]] | None,
    retrieved: Stretches | None,
) -> CheckedCitation:
    place = nearest_place(citation.quote, versions.live, citation.start) if versions.live is not None else None
    problem = _problem(citation, versions)
    exact = not problem
    if exact and read is not None and (citation.source, citation.sha256) not in read:
        problem = f"`{citation.source}`: the run did not read version {citation.sha256[:12]} of it"
    if not problem and retrieved is not None:
        problem = check_retrieved(citation, retrieved) or ""
    return CheckedCitation(
        **citation.model_dump(include={"id", "source", "sha256", "start", "end"}),
        exact=exact,
        problem=problem,
        since=versions.since,
        stands=None if versions.live is None else place is not None,
        at=place,
    )


def _problem(citation: Citation, versions: Versions) -> str:
    if versions.cited is None:
        return (
            f"`{citation.source}`: version {citation.sha256[:12]} is neither stored here nor in the folder given; "
            "name the folder that has it with `--corpus DIR`"
        )
    return check_citation(citation, versions.cited) or ""


def _claim(
    claim: str, markers: Sequence[str], quotes: Mapping[str, str], given: str, told: Collection[str]
) -> CheckedClaim:
    unknown = [marker for marker in markers if marker not in quotes]
    carried = support(claim, [quotes[marker] for marker in markers if marker in quotes], given=given)
    if not markers:
        problem = "it carries no citation"
    elif unknown:
        problem = f"[{unknown[0]}] names no citation"
    else:
        problem = lack_of(carried)
    return CheckedClaim(
        claim=claim,
        citations=tuple(markers),
        support=carried.score,
        problem=problem,
        told=bool(problem) and not unknown and bool(set(markers) & set(told)),
    )
