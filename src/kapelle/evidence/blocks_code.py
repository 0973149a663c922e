"""Cut source code into blocks: its definitions, by simple rules for each family of languages."""

import re
from collections.abc import Iterator, Sequence

from kapelle.evidence.blocks import Block
from kapelle.evidence.kinds import Language
from kapelle.language.sentences import Span, lines, trim

_NAME = r"([A-Za-z_$][\w$.:~]*)"
_MODIFIERS = r"(?:[a-z_]+(?:\([^()]*\))?\s+){0,6}"
_OPENS: dict[Language, re.Pattern[str]] = {
    "python": re.compile(rf"\s*(?:async\s+)?(?:def|class)\s+{_NAME}"),
    "script": re.compile(
        rf"\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?"
        rf"(?:(?:function\s*\*?|class|interface|enum|namespace)\s+{_NAME}"
        rf"|(?:const|let|var)\s+{_NAME}\s*(?::[^=]{{0,200}})?=\s*(?:async\s*)?(?:function\b|\(|[\w$]+\s*=>))"
    ),
    "go": re.compile(rf"(?:func\s+(?:\([^)]{{0,200}}\)\s*)?|type\s+){_NAME}"),
    "rust": re.compile(
        rf"\s*{_MODIFIERS}(?:fn|struct|enum|trait|mod"
        rf"|impl(?:<[^>]{{0,200}}>)?(?:\s+[\w:<>, ]{{1,200}}\s+for)?)\s+{_NAME}"
    ),
    "c": re.compile(
        rf"\s*(?:{_MODIFIERS}(?:class|struct|interface|enum|namespace|record|trait|object|fun|func|function)\s+{_NAME}"
        rf"|(?!(?:if|for|while|switch|return|else|catch|do|case|new|throw|using|import|package|typedef)\b)"
        rf"[A-Za-z_][\w:<>,\[\]*& ]{{0,200}}[\s*&]{_NAME}\s*\([^;]{{0,400}}$)"
    ),
    "sh": re.compile(r"\s*(?:function\s+([\w.:-]+)|([\w.:-]+)\s*\(\s*\))"),
    "sql": re.compile(
        r"\s*create\s+(?:or\s+replace\s+)?(?:[a-z]+\s+){0,3}?(?:table|view|function|procedure|trigger|index|type|schema)\s+"
        r"(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?([\w.\"`\[\]]+)",
        re.IGNORECASE,
    ),
    "toml": re.compile(r"\s*\[{1,2}([^\]\n]{1,200})\]"),
}
_LEADS = re.compile(r"\s*(?:@|#|//|/\*|\*|--|;)")
"""A decorator, attribute or comment: it belongs to the definition right below it."""
_UNSEEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`|//.*|/\*.*?\*/")
"""Within a line: what braces do not count in."""
_MARKS = re.compile(r"[{};]")
_WORD = re.compile(r"\w")
_LONG = 1_000
"""Characters from which a line is data, and not read for definitions."""


def code_blocks(text: str, language: Language | None, size: int) -> Iterator[Block]:
    """The paragraphs of source code, each under the definitions around it: `Ledger > charge`.

    A paragraph longer than `size` characters is cut between lines.
    """
    rows = list(lines(text))
    sections = _sections([text[start:end] for start, end in rows], language)
    group: list[Span] = []
    section = ""
    for row, here in zip(rows, sections, strict=True):
        blank = not text[slice(*row)].strip()
        if group and (blank or here != section or row[1] - group[0][0] > size):
            yield from _block(text, group, section)
            group = []
        if not blank:
            group, section = [*group[:1], row], here
    if group:
        yield from _block(text, group, section)


def _block(text: str, group: Sequence[Span], section: str) -> Iterator[Block]:
    start, end = trim(text, group[0][0], group[-1][1])
    if _WORD.search(text, start, end):  # a closing brace alone says nothing
        yield Block(start, end, section)


def _sections(rows: Sequence[str], language: Language | None) -> list[str]:
    """Of each line, the path of definitions it stands in."""
    if language is None:
        return [""] * len(rows)
    opens = _OPENS[language]
    found = [opens.match(row) if len(row) < _LONG else None for row in rows]
    names = [next((name for name in match.groups() if name), "") if match else "" for match in found]
    if language == "python":
        paths = _by_indent(rows, names)
    elif language in ("sql", "toml"):
        paths = _by_heading(rows, names)
    else:
        paths = _by_braces(rows, names)
    for at in range(len(rows) - 1, 0, -1):
        if (names[at] or paths[at] != paths[at - 1]) and rows[at].strip() and _LEADS.match(rows[at - 1]):
            paths[at - 1] = paths[at] if names[at] or _LEADS.match(rows[at]) else paths[at - 1]
    return paths


def _by_indent(rows: Sequence[str], names: Sequence[str]) -> list[str]:
    open_: list[tuple[int, str]] = []
    paths: list[str] = []
    quoted = ""
    for row, name in zip(rows, names, strict=True):
        bare = row.strip()
        indent = len(row) - len(row.lstrip())
        if not quoted and bare and not bare.startswith((")", "]", "}")):
            while open_ and indent <= open_[-1][0]:
                open_.pop()
            if name:
                open_.append((indent, name))
        quoted = _quoted_after(row, quoted)
        paths.append(" > ".join(one for _, one in open_))
    return paths


def _quoted_after(row: str, quoted: str) -> str:
    """The mark of the long string that is open after a line, given the one before it."""
    at = 0
    while at < len(row):
        if quoted:
            at = row.find(quoted, at)
            if at < 0:
                return quoted
            at, quoted = at + 3, ""
            continue
        marks = [(row.find(mark, at), mark) for mark in ('"""', "'''") if row.find(mark, at) >= 0]
        if not marks:
            return ""
        at, quoted = min(marks)
        at += 3
    return quoted


def _by_braces(rows: Sequence[str], names: Sequence[str]) -> list[str]:
    open_: list[tuple[int, str]] = []
    paths: list[str] = []
    depth, waiting = 0, ""
    for row, name in zip(rows, names, strict=True):
        seen = _UNSEEN.sub("", row) if len(row) < _LONG else ""
        waiting = name or waiting
        inside = " > ".join([*(one for _, one in open_), *([waiting] if waiting else [])])
        for mark in _MARKS.findall(seen):
            if mark == "{":
                if waiting:
                    open_.append((depth, waiting))
                    waiting = ""
                depth += 1
            elif mark == "}":
                depth = max(0, depth - 1)
                if open_ and depth <= open_[-1][0]:
                    open_.pop()
            elif mark == ";" and not name:
                waiting = ""
        if waiting and seen.rstrip().endswith(";"):
            waiting = ""
        paths.append(inside)
    return paths


def _by_heading(rows: Sequence[str], names: Sequence[str]) -> list[str]:
    paths: list[str] = []
    present = ""
    for name in names:
        present = name or present
        paths.append(present)
    return paths
