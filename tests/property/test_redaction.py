"""Whatever is redacted holds no secret that was planted in it."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kapelle.telemetry.redact import redact, redact_text, remember

KNOWN = ["plain-known-secret", 'quo"ted\\sec\nret', "prefix", "prefix-and-more", "ünï-cödé-secret"]
SHAPED = [
    "sk-proj-abcdefghijklmnop1234",
    "sk-ant-api03-abcdefghijklmnopqrstu",
    "ghp_abcdefghijklmnopqrst1234",
    "github_pat_11ABCDEFG0abcdefghijkl",
    "xoxb-123456789012-abcdef",
    "AKIAABCDEFGHIJKLMNOP",
    "AIzaSyA-1234567890abcdefghijklmnopqrstu",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh",
    "hf_abcdefghijklmnopqrstuv",
]
SECRETS = [*KNOWN, *SHAPED]
PIECES = st.one_of(st.text(max_size=8).filter(lambda text: "prefix" not in text), st.sampled_from(SECRETS))
TEXTS = st.lists(PIECES, max_size=4).map(" ".join)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=12,
)


def texts_in(value: Any) -> str:
    """Every text of a value, keys included."""
    if isinstance(value, dict):
        return "\n".join(texts_in(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return "\n".join(texts_in(part) for part in value)
    return str(value)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_a_redacted_value_holds_none_of_the_secrets(value: Any) -> None:
    remember(KNOWN)
    left = texts_in(redact(value))
    assert not [secret for secret in SECRETS if secret in left]
    assert "-and-more" not in left.replace("[redacted]", "")


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_a_secret_inside_json_or_a_url_is_found_too(value: Any) -> None:
    remember(KNOWN)
    left = redact_text(json.dumps(texts_in(value)))
    assert not [secret for secret in SECRETS if json.dumps(secret)[1:-1] in left]


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_redacting_twice_changes_nothing_more(value: Any) -> None:
    remember(KNOWN)
    once = redact(value)
    assert redact(once) == once


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.integers() | st.booleans() | st.none(), lambda inner: st.lists(inner, max_size=3)))
def test_what_holds_no_text_stays_as_it_is(value: Any) -> None:
    assert redact(value) == value
