"""Filters of a search, before a database reads them."""

import pytest

from kapelle.errors import BadInput
from kapelle.evidence.filters import conditions


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40])
def test_a_whole_number_that_no_database_holds_is_refused(number: int) -> None:
    for wanted in (number, [1, number], {"ge": number}):
        with pytest.raises(BadInput, match="up to 64 bits"):
            conditions({"year": wanted})


def test_a_whole_number_of_64_bits_is_compared_with() -> None:
    (one,) = conditions({"year": [2**63 - 1, -(2**63)]})
    assert one.tests == (("=", 2**63 - 1), ("=", -(2**63)))
