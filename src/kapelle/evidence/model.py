"""Document, Passage, Excerpt, Claim, Citation: what is known, and what is said of it."""

import hashlib

from pydantic import BaseModel, ConfigDict, Field, JsonValue


def sha256_of(text: str) -> str:
    """The SHA-256 of `text` as UTF-8, in hex: the version of a document."""
    return hashlib.sha256(text.encode()).hexdigest()


class Document(BaseModel):
    """One immutable version of a text."""

    model_config = ConfigDict(frozen=True)

    id: str
    source: str
    """Where it is from: the path relative to its folder, or `run:<step path>` for a tool result."""
    title: str = ""
    text: str
    """The file decoded as UTF-8 with nothing changed, or its conversion."""
    sha256: str
    converted: bool = False
    """True when `text` is a conversion (pdf, office), so offsets are not the file's."""
    meta: dict[str, JsonValue] = Field(default_factory=dict)


def document_id(source: str, sha256: str) -> str:
    """The id of one version of a source; the same wherever it is read."""
    digest = hashlib.sha256(f"{source}|{sha256}".encode()).hexdigest()
    return f"doc_{digest[:24]}"


def make_document(
    source: str, text: str, *, title: str = "", converted: bool = False, meta: dict[str, JsonValue] | None = None
) -> Document:
    """Make the Document of a text as read, with its id and version."""
    sha256 = sha256_of(text)
    return Document(
        id=document_id(source, sha256),
        source=source,
        title=title,
        text=text,
        sha256=sha256,
        converted=converted,
        meta=meta or {},
    )


class Passage(BaseModel):
    """A stretch of a document: `document.text[start:end] == text`."""

    model_config = ConfigDict(frozen=True)

    id: str
    document: str
    """The document's id."""
    source: str
    sha256: str
    text: str
    start: int
    """First character, from 0."""
    end: int
    """One past the last character."""
    header: str = ""
    """The document's title; searched with the text, never quoted."""
    section: str = ""
    """Headings above the passage, joined with ` > `."""
    context: str = ""
    """What a model wrote of where in its document it stands; searched with the text, never quoted."""
    meta: dict[str, JsonValue] = Field(default_factory=dict)
    scores: dict[str, float] = Field(default_factory=dict)
    """Of a hit: the score of each leg, and `score`, the one it is ranked by."""


class Excerpt(BaseModel):
    """An exact span of one version of a source: `text[start:end] == quote`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    sha256: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    quote: str


class Claim(BaseModel):
    """One sentence, and the spans that carry it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    excerpts: tuple[Excerpt, ...] = ()


class Citation(BaseModel):
    """A claim of the answer tied to the span that shows it."""

    model_config = ConfigDict(frozen=True)

    id: str
    """`c1`, `c2` ... as it stands in the answer's text: `[c1]`."""
    claim: str
    source: str
    sha256: str
    passage: str | None = None
    quote: str
    start: int
    end: int
    support: float | None = None
    """How well the quote carries the claim, 0..1; None where it was not measured."""
    exact: bool = False
    """The quote equals `text[start:end]` of the stored version."""
