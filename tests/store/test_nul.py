"""Postgres gives back every text that Python can hold, NUL characters included."""

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from kapelle.store.engine import open_url
from kapelle.store.nul import escape, restore

MARK = "\U0010ffff"


@given(st.text(st.one_of(st.sampled_from(["\0", MARK, "0", "1"]), st.characters(exclude_categories=["Cs"]))))
def test_what_was_escaped_is_restored(text: str) -> None:
    escaped = escape(text)
    assert "\0" not in escaped
    assert restore(escaped) == text
    if "\0" not in text and MARK not in text:
        assert escaped is text


def test_a_text_comes_back_from_the_database_as_it_was(postgres_url: str) -> None:
    texts = ["plain", "a\0b", "\0", MARK, f"{MARK}0\0", "ü\0🎻"]
    engine = open_url(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table texts (n integer, a text, b varchar)")
        connection.execute(
            sa.text("insert into texts values (:n, :a, cast(:a as text))"),
            [{"n": n, "a": text} for n, text in enumerate(texts)],
        )
        found = connection.execute(sa.text("select a, b from texts order by n")).all()
        assert [tuple(row) for row in found] == [(text, text) for text in texts]
        same = sa.text("select n from texts where a = :a")
        assert [connection.execute(same, {"a": text}).scalars().all() for text in texts] == [[n] for n in range(6)]
    engine.dispose()
