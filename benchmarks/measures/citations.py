"""What citations prove: injected faults that pass the checks, and claims their quotes do not carry that do."""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kapelle.evidence.measure.collection import read_collection
from kapelle.evidence.model import Citation, Document, make_document
from kapelle.evidence.split import split
from kapelle.language.sentences import sentences
from kapelle.verdict.checks import check_citations, check_support, lack_of
from kapelle.verdict.citations import Stretches
from kapelle.verdict.support import support
from measures.misuses import Misuse, misuses

_DIGIT = re.compile(r"(?<![\w.,-])\d+(?![\w-]|[.,]\d)")
_SIZE = 300
"""Characters of a passage: small, so that a document has passages that were not retrieved."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer with one fault, in a run that read `texts` and retrieved `retrieved`."""

    kind: str
    """`altered quote`, `foreign passage`, `stale version`, `wrong number`, `stitched quote`; `none` is a control."""
    text: str
    citation: Citation
    texts: dict[tuple[str, str], str]
    retrieved: Stretches

    @property
    def passes(self) -> bool:
        """Whether the checks that a verdict requires let it through."""
        exact = check_citations([self.citation], self.texts, searched={self.citation.id}, retrieved=self.retrieved)
        return bool(exact.passed and check_support(self.text, [self.citation]).passed)


def measure(collection_folder: Path, *, count: int = 200, most: int = 200) -> dict[str, object]:
    """Inject `count` faults and make up to `most` claims of each kind from the texts of a folder in BEIR's layout.

    Returns:
        faults, passed (of them), controls, controls_refused; misuses: the share caught of each kind; false_alarms: the
        share of carried claims refused, of the sentence itself and of other words; made: how many of each kind.
    """
    documents = read_collection(collection_folder).documents
    injected = faults(documents, count=count)
    wrong = [one for one in injected if one.kind != "none"]
    right = [one for one in injected if one.kind == "none"]
    made = misuses([document.text for document in documents], most=most)
    refused = Counter(one.kind for one in made if is_refused(one))
    of_each = Counter(one.kind for one in made)
    shares = {kind: round(refused[kind] / number, 4) for kind, number in of_each.items()}
    carried = {one.kind for one in made if one.holds}
    return {
        "faults": len(wrong),
        "passed": sum(one.passes for one in wrong),
        "controls": len(right),
        "controls_refused": sum(not one.passes for one in right),
        "misuses": {kind: share for kind, share in shares.items() if kind not in carried},
        "false_alarms": {kind: share for kind, share in shares.items() if kind in carried},
        "made": dict(of_each),
    }


def is_refused(misuse: Misuse) -> bool:
    """Whether the checks without a model say that the quote does not carry the claim."""
    return bool(lack_of(support(misuse.claim, [misuse.quote])))


def faults(documents: Sequence[Document], *, count: int = 200, seed: int = 11) -> list[Fault]:
    """Make `count` faults, as many of each kind, and a control beside every one: the same answer without the fault."""
    chance = random.Random(seed)
    usable = [one for one in (_Place.of(document, chance) for document in documents) if one is not None]
    makers: list[Callable[[_Place, _Place], Fault | None]] = [
        lambda place, _: place.altered(chance),
        lambda place, other: place.foreign(other, chance),
        lambda place, _: place.stale(),
        lambda place, _: place.miscounted(chance),
        lambda place, _: place.stitched(),
    ]
    made: list[Fault] = []
    controls: list[Fault] = []
    for maker in makers:
        kind: list[Fault] = []
        for turn in range(count * 20):
            if len(kind) == count // len(makers) or not usable:
                break
            place, other = usable[turn % len(usable)], chance.choice(usable)
            fault = maker(place.again(chance), other)
            if fault is not None and place.document.id != other.document.id:
                kind.append(fault)
                controls.append(place.fault("none", place.claim))
        made.extend(kind)
    return [*made, *controls]


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence of a document of which one passage was retrieved."""

    document: Document
    passage: tuple[int, int]
    spans: tuple[tuple[int, int], ...]
    """Sentences within the passage."""
    chosen: int

    @classmethod
    def of(cls, document: Document, chance: random.Random) -> "_Place | None":
        for passage in chance.sample(found := list(split(document, size=_SIZE)), len(found)):
            low, high = passage.start, passage.end
            whole = sentences(document.text)
            spans = tuple((a, b) for a, b in whole if low <= a and b <= high and len(document.text[a:b].split()) > 4)
            if len(spans) > 1:
                return cls(document, (low, high), spans, 0)
        return None

    def again(self, chance: random.Random) -> "_Place":
        return _Place(self.document, self.passage, self.spans, chance.randrange(len(self.spans)))

    @property
    def span(self) -> tuple[int, int]:
        return self.spans[self.chosen]

    @property
    def claim(self) -> str:
        return " ".join(self.document.text[slice(*self.span)].split())

    def fault(self, kind: str, claim: str, **changed: object) -> Fault:
        start, end = self.span
        citation = Citation(
            id="c1",
            claim=claim,
            source=self.document.source,
            sha256=self.document.sha256,
            passage="p",
            quote=self.document.text[start:end],
            start=start,
            end=end,
        )
        key = (self.document.source, self.document.sha256)
        texts, retrieved = {key: self.document.text}, {key: [self.passage]}
        said = " ".join(f"{claim[a:b]} [c1]" for a, b in sentences(claim))
        return Fault(kind, said, citation.model_copy(update=changed), texts, retrieved)

    def altered(self, chance: random.Random) -> Fault:
        quote = self.document.text[slice(*self.span)]
        at = chance.randrange(len(quote))
        words = quote.split(" ")
        word = chance.randrange(len(words))
        quote = chance.choice(
            [
                quote[:at] + chance.choice([one for one in "aZ7 .,-" if one != quote[at]]) + quote[at + 1 :],
                quote[:at] + quote[at + 1 :],
                quote[:at] + chance.choice("xQ3") + quote[at:],
                " ".join(words[:word] + words[word + 1 :]),
                quote.upper(),
                f"{quote} ",
            ]
        )
        return self.fault("altered quote", self.claim, quote=quote)

    def foreign(self, other: "_Place", chance: random.Random) -> Fault | None:
        """A span of a document that was not read, or of a passage of this one that was not retrieved."""
        if chance.random() < 0.5:
            fault = other.fault("foreign passage", other.claim)
            key = (self.document.source, self.document.sha256)
            return Fault(fault.kind, fault.text, fault.citation, {key: self.document.text}, {key: [self.passage]})
        low, high = self.passage
        outside = [one for one in sentences(self.document.text) if one[1] <= low or one[0] >= high]
        if not outside:
            return None
        span = chance.choice(outside)
        return _Place(self.document, self.passage, (span,), 0).fault(
            "foreign passage", self.document.text[slice(*span)]
        )

    def stale(self) -> Fault:
        """The same span of the version before, which the run did not read."""
        end = self.span[1]
        before = make_document(self.document.source, f"{self.document.text[:end]} Or so.{self.document.text[end:]}")
        return self.fault("stale version", self.claim, sha256=before.sha256)

    def miscounted(self, chance: random.Random) -> Fault | None:
        numbers = list(_DIGIT.finditer(self.claim))
        if not numbers:
            return None
        match = chance.choice(numbers)
        new = str(int(match.group()) + chance.choice((1, 2, 10, 100)))
        if re.search(rf"\b{new}\b", self.claim):
            return None
        return self.fault("wrong number", self.claim[: match.start()] + new + self.claim[match.end() :])

    def stitched(self) -> Fault:
        """Two sentences as one quote, what stands between them left out, under the span of one or of all."""
        first, last = self.spans[0], self.spans[-1]
        one, two = self.document.text[slice(*first)], self.document.text[slice(*last)]
        quote = f"{one[: len(one) // 2].rstrip()} {two}"
        place = _Place(self.document, self.passage, self.spans, 0)
        return place.fault("stitched quote", place.claim, quote=quote, start=first[0], end=last[1])
