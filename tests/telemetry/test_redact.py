"""Secrets go, whatever they stand in; what only looks like one stays."""

from typing import Any

import pytest

from kapelle.telemetry.redact import holds_secret, redact, redact_text, redact_url, remember


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-proj-abcdefghijklmnop1234 used", "key [redacted] used"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer [redacted]"),
        ("basic dXNlcjpwYXNzd29yZA==", "basic [redacted]"),
        ("postgresql://ann:hunter22@db/kapelle", "postgresql://ann:[redacted]@db/kapelle"),
        ("redis://:hunter22@cache:6379", "redis://:[redacted]@cache:6379"),
        ("password=hunter22&x=1", "password=[redacted]&x=1"),
        ('{"api_key": "abcdef123"}', '{"api_key": "[redacted]"}'),
        ("OPENAI_API_KEY=abcdef123", "OPENAI_API_KEY=[redacted]"),
        ("client_secret: abcdef123", "client_secret: [redacted]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "[redacted]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "[redacted]"),
    ],
)
def test_a_secret_in_a_text_is_taken_out(text: str, expected: str) -> None:
    assert redact_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ask-me-anything-about-the-long-report",
        "the risk-free-option-is-the-best-of-all",
        "https://example.com/path?x=1",
        "see http://10.0.0.1:8080/a@b",
        "basic training",
        "the secret is out",
        "ticket OPS-1234",
        "tokens: 1234567",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "bearer of bad news",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"password": "x"}, {"password": "[redacted]"}),
        ({"X-API-Key": "x"}, {"X-API-Key": "[redacted]"}),
        ({"db": {"passwd": "x", "host": "h"}}, {"db": {"passwd": "[redacted]", "host": "h"}}),
        ({"api_keys": ["a", "b"]}, {"api_keys": ["[redacted]", "[redacted]"]}),
        ({"credentials": {"user": "u", "n": 3}}, {"credentials": {"user": "[redacted]", "n": 3}}),
        ({"tokens": 5, "max_tokens": "6"}, {"tokens": 5, "max_tokens": "6"}),
        ({"password": "", "token": None}, {"password": "", "token": None}),
        ({"keyboard": "x", "secretary": "Ann"}, {"keyboard": "x", "secretary": "Ann"}),
        (("a", ["b", {"cookie": "c"}]), ("a", ["b", {"cookie": "[redacted]"}])),
    ],
)
def test_a_field_that_holds_secrets_is_masked(value: Any, expected: Any) -> None:
    assert redact(value) == expected


def test_what_is_no_json_becomes_a_text_without_secrets() -> None:
    remember(["known-value"])
    assert redact({"error": ValueError("used known-value")}) == {"error": "used [redacted]"}
    assert "known-value" not in str(redact({"set": {"known-value"}, "bytes": b"known-value"}))


@pytest.mark.parametrize(
    "text",
    [
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "log in with sk-proj-abcdefghijklmnop1234, then ask",
        "xoxb-123456789012-abcdef",
        "Bearer abcdefghijklmnop1234",
        "postgresql://ann:hunter22@db/kapelle",
        "-----BEGIN RSA PRIVATE KEY-----\nMII3ow==\n-----END RSA PRIVATE KEY-----",
        "a long-loaded-secret of this process",
    ],
)
def test_what_is_a_secret_for_sure_is_known_as_one(text: str) -> None:
    remember(["long-loaded-secret"])
    assert holds_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "sk-2024-annual-report-final-version",
        "sk-learn-based-classification-of-texts",
        "the password=hunter22 is only an example",
        "Basic troubleshooting-101",
        "bearer of bad news, chapter 2",
        "see postgresql://ann:hunter22@db/kapelle for what not to do",
        "postgresql://USER:PASSWORD@HOST/DATABASE",
        "-----BEGIN PRIVATE KEY-----...-----END PRIVATE KEY-----",
        "the database is called kapelle",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
)
def test_what_is_only_likely_a_secret_is_not_known_as_one(text: str) -> None:
    remember(["kapelle"])
    assert not holds_secret(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:hunter22@hooks/x?token=abc&x=1", "https://[redacted]@hooks/x?token=[redacted]&x=1"),
        ("https://abcdef0123@hooks/x", "https://[redacted]@hooks/x"),
        ("postgresql://ann:hun/t?er@db/kapelle?sslmode=require", "postgresql://[redacted]@db/kapelle?sslmode=require"),
        (
            "postgresql://db/kapelle?sslpassword=a&password=b",
            "postgresql://db/kapelle?sslpassword=[redacted]&password=[redacted]",
        ),
        ("https://h/x?Key=a;sig=b#access_token=c", "https://h/x?Key=[redacted];sig=[redacted]#access_token=[redacted]"),
        ("https://h/x?api%5Fkey=a&X-Amz-Signature=b", "https://h/x?api%5Fkey=[redacted]&X-Amz-Signature=[redacted]"),
        ("https://h/x?next=sk-proj-abcdefghijklmnop1234", "https://h/x?next=[redacted]"),
        ("https://h:8080/a@b?page=2&key", "https://h:8080/a@b?page=2&key"),
        ("sqlite:////var/lib/kapelle.db", "sqlite:////var/lib/kapelle.db"),
    ],
)
def test_a_url_is_shown_without_who_logs_in_and_what_its_query_hides(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_what_leaves_can_be_written_as_utf8() -> None:
    assert redact_text("cut \ud83d") == "cut \\ud83d"
    assert redact({"a": ["\udc00", "whole \U0001f600"], "\ud83d": 1}) == {
        "a": ["\\udc00", "whole \U0001f600"],
        "\\ud83d": 1,
    }


def test_a_loaded_value_is_taken_out_wherever_it_stands() -> None:
    remember(["known-value", "short"])
    assert redact_text("xknown-valuex short") == "x[redacted]x short"


def test_the_longer_of_two_values_goes_first() -> None:
    remember(["known-value", "known-value-and-more"])
    assert redact_text("known-value-and-more") == "[redacted]"
