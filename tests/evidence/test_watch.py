"""What changed in a folder is told once it has come to rest."""

from kapelle.evidence.folder import Entry, Stamp
from kapelle.evidence.watch import Changes, changes, watched


def entries(**sizes: int) -> list[Entry]:
    return [Entry(name, (name,), Stamp(1, size, 1)) for name, size in sizes.items()]


def test_changes_are_what_came_went_and_is_different() -> None:
    before = {entry.source: entry.stamp for entry in entries(a=1, b=1, c=1)}
    after = {entry.source: entry.stamp for entry in entries(b=2, c=1, d=1)}
    assert changes(before, after) == Changes(added=("d",), changed=("b",), removed=("a",))
    assert not changes(before, before)


def test_nothing_is_told_while_it_still_changes() -> None:
    seen = watched(entries(a=1))
    assert not seen.look(entries(a=1))
    assert not seen.look(entries(a=2))
    assert not seen.look(entries(a=3))
    assert seen.look(entries(a=3)).changed == ("a",)


def test_what_was_read_is_not_told_again_and_what_stands_still_need_not_be_read() -> None:
    seen = watched(entries(a=1, b=1))
    seen.look(entries(a=1, b=2))
    assert seen.look(entries(a=1, b=2)).changed == ("b",)
    assert seen.unchanged() == {"a"}
    seen.settle([])
    assert not seen.look(entries(a=1, b=2))
    assert seen.unchanged() == {"a", "b"}


def test_a_change_during_the_reading_is_told_at_the_next_look() -> None:
    seen = watched(entries(a=1))
    seen.look(entries(a=2))
    assert seen.look(entries(a=2))
    seen.settle([])  # it was read as it was at the last look, or later
    seen.look(entries(a=3))
    assert seen.look(entries(a=3)).changed == ("a",)


def test_what_could_not_be_read_is_tried_again_now_and_then() -> None:
    seen = watched(entries(a=1, b=1))
    seen.settle(["a"])
    told = [seen.look(entries(a=1, b=1)).changed for _ in range(60)]
    assert [one for one in told if one] == [("a",), ("a",)]
    assert seen.unchanged() == {"b"}
