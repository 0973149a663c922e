"""Reads severities as ranks: `P1`, `SEV-1`, `Severity 1` are rank 1; the lower the rank, the more severe."""

import re

_NAME = r"(?:p|sev(?:erity)?|priority|s)(?:\s+level)?[\s-]?"
_ONE = re.compile(rf"(?:(?<![\w#./])|(?<=\d/)|(?<=\d/`)){_NAME}(?P<rank>[0-5])(?![\w%]|\.\d)", re.IGNORECASE)
_RANGE = re.compile(
    rf"(?<![\w#./]){_NAME}(?P<first>[0-5])`?\s*(?:-|–|—|\bto\b|\bthrough\b)\s*`?(?:{_NAME})(?P<last>[0-5])(?![\w%])",
    re.IGNORECASE,
)
_UPWARD = re.compile(r"`?\s*(?:\(?\s*(?:or|and)\s+(?:higher|above|worse|more severe|up)\b|\+)", re.IGNORECASE)
_DOWNWARD = re.compile(r"`?\s*\(?\s*(?:or|and)\s+(?:lower|below|less severe)\b", re.IGNORECASE)
_CHANNEL = re.compile(r"#[\w-]+")  # `#inc-p1` is a channel
_LONE_S = re.compile(r"s[\s-]?\d", re.IGNORECASE)


def severities_in(text: str) -> tuple[int, ...]:
    """Every rank named in `text`, ascending; ranges and `or higher` are expanded."""
    ranks: set[int] = set()
    text = _CHANNEL.sub(" ", text)
    for match in _RANGE.finditer(text):
        ranks.update(range(int(match["first"]), int(match["last"]) + 1))
    for match in _ONE.finditer(text):
        rank = int(match["rank"])
        if _LONE_S.fullmatch(match[0]) and not match[0].startswith("S"):
            continue
        ranks.add(rank)
        if _UPWARD.match(text, match.end()):
            ranks.update(range(min(rank, 1), rank))
        elif _DOWNWARD.match(text, match.end()):
            ranks.update(range(rank, 6))
    return tuple(sorted(ranks))


def severity_name(text: str) -> str | None:
    """The first severity as it is written in `text`, without quotes; None when there is none."""
    match = _ONE.search(text)
    return match[0] if match else None


def without_severities(text: str) -> str:
    """`text` with every severity name taken out."""
    return _ONE.sub(" ", text)
