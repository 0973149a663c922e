"""Texts from outside in a prompt, each between lines that no text can forge."""

import hashlib
from collections.abc import Iterable, Sequence


def fence(texts: Sequence[str], *, salt: str = "", labels: Sequence[str] | None = None, first: int = 1) -> str:
    """Put texts between marks that carry their number, from `first`.

    The marks hold a digest of all that is shown: a text cannot hold the digest of a whole that it is a part of, so it
    cannot end itself or begin another. The same texts have the same marks, so a recorded prompt is found again.

    Args:
        salt: what else the marks depend on.
        labels: said of each text in its opening mark; folded to one line.
    """
    whole = hashlib.sha256("\0".join((salt, *texts, *(labels or ()))).encode()).hexdigest()[:12]
    parts = []
    for place, text in enumerate(texts):
        label = " ".join(labels[place].split()) if labels else ""
        number = place + first
        opening = f"<<{whole} {number}{' ' + label if label else ''}>>"
        parts.append(f"{opening}\n{text}\n<<{whole} end of {number}>>")
    return "\n\n".join(parts)


def each_once(ids: Iterable[int], count: int) -> str | None:
    """What is wrong with the numbers a model gave back for fenced texts, in words for the model, or None."""
    return None if sorted(ids) == list(range(1, count + 1)) else f"the ids must be 1 to {count}, each once"
