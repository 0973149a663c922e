"""Money is exact, and what is not known stays not known."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from kapelle.budget.model import Budget, Usage


def test_usage_adds_up() -> None:
    one = Usage(requests=1, input_tokens=10, cached_tokens=4, output_tokens=5, usd=Decimal("0.10"), unmeasured=1)
    assert one + one == Usage(
        requests=2, input_tokens=20, cached_tokens=8, output_tokens=10, usd=Decimal("0.20"), unmeasured=2
    )


def test_a_tenth_and_two_tenths_are_three_tenths() -> None:
    assert (Usage(usd=Decimal("0.1")) + Usage(usd=Decimal("0.2"))).usd == Decimal("0.3")


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    assert (Usage(usd=None) + Usage(usd=Decimal(1))).usd is None
    assert (Usage(usd=Decimal(1)) + Usage(usd=None)).usd is None


def test_money_is_a_text_in_json_and_comes_back_exact() -> None:
    assert '"usd":"0.1"' in Usage(usd=Decimal("0.1")).model_dump_json()
    budget = Budget(usd=Decimal("0.10"), tokens=5, seconds=1.5)
    assert Budget.model_validate_json(budget.model_dump_json()) == budget


@pytest.mark.parametrize("wrong", [{"usd": -1}, {"tokens": -1}, {"requests": 1.5}, {"seconds": 0}, {"dollars": 1}])
def test_a_budget_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate(wrong)


def test_several_times_the_same_is_the_sum() -> None:
    one = Usage(requests=1, input_tokens=10, cached_tokens=4, output_tokens=5, usd=Decimal("0.10"), unmeasured=1)
    assert one * 3 == one + one + one
    assert one * 0 == Usage(usd=None) * 0 == Usage()
    assert (Usage(usd=None) * 2).usd is None
