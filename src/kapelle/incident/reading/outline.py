"""Cuts a markdown document into entries, one obligation each, with exact spans, headings and the lines above
that govern them.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

_HEADING = re.compile(r"^\s{0,3}(?P<marks>#{1,6})\s+(?P<text>.*?)\s*#*\s*$")
_BOLD_HEADING = re.compile(r"^\s{0,3}(?:\*\*|__)(?P<text>\d+[.)]\s+[^*_]+?|[A-Z][^*_:]{1,60})(?:\*\*|__)\s*$")
_ITEM = re.compile(
    r"^(?P<indent>[ \t]*)(?P<mark>[-*+•‣]|\(?\d{1,3}(?:\.\d{1,3})*[.)]|\(?[a-z][.)])[ \t]+(?:\[[ xX]\][ "
    r"\t]+)?(?P<text>\S.*?)[ \t\r]*$"
)
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_MARKUP = re.compile(r"\*\*|__|`|~~|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HTML = re.compile(r"</?(?:br|b|i|em|strong|code|u|p)\s*/?>", re.IGNORECASE)
_FORMER = re.compile(
    r"\s*\((?:was|were|previously|formerly|before|up from|down from|earlier|instead of|used to be)\b[^)]*\)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!min\.)(?<!approx\.)(?<!No\.)\s+(?=[A-Z`*\"#\d])")


@dataclass(frozen=True)
class Heading:
    """The title of a section, with its exact span."""

    text: str
    start: int
    end: int
    title: bool = False
    """True for the document's own title, which says too little of what stands under it."""


@dataclass(frozen=True)
class Entry:
    """One line of a document that may hold an obligation: `text[start:end]` of the document is its exact span."""

    text: str
    """Without markup and former values in brackets, white space folded; of a table row the cells with their headers."""
    start: int
    end: int
    headings: tuple[Heading, ...] = ()
    """From the outermost to the innermost, the document's title left out."""
    parents: "tuple[Entry, ...]" = ()
    """The lines above that this one belongs to, outermost first: a lead-in sentence, the items it is nested in."""
    cells: tuple[tuple[str, str], ...] = ()
    """Of a table row: header and cell, in order."""

    @property
    def context(self) -> str:
        """What the lines above say, outermost first."""
        return " / ".join(parent.text for parent in self.parents)


@dataclass
class _State:
    headings: list[tuple[int, Heading]] = field(default_factory=list)
    stack: list[tuple[int, Entry]] = field(default_factory=list)
    lead: Entry | None = None
    entered: bool = False
    """True once a heading was met."""

    @property
    def titles(self) -> tuple[Heading, ...]:
        """The headings that hold here, the document's own left out."""
        return tuple(heading for _, heading in self.headings if not heading.title)


@dataclass(frozen=True)
class _Line:
    text: str
    start: int

    @property
    def end(self) -> int:
        """One past its last character."""
        return self.start + len(self.text)


def plain(text: str) -> str:
    """`text` without markdown marks, links and former values in brackets, white space folded."""
    bare = _MARKUP.sub("", _HTML.sub(" ", _LINK.sub(r"\1", text)))
    return " ".join(_FORMER.sub("", bare).split())


def outline(text: str) -> tuple[Entry, ...]:
    """Cut a document into its entries, in order; code blocks, comments and front matter are left out."""
    return tuple(_entries(_lines(_blanked(text)), text))


def _blanked(text: str) -> str:
    """Comments and front matter replaced by blanks, so that every offset stays."""
    kept = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    front = re.match(r"\ufeff?---\r?\n.*?\n---[ \t]*\r?(?:\n|$)", kept, re.DOTALL)
    return re.sub(r"[^\n]", " ", front[0]) + kept[front.end() :] if front else kept


def _lines(text: str) -> list[_Line]:
    lines, position, fenced = [], 0, False
    for raw in text.splitlines(keepends=True):
        if _FENCE.match(raw):
            fenced = not fenced
        content = raw.rstrip("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
        lines.append(_Line("" if fenced or _FENCE.match(raw) else content.replace("\ufeff", " "), position))
        position += len(raw)
    return lines


def _entries(lines: list[_Line], source: str) -> Iterator[Entry]:
    state, position = _State(), 0
    while position < len(lines):
        line = lines[position]
        if not line.text.strip():
            position += 1
            continue
        if heading := _heading_of(line, lines[position + 1 : position + 2]):
            level, title, taken = heading
            _enter(state, level, _heading_at(line, title, title=level == 1 and not state.entered))
            position += taken
        elif _starts_table(lines, position):
            position = yield from _table(lines, position, state, source)
        elif _ITEM.match(line.text):
            position = yield from _item(lines, position, state, source)
        else:
            position = yield from _paragraph(lines, position, state, source)


def _heading_of(line: _Line, following: list[_Line]) -> tuple[int, str, int] | None:
    if match := _HEADING.match(line.text):
        return len(match["marks"]), plain(match["text"]), 1
    if (
        following
        and re.fullmatch(r"\s{0,3}(=+|-{3,})\s*", following[0].text)
        and "|" not in line.text
        and not _ITEM.match(line.text)
    ):
        return (1 if "=" in following[0].text else 2), plain(line.text), 2
    if match := _BOLD_HEADING.match(line.text):
        return 6, plain(match["text"]), 1
    return None


def _heading_at(line: _Line, text: str, *, title: bool) -> Heading:
    start = line.start + len(line.text) - len(line.text.lstrip(" #\t"))
    return Heading(text, start, line.start + len(line.text.rstrip(" #\t")), title)


def _enter(state: _State, level: int, title: Heading) -> None:
    while state.headings and state.headings[-1][0] >= level:
        state.headings.pop()
    state.headings.append((level, title))
    state.entered = True
    state.stack.clear()
    state.lead = None


def _item(lines: list[_Line], position: int, state: _State, source: str) -> Generator[Entry, None, int]:
    match = _ITEM.match(lines[position].text)
    assert match is not None  # the caller matched it
    indent = len(match["indent"].expandtabs(4))
    start, last = lines[position].start + match.start("text"), position
    while last + 1 < len(lines) and _continues(lines[last + 1], indent):
        last += 1
    end = lines[last].start + len(lines[last].text.rstrip())
    while state.stack and state.stack[-1][0] >= indent:
        state.stack.pop()
    entry = Entry(plain(source[start:end]), start, end, state.titles, _parents(state))
    state.stack.append((indent, entry))
    yield entry
    return last + 1


def _continues(line: _Line, indent: int) -> bool:
    text = line.text
    deeper = len(text) - len(text.lstrip()) > indent
    return bool(text.strip()) and deeper and not _ITEM.match(text) and not _HEADING.match(text) and "|" not in text


def _parents(state: _State) -> tuple[Entry, ...]:
    lead = (state.lead,) if state.lead else ()
    return lead + tuple(entry for _, entry in state.stack)


def _starts_table(lines: list[_Line], position: int) -> bool:
    return (
        "|" in lines[position].text
        and position + 1 < len(lines)
        and "|" in lines[position + 1].text
        and bool(_RULE.match(lines[position + 1].text))
    )


def _table(lines: list[_Line], position: int, state: _State, source: str) -> Generator[Entry, None, int]:
    headers = [plain(cell) for cell in _cells(lines[position].text)]
    position += 2
    above: list[str] = []
    while position < len(lines) and "|" in lines[position].text:
        line = lines[position]
        cells = [plain(cell) for cell in _cells(line.text)]
        # An empty first cell repeats the one above it, as in a cell that spans rows.
        cells = [above[0], *cells[1:]] if cells and not cells[0] and above else cells
        above = cells
        start = line.start + len(line.text) - len(line.text.lstrip())
        pairs = tuple((header, _with_unit(header, cell)) for header, cell in zip(headers, cells, strict=False) if cell)
        end = line.start + len(line.text.rstrip())
        if pairs:  # a row of bars says nothing
            yield Entry(_row_text(pairs), start, end, state.titles, _parents(state), pairs)
        position += 1
    state.lead = None
    return position


def _cells(text: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", text.strip().strip("|"))]


def _with_unit(header: str, cell: str) -> str:
    """A bare number under a header that names its unit gets that unit: `Acknowledge (min)` and `5`."""
    unit = re.search(r"\b(minutes?|mins?|hours?|days?|percent)\b|%", header, re.IGNORECASE)
    bare = re.fullmatch(r"(?:[<>]=?|≥|≤|\+)?\s*\d+(?:\.\d+)?", cell)
    return f"{cell}{'' if unit[0] == '%' else ' '}{unit[0]}" if unit and bare else cell


def _row_text(pairs: tuple[tuple[str, str], ...]) -> str:
    return "; ".join(f"{header}: {cell}" if header else cell for header, cell in pairs)


def _paragraph(lines: list[_Line], position: int, state: _State, source: str) -> Generator[Entry, None, int]:
    last = position
    while last + 1 < len(lines) and _same_paragraph(lines, last + 1):
        last += 1
    state.stack.clear()
    state.lead = None
    block_start, block_end = lines[position].start, lines[last].start + len(lines[last].text.rstrip())
    block = source[block_start:block_end]
    for start, end in _sentences(block):
        entry = Entry(plain(block[start:end]), block_start + start, block_start + end, state.titles)
        yield entry
    if block.rstrip().endswith(":"):
        state.lead = entry
    return last + 1


def _same_paragraph(lines: list[_Line], position: int) -> bool:
    text = lines[position].text
    starts_other = (
        _ITEM.match(text) or _HEADING.match(text) or _starts_table(lines, position) or _BOLD_HEADING.match(text)
    )
    labelled = re.match(r"\s*[*_]*[A-Z][\w ]{1,24}[*_]*:[*_]*\s+\S", text)  # "Owner: ..." starts a line of its own
    return bool(text.strip()) and not starts_other and not labelled


def _sentences(block: str) -> Iterator[tuple[int, int]]:
    position = len(block) - len(block.lstrip())
    for match in _SENTENCE_END.finditer(block):
        yield position, match.start()
        position = match.end()
    if block[position:].strip():
        yield position, len(block.rstrip())
