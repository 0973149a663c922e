"""Take secrets out of everything that leaves: logs, spans, exceptions, rows, responses.

Three nets: the secret values that were loaded, the names of fields that hold secrets, and the shapes of known keys.
What leaves can also be written as UTF-8, whatever somebody's code has put into a message.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote

from kapelle.language.surrogates import spell_out

MASK = "[redacted]"
_SHORTEST = 6
"""Values shorter than this are too common in text to be taken out."""

_known: set[str] = set()
"""Each secret as it is, as JSON writes it, and as a URL does."""

_FIELDS = re.compile(
    r"(^|[_\-.])(api[_\-]?key|key_secret|secret|token|password|passwd|pwd|authorization|credentials?|cookie|private[_\-]?key)s?$",
    re.IGNORECASE,
)
# A counter is no secret: these end in `tokens` and hold numbers.
_COUNTERS = frozenset({"input_tokens", "output_tokens", "cached_tokens", "tokens", "max_tokens"})

_SHAPES = re.compile(
    r"""
    (?:\b|(?<=\\[bfnrt]))(?:                              # JSON's escapes end in a letter
    (?:sk|pk|rk)-(?:[A-Za-z]+-)*[A-Za-z0-9_\-]{16,}      # OpenAI, Anthropic, Stripe
    | (?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}
    | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{20,}
    | glpat-[A-Za-z0-9_\-]{16,}
    | xox[abeoprs]-[A-Za-z0-9\-]{10,}
    | A(?:KI|SI)A[A-Z0-9]{16}\b
    | AIza[A-Za-z0-9_\-]{30,}
    | kap_[A-Za-z0-9]+_[A-Za-z0-9_\-]{20,}
    | hf_[A-Za-z0-9]{20,}
    | eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*
    ) | -----BEGIN[ A-Z]*PRIVATE\ KEY-----.*?-----END[ A-Z]*PRIVATE\ KEY-----
    """,
    re.VERBOSE | re.DOTALL,
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=_\-.]{12,}")
_IN_URL = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.\-]*://[^\s:/@]*:)[^\s@/]+@", re.IGNORECASE)
_LONG = re.compile(r"(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}")
"""What words with hyphens never have, and random keys nearly always."""
_SURELY_KNOWN = 12
"""A loaded secret that is shorter may stand in prose by accident, such as a database's password."""
_USER = re.compile(r"(?<=://)(?:[^/?#\s]*|[^/?#\s:@]*:(?!\d+[/?#])[^\s@]*)@")
"""Who logs in; a password may hold what ends a host, where nobody has escaped it."""
_PARAMETER = re.compile(r"(?<=[?&;#])(?P<name>[^=&;#\s]+)=(?P<value>[^&;#\s]+)")
_PARAMETERS = frozenset(
    {"key", "sig", "signature", "code", "auth", "pass", "accesskey", "accesstoken", "apikey", "sslpassword"}
) | {"x-amz-signature", "x-amz-credential", "x-goog-signature", "x-goog-credential"}
"""Names in a URL's query that hold secrets there, and mean other things elsewhere."""
_ASSIGNED = re.compile(
    r"(?i)(?P<name>\b[\w\-]*(?:api[_\-]?key|secret|password|passwd|access[_\-]?token)[\w\-]*\"?\s*[=:]\s*\"?)(?P<value>[^\s\",;&]{6,})"
)


def remember(values: Iterable[str]) -> None:
    """Add secret values that were loaded; they are taken out wherever they stand."""
    for value in values:
        if len(value) >= _SHORTEST:
            _known.update(
                (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, ""))
            )


def redact_text(text: str) -> str:
    """A text without secrets, its lone surrogates written out."""
    text = spell_out(text)
    # The longest first: one secret may be the beginning of another.
    for value in sorted((value for value in _known if value in text), key=len, reverse=True):
        text = text.replace(value, MASK)
    text = _SHAPES.sub(MASK, text)
    text = _BEARER.sub(lambda found: f"{found[1]} {MASK}", text)
    text = _IN_URL.sub(lambda found: f"{found['scheme']}{MASK}@", text)
    return _ASSIGNED.sub(lambda found: f"{found['name']}{MASK}", text)


def redact_url(url: str) -> str:
    """A URL without who logs in, and without what its query holds that is secret; other text as `redact_text`."""

    def without(found: re.Match[str]) -> str:
        name = unquote(found["name"])
        secret = _holds_secrets(name) or name.lower() in _PARAMETERS
        return f"{found['name']}={MASK}" if secret else found[0]

    return redact_text(_PARAMETER.sub(without, _USER.sub(f"{MASK}@", url)))


def holds_secret(text: str) -> bool:
    """Whether a text holds a secret for sure: what is only likely to be one is redacted, and never refused.

    Sure are long secrets that were loaded, keys of a known shape with digits, and a text that is nothing but an
    authorization or an address with a password.
    """
    if len(text) < _SURELY_KNOWN:
        return False
    if any(value in text for value in _known if len(value) >= _SURELY_KNOWN):
        return True
    if any(_is_random(found[0]) for found in _SHAPES.finditer(text)):
        return True
    login = _IN_URL.match(text)
    if login is not None and not re.search(r"\s", text):
        return any(one.isdigit() for one in login[0].removeprefix(login["scheme"]))
    return _BEARER.fullmatch(text) is not None and _LONG.search(text) is not None


def _is_random(key: str) -> bool:
    """Whether a key of a known shape is one: `sk-` may begin a name of many words."""
    if re.match(r"[spr]k-", key):
        return _LONG.search(key) is not None
    return any(one.isdigit() for one in key)


def redact(value: Any) -> Any:  # Any: JSON, or whatever a log call was given
    """A value without secrets: by field name, by known value, by shape; what is no JSON becomes its text."""
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {
            redact_text(key) if isinstance(key, str) else key: _mask(part) if _holds_secrets(key) else redact(part)
            for key, part in value.items()
        }
    if type(value) in (list, tuple):
        return type(value)(redact(part) for part in value)
    return redact_text(str(value))


def _mask(value: Any) -> Any:  # Any: as `redact`
    """A value of which no text is left; counters and flags are no secrets."""
    if isinstance(value, Mapping):
        return {redact(key): _mask(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(part) for part in value]
    return value if value in (None, "") or isinstance(value, bool | int | float) else MASK


def _holds_secrets(name: object) -> bool:
    return isinstance(name, str) and name.lower() not in _COUNTERS and bool(_FIELDS.search(name))
