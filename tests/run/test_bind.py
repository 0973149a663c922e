"""Values take the place of references; literals are not looked into."""

import pytest

from kapelle.plan.reference import Ref, follow
from kapelle.run.bind import BindError, bind

OUTPUTS = {"a": {"x": [1, {"y": None}]}, "b": "text"}


def read(ref: Ref) -> object:
    return follow(OUTPUTS[ref.ref], ref.path)  # type: ignore[arg-type]


def test_references_are_replaced_at_any_depth() -> None:
    value = {
        "one": {"$ref": "b"},
        "two": [{"$ref": "a", "path": "/x/0"}, {"deep": {"$ref": "a", "path": "/x/1"}}],
        "n": 3,
    }
    assert bind(value, read) == {"one": "text", "two": [1, {"deep": {"y": None}}], "n": 3}  # type: ignore[arg-type]


def test_a_literal_is_unwrapped_and_not_looked_into() -> None:
    assert bind({"v": {"$json": {"$ref": "a"}}}, read) == {"v": {"$ref": "a"}}  # type: ignore[arg-type]


def test_what_a_reference_gives_is_not_bound_again() -> None:
    given = {"$ref": "b"}
    assert bind({"v": {"$ref": "a"}}, lambda _: given) == {"v": given}  # type: ignore[arg-type,return-value]


def test_null_is_a_value() -> None:
    assert bind({"$ref": "a", "path": "/x/1/y"}, read) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/z", "/x/2", "/x/0/deeper"])
def test_a_place_that_is_not_there_is_named(path: str) -> None:
    with pytest.raises(BindError, match=f"`a` has nothing at `{path}`"):
        bind({"v": [{"$ref": "a", "path": path}]}, read)  # type: ignore[arg-type]


def test_the_value_itself_is_not_changed() -> None:
    value = {"v": [{"$ref": "b"}]}
    bind(value, read)  # type: ignore[arg-type]
    assert value == {"v": [{"$ref": "b"}]}
