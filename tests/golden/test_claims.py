"""Claims written by hand: nearly every false one is caught, nearly no true one refused."""

from pathlib import Path

import pytest
import yaml

from kapelle.verdict.checks import lack_of
from kapelle.verdict.support import support

HERE = Path(__file__).parent
FILES = {name: yaml.safe_load((HERE / f"{name}.yaml").read_text()) for name in ("claims", "claims_unseen")}


def refused(pair: dict[str, str]) -> bool:
    return bool(lack_of(support(pair["claim"], [pair["quote"]])))


@pytest.mark.parametrize("name", FILES)
def test_of_the_claims_written_by_hand_half_hold(name: str) -> None:
    assert sum(pair["holds"] for pair in FILES[name]) * 2 == len(FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_at_least_nine_of_ten_false_claims_are_caught(name: str) -> None:
    false = [pair for pair in FILES[name] if not pair["holds"]]
    missed = [pair["claim"] for pair in false if not refused(pair)]
    assert len(missed) <= len(false) / 10, missed


@pytest.mark.parametrize("name", FILES)
def test_at_most_one_of_twenty_true_claims_is_refused(name: str) -> None:
    true = [pair for pair in FILES[name] if pair["holds"]]
    alarms = [pair["claim"] for pair in true if refused(pair)]
    assert len(alarms) <= len(true) / 20, alarms


@pytest.mark.parametrize("name", FILES)
def test_a_claim_that_is_its_quote_is_never_refused(name: str) -> None:
    for pair in FILES[name]:
        assert support(pair["quote"], [pair["quote"]]).problems == ()
