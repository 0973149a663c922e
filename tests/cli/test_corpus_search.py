"""Options of a search, and of what brings documents in, as they are written on the command line."""

import pytest

from kapelle.cli.corpus_add import add
from kapelle.cli.corpus_search import read_filters, search
from kapelle.errors import BadInput

READ = [
    ([], None),
    (["service=billing"], {"service": "billing"}),
    (["service=a", "service=b"], {"service": ["a", "b"]}),
    (["year>=2024", "year<2026"], {"year": {"ge": 2024, "lt": 2026}}),
    (["date<=2026-01-01"], {"date": {"le": "2026-01-01"}}),
    (["score>0.5"], {"score": {"gt": 0.5}}),
    (['tags=["x", "y"]'], {"tags": ["x", "y"]}),
    (["draft=false", "note=null"], {"draft": False, "note": None}),
    (["title=a=b"], {"title": "a=b"}),
    (['id="7"'], {"id": "7"}),
    (["empty="], {"empty": ""}),
    (["note=NaN"], {"note": "NaN"}),
]


@pytest.mark.parametrize(("given", "filters"), READ, ids=str)
def test_a_filter_is_a_field_a_sign_and_a_value(given: list[str], filters: object) -> None:
    assert read_filters(given) == filters


@pytest.mark.parametrize("given", [["service"], ["=x"], [""], ["year=2024", "year>=2023"]])
def test_what_is_no_filter_is_refused(given: list[str]) -> None:
    with pytest.raises(BadInput, match="--filter"):
        read_filters(given)


@pytest.mark.parametrize("k", [0, -1, 10_001, 10**20])
def test_more_or_fewer_passages_than_a_search_gives_are_refused(k: int) -> None:
    with pytest.raises(BadInput, match=f"--k {k}"):
        search("invoices", k=k)


@pytest.mark.parametrize("megabytes", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_size_that_is_none_is_refused(megabytes: float) -> None:
    with pytest.raises(BadInput, match="--max-mb"):
        add("handbook", max_mb=megabytes)
