"""What a task is about, by its words."""

import pytest

from kapelle.task.features import Features, features_of
from kapelle.task.model import Task


def of(prompt: str) -> Features:
    return features_of(Task(prompt=prompt))


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("A bug in the export", {"issue"}),
        ("Two tickets are open", {"issue"}),
        ("An alert fired", {"issue", "incident"}),
        ("The outage of May", {"incident"}),
        ("SEV1 in the shop", {"incident", "operations"}),
        ("sev-2 declared", {"incident", "operations"}),
        ("P1: all down", {"incident", "operations"}),
        ("Who is on-call?", {"operations", "search"}),
        ("Roll back the release", {"operations"}),
        ("Compare tea with coffee", {"compare"}),
        ("tea vs. coffee", {"compare"}),
        ("Should we renew it?", {"decide"}),
        ("Summarise the notes", {"extract"}),
        ("summarize it, and list the deadlines", {"extract", "search"}),
        ("Look up the number", {"search"}),
        ("Good morning", set()),
        ("debugging the severance package", set()),
        ("the p12 form", set()),
    ],
)
def test_words_make_features(prompt: str, expected: set[str]) -> None:
    features = of(prompt)
    names = ("issue", "incident", "operations", "compare", "search", "decide", "extract", "asks_person")
    assert {name for name in names if getattr(features, name)} == expected


def test_the_case_of_letters_does_not_matter() -> None:
    assert of("AN INCIDENT").incident and of("an incident").incident


def test_the_length_and_the_words_are_told() -> None:
    assert of("Hello, World").length == 12
    assert of("Hello, World").words == {"hello", "world"}
