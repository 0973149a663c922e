"""Claims written by hand: nearly every false one is caught, nearly no true one refused."""

from pathlib import Path

import pytest
import yaml

from kapelle.verdict.checks import lack_of
from kapelle.verdict.support import support

HERE = Path(__file__).parent
MISSED = {"claims": 0, "claims_unseen": 1, "claims_last": 2}
"""False claims of each file that slip through; docs/citations.md tells them."""
FILES = {name: yaml.safe_load((HERE / f"{name}.yaml").read_text()) for name in MISSED}


def refused(pair: dict[str, str]) -> bool:
    return bool(lack_of(support(pair["claim"], [pair["quote"]])))


@pytest.mark.parametrize("name", FILES)
def test_of_the_claims_written_by_hand_half_hold(name: str) -> None:
    assert sum(pair["holds"] for pair in FILES[name]) * 2 == len(FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_as_many_false_claims_are_caught_as_the_documentation_says(name: str) -> None:
    missed = [pair["claim"] for pair in FILES[name] if not pair["holds"] and not refused(pair)]
    assert len(missed) == MISSED[name], missed


@pytest.mark.parametrize("name", FILES)
def test_no_true_claim_is_refused(name: str) -> None:
    assert [pair["claim"] for pair in FILES[name] if pair["holds"] and refused(pair)] == []


@pytest.mark.parametrize("name", FILES)
def test_a_claim_that_is_its_quote_is_never_refused(name: str) -> None:
    for pair in FILES[name]:
        assert support(pair["quote"], [pair["quote"]]).problems == ()
