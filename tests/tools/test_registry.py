"""Tools by name; a name is given once."""

import pytest

from kapelle.errors import BadInput, NotFound
from kapelle.tools.decorator import make_tool
from kapelle.tools.registry import Registry


def a() -> str:
    """Be a."""
    return "a"


def b() -> str:
    """Be b."""
    return "b"


def test_tools_are_found_by_name_and_listed_in_order() -> None:
    known = Registry([make_tool(b), make_tool(a)])
    assert known.get("a").function is a
    assert [one.name for one in known] == ["a", "b"]
    assert len(known) == 2
    assert "a" in known and "c" not in known


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="there is no agent `c`; known: a"):
        Registry([make_tool(a)], what="agent").get("c")
    with pytest.raises(NotFound, match="known: none"):
        Registry().get("c")


def test_two_functions_of_one_name_are_refused() -> None:
    with pytest.raises(BadInput, match="two tools are named `a`"):
        Registry([make_tool(a), make_tool(b, name="a")])


def test_the_same_function_may_be_registered_again() -> None:
    assert len(Registry([make_tool(a), make_tool(a)])) == 1
