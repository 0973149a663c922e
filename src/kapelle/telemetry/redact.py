"""Take secrets out of everything that leaves: logs, spans, exceptions, rows, responses.

Three nets: the secret values that were loaded, the names of fields that hold secrets, and the shapes of known keys.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "[redacted]"
_SHORTEST = 6
"""Values shorter than this are too common in text to be taken out."""

_known: set[str] = set()

_FIELDS = re.compile(
    r"(^|[_\-.])(api[_\-]?key|key_secret|secret|token|password|passwd|pwd|authorization|credentials?|cookie|private[_\-]?key)s?$",
    re.IGNORECASE,
)
# A counter is no secret: these end in `tokens` and hold numbers.
_COUNTERS = frozenset({"input_tokens", "output_tokens", "cached_tokens", "tokens", "max_tokens"})

_SHAPES = re.compile(
    r"""
    \b(?:sk|pk|rk)-(?:[A-Za-z]+-)*[A-Za-z0-9_\-]{16,}      # OpenAI, Anthropic, Stripe
    | \b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bglpat-[A-Za-z0-9_\-]{16,}
    | \bxox[abeoprs]-[A-Za-z0-9\-]{10,}
    | \bA(?:KI|SI)A[A-Z0-9]{16}\b
    | \bAIza[A-Za-z0-9_\-]{30,}
    | \bkap_[A-Za-z0-9]+_[A-Za-z0-9_\-]{20,}
    | \bhf_[A-Za-z0-9]{20,}
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*
    | -----BEGIN[ A-Z]*PRIVATE\ KEY-----.*?-----END[ A-Z]*PRIVATE\ KEY-----
    """,
    re.VERBOSE | re.DOTALL,
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=_\-.]{12,}")
_IN_URL = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.\-]*://[^\s:/@]*:)[^\s@/]+@", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?i)(?P<name>\b[\w\-]*(?:api[_\-]?key|secret|password|passwd|access[_\-]?token)[\w\-]*\"?\s*[=:]\s*\"?)(?P<value>[^\s\",;&]{6,})"
)


def remember(values: Iterable[str]) -> None:
    """Add secret values that were loaded; they are taken out wherever they stand."""
    _known.update(value for value in values if len(value) >= _SHORTEST)


def redact_text(text: str) -> str:
    """A text without secrets."""
    for value in _known:
        if value in text:
            text = text.replace(value, MASK)
    text = _SHAPES.sub(MASK, text)
    text = _BEARER.sub(lambda found: f"{found[1]} {MASK}", text)
    text = _IN_URL.sub(lambda found: f"{found['scheme']}{MASK}@", text)
    return _ASSIGNED.sub(lambda found: f"{found['name']}{MASK}", text)


def redact(value: Any) -> Any:  # Any: JSON, or whatever a log call was given
    """A value without secrets: by field name, by known value, by shape. Shares what needs no change."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {key: MASK if _is_secret_field(key, part) else redact(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(redact(part) for part in value) if type(value) in (list, tuple) else value
    return value


def _is_secret_field(name: object, value: object) -> bool:
    if not isinstance(name, str) or not isinstance(value, str) or not value:
        return False
    return name.lower() not in _COUNTERS and bool(_FIELDS.search(name))
