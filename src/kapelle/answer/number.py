"""Number the citations of an answer: `c1`, `c2` ..., one for each span."""

import re
from collections.abc import Mapping, Sequence

from kapelle.evidence.model import Citation, Excerpt
from kapelle.language.sentences import sentences
from kapelle.verdict.citations import check_citation
from kapelle.verdict.support import support

Texts = Mapping[tuple[str, str], str]
"""Stored texts by (source, sha256)."""


_MARKER = re.compile(r"\[c\d+\]")


class Numbering:
    """Citations numbered as they come; a span cited again keeps its number."""

    def __init__(self, texts: Texts, most: int) -> None:
        self._texts = texts
        self._most = most
        self._citations: dict[tuple[str, str, int, int], Citation] = {}

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What was cited, in order of number."""
        return tuple(self._citations.values())

    def problem(self, excerpt: Excerpt) -> str | None:
        """Say why an excerpt cannot be cited, or None."""
        return check_citation(excerpt, self._texts.get((excerpt.source, excerpt.sha256)))

    def cite(self, claim: str, excerpts: Sequence[Excerpt], *, passage: str | None = None) -> str:
        """Cite excerpts for a claim; the markers, such as `[c1][c2]`, or empty when none fits under the limit."""
        ids = []
        carried = support(claim, [excerpt.quote for excerpt in excerpts]).score
        for excerpt in excerpts:
            key = (excerpt.source, excerpt.sha256, excerpt.start, excerpt.end)
            if key not in self._citations:
                if len(self._citations) >= self._most:
                    continue
                self._citations[key] = Citation(
                    id=f"c{len(self._citations) + 1}",
                    claim=claim,
                    **excerpt.model_dump(),
                    passage=passage,
                    support=carried,
                    exact=True,
                )
            ids.append(self._citations[key].id)
        return "".join(f"[{id}]" for id in dict.fromkeys(ids))


def folded(text: str) -> str:
    """A claim on one line, without markers of its own: those in it (a source may hold `[c1]`) name nothing here."""
    return " ".join(_MARKER.sub(" ", text).split())


def marked(claim: str, markers: str) -> str:
    """A claim with its markers behind each of its sentences, so that none stands without."""
    return " ".join(f"{claim[start:end]} {markers}" for start, end in sentences(claim))
