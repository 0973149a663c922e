"""Filters of a search as they are written on the command line."""

import pytest

from kapelle.cli.corpus_search import read_filters
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
]


@pytest.mark.parametrize(("given", "filters"), READ, ids=str)
def test_a_filter_is_a_field_a_sign_and_a_value(given: list[str], filters: object) -> None:
    assert read_filters(given) == filters


@pytest.mark.parametrize("given", [["service"], ["=x"], [""], ["year=2024", "year>=2023"]])
def test_what_is_no_filter_is_refused(given: list[str]) -> None:
    with pytest.raises(BadInput, match="--filter"):
        read_filters(given)
