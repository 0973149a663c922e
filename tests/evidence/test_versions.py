"""Which document supersedes which is read from what they say, never guessed."""

import pytest

from kapelle.evidence.index import Source
from kapelle.evidence.versions import asks_about, named_in, silenced, superseded


def source(name: str, title: str = "", older: list[str] | None = None) -> Source:
    return Source(source=name, document="d", sha256="s", title=title, meta={"supersedes": older} if older else {})


V1 = source("policies/policy_v1.md", "Incident policy, version 1")


@pytest.mark.parametrize(
    "name", ["policy_v1", "policies/policy_v1.md", "Policy v1", "policy_v1.md", "Incident policy, version 1"]
)
def test_the_older_is_found_by_path_file_name_or_title(name: str) -> None:
    newer = source("policies/policy_v2.md", "Incident policy, version 2", [name])
    assert superseded([V1, newer]) == {V1.source: newer.source}


def test_a_part_of_a_title_does_when_only_one_has_it() -> None:
    newer = source("policies/policy_v2.md", "Incident policy, version 2", ["version 1"])
    assert superseded([V1, newer]) == {V1.source: newer.source}
    assert superseded([V1, source("docs/x.md", "Guide, version 1"), newer]) == {}


def test_nothing_supersedes_itself_or_what_is_not_there() -> None:
    assert superseded([source("a.md", "A", ["a"]), source("b.md", "B", ["zebra"])]) == {}


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("What did policy_v1 say?", True),
        ("under version 1, who pages?", True),
        ("what was the previous rule", True),
        ("How did it differ?", True),
        ("What does the policy say?", False),
        ("What does policy_v2 say?", False),
        ("Who is paged at +10 minutes?", False),
    ],
)
def test_a_question_is_about_the_older_when_it_names_it_or_looks_back(question: str, about: bool) -> None:
    assert asks_about(question, V1) is about


def test_one_plain_word_is_no_name() -> None:
    assert named_in("What about finance?", [source("finance.md")]) == set()
    assert named_in("What about leave policy here?", [source("a/leave-policy.md"), V1]) == {"a/leave-policy.md"}


def test_only_what_is_superseded_and_not_asked_about_is_silent() -> None:
    both = [V1, source("policies/policy_v2.md", "Incident policy, version 2", ["policy_v1"])]
    assert silenced("Who is paged?", both) == {V1.source}
    assert silenced("Who was paged by policy_v1?", both) == set()
