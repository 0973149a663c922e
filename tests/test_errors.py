"""The exception tree answers for itself."""

import inspect
import re
from decimal import Decimal

import pytest

from kapelle import errors
from kapelle.errors import BudgetExceeded, KapelleError, MissingExtra, PlanError, RetriesExhausted, WaitingForApproval

TREE = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, KapelleError)]


@pytest.mark.parametrize("cls", TREE)
def test_each_class_says_its_exit_code_status_and_whether_to_try_again(cls: type[KapelleError]) -> None:
    assert cls.exit_code in (1, 2, 3)
    assert 400 <= cls.http_status < 600
    assert isinstance(cls.retryable, bool)
    assert cls.__doc__


def test_the_drawing_shows_every_class_at_its_depth() -> None:
    assert errors.__doc__ is not None
    drawn = {
        name: (len(lead) - 4) // 4
        for lead, name in re.findall(r"^([ │├└─]*)(\w+)", errors.__doc__, re.M)
        if lead.strip()
    }
    assert drawn == {
        one.__name__: len(one.__mro__) - len(KapelleError.__mro__) for one in TREE if one is not KapelleError
    }


def test_messages_name_the_thing_and_the_remedy() -> None:
    assert str(MissingExtra("postgres")) == "this needs the `postgres` extra: pip install 'kapelle[postgres]'"
    assert "`run`: the next call may take 3, and 2 is allowed" in str(BudgetExceeded("run", Decimal(3), Decimal(2)))
    waiting = WaitingForApproval("run_1", ["apr_1", "apr_2"])
    assert "`kapelle approve ID`" in str(waiting) and waiting.approvals == ("apr_1", "apr_2")
    last = ValueError("no")
    assert RetriesExhausted("it", 4, last).last is last
    assert PlanError("bad", [1, 2]).problems == (1, 2)
