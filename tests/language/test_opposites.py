"""Words that say the contrary of each other are known in either direction, and those that rule each other out."""

import pytest

from kapelle.language.opposites import alternatives, opposites
from kapelle.language.words import base


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("approve", "rejected"),
        ("increased", "decrease"),
        ("valid", "invalid"),
        ("complete", "incomplete"),
        ("more", "fewer"),
    ],
)
def test_opposites_are_known_both_ways_and_in_any_form(one: str, two: str) -> None:
    assert base(two) in opposites(base(one))
    assert base(one) in opposites(base(two))


@pytest.mark.parametrize(
    ("one", "two"), [("come", "income"), ("approve", "approved"), ("keep", "retain"), ("der", "under")]
)
def test_what_only_looks_like_it_is_no_opposite(one: str, two: str) -> None:
    assert base(two) not in opposites(base(one))


def test_alternatives_rule_each_other_out_and_never_themselves() -> None:
    assert base("vendor") in alternatives(base("employee"))
    assert base("vendor") not in alternatives(base("vendor"))
    assert alternatives("nonsense") == frozenset()
