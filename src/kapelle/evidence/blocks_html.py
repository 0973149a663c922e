"""Cut HTML source into blocks: the stretches a reader sees, with the headings above them."""

import re
from collections.abc import Iterator

from kapelle.evidence.blocks import Block, Headings
from kapelle.evidence.kinds import visible
from kapelle.language.sentences import trim

_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<![^<>]*>|<\?[^<>]*>"
    r"|<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*)(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*+>",
    re.DOTALL,
)
_HIDDEN = frozenset({"script", "style", "head", "title", "noscript", "template", "svg", "iframe", "object", "select"})
# A run of text goes on through these; a table's cells stay one row.
_INLINE_NAMES = """
a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small span strike strong
sub sup td th time tt u var wbr
"""
_INLINE = frozenset(_INLINE_NAMES.split())


def html_blocks(text: str, title: str = "") -> Iterator[Block]:
    """The visible stretches of HTML between block tags; a stretch keeps the inline tags inside it.

    Script, style and the document's head are passed over.
    """
    headings = Headings(title)
    begin, position, level = 0, 0, 0
    unclosed: set[str] = set()
    while position <= len(text):
        match = _TAG.search(text, position)
        tag = (match["name"] or "").lower() if match else ""
        if match and tag in _INLINE:
            position = match.end()
            continue
        stop = match.start() if match else len(text)
        start, end = _shown(text, begin, stop)
        if start < end and level:
            yield from headings.enter(level, visible(text[start:end], "x.html"), (start, end))
        elif start < end:
            headings.filled()
            yield Block(start, end, headings.section)
        if not match:
            break
        level = int(tag[1]) if re.fullmatch(r"h[1-6]", tag) and not match["close"] else 0
        begin = position = _past(text, match, tag, unclosed)
    yield from headings.close()


def _past(text: str, match: re.Match[str], tag: str, unclosed: set[str]) -> int:
    """Where text goes on after a tag; hidden elements are passed over whole, if they end (else noted as `unclosed`)."""
    if tag not in _HIDDEN or tag in unclosed or match["close"] or match.group().endswith("/>"):
        return match.end()
    close = re.compile(rf"</{tag}\s*>", re.IGNORECASE).search(text, match.end())
    if close is None:
        unclosed.add(tag)
    return close.end() if close else match.end()


def _shown(text: str, start: int, end: int) -> tuple[int, int]:
    """Narrow a stretch to what is seen: no blanks and no tags at its ends; empty when nothing is seen."""
    if not visible(text[start:end], "x.html"):
        return start, start
    while True:
        start, end = trim(text, start, end)
        first = _TAG.match(text, start, end)
        if first:
            start = first.end()
            continue
        last = _last_tag(text, start, end)
        if last is None:
            return start, end
        end = last


def _last_tag(text: str, start: int, end: int) -> int | None:
    if end <= start or text[end - 1] != ">":
        return None
    opened = text.rfind("<", start, end)
    match = _TAG.match(text, opened, end) if opened >= 0 else None
    return opened if match and match.end() == end else None
