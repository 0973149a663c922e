"""Tie each row that a system answered to the exact characters that show it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from kapelle.errors import ToolFailed, UnreadableSource
from kapelle.evidence.model import Document, Excerpt
from kapelle.incident.company import Company
from kapelle.incident.records import R
from kapelle.incident.reference import excerpt
from kapelle.incident.rows import Row, read_members, read_rows
from kapelle.tools.model import ToolContext


class _Ref(BaseModel):
    """Where a system says a row stands."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)


@dataclass
class Answer:
    """What a system answered, kept as a document of the run; and the company's own files its rows point into."""

    text: str = field(repr=False)
    system: str
    """The system's name, for messages."""
    company: Company | None
    context: ToolContext = field(repr=False)

    def __post_init__(self) -> None:
        sha256 = self.context.keep("", self.text, title=f"Answer of {self.system}")
        source = f"run:{self.context.path}"
        self._received = Document(id=source, source=source, text=self.text, sha256=sha256)
        self._files: dict[str, Document | None] = {}

    def rows(self, key: str, record: type[R]) -> Iterator[tuple[R, Excerpt]]:
        """The rows `{key: [...]}` and the span of each: in its file where that can be shown, else in the answer.

        Raises:
            ToolFailed: the answer does not have the shape that was expected.
        """
        try:
            for row in read_rows(self.text, key, self.system):
                yield record.model_validate(row.value), self._span(row)
        except UnreadableSource as error:
            raise ToolFailed(f"the answer of {error}") from None
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(str(part) for part in problem["loc"])
            raise ToolFailed(
                f"`{self.system}` answered a row whose `{name}` cannot be used: {problem['msg']}"
            ) from None

    def member(self, key: str) -> Excerpt | None:
        """The span `"key": value` of the answer itself."""
        try:
            member = read_members(self.text, self.system).get(key)
        except UnreadableSource:
            return None
        return None if member is None else excerpt(self._received, member.start, member.end)

    def _span(self, row: Row) -> Excerpt:
        shown = self._in_file(row.value)
        return shown or excerpt(self._received, row.start, row.end)

    def _in_file(self, row: dict[str, JsonValue]) -> Excerpt | None:
        """The row's own span in its file, when that file is at hand and says exactly what the row says."""
        try:
            ref = _Ref.model_validate(row.get("ref"))
        except ValidationError:
            return None
        document = self._file(ref.source)
        if document is None:
            return None
        span = excerpt(document, ref.start, ref.end)
        return span if _says(span.quote, row) else None

    def _file(self, source: str) -> Document | None:
        if source not in self._files:
            self._files[source] = self._open(source)
        return self._files[source]

    def _open(self, source: str) -> Document | None:
        """The company's file in the version that the system served, kept as a document of the run."""
        served = read_members(self.text, self.system).get("sha256")
        if self.company is None or served is None or not self.company.has(source):
            return None
        document = self.company.read(source)
        if document.sha256 != served.value:
            return None
        self.context.keep(document.source, document.text, title=document.title)
        return document


def _says(quote: str, row: dict[str, JsonValue]) -> bool:
    try:
        said = json.loads(quote)
    except ValueError:
        return False
    return bool(said == {name: value for name, value in row.items() if name != "ref"})
