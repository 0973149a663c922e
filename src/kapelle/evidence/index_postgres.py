"""The `Index` on Postgres: texts, passages and an inverted index of their stems, ranked as FTS5 ranks."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, RowMapping, text

from kapelle.evidence import statements_postgres as sql
from kapelle.evidence.filters import Fitting
from kapelle.evidence.filters_postgres import where
from kapelle.evidence.index import Filters, Match
from kapelle.evidence.index_database import DatabaseIndex
from kapelle.evidence.index_parts import Place, VectorIndex
from kapelle.evidence.rows import Cut
from kapelle.language.stem import stem
from kapelle.language.words import words as words_of

_LONGEST = 64
"""Characters of a stem that count."""
_BATCH = 500
"""Passages that are given their words at once."""
_NUMBERED = 20_000
"""Passages up to which the numbers of those that fit a filter are kept, some 100 KB."""
_FILTERS = 64
"""Filters whose numbers are kept."""


class PostgresIndex(DatabaseIndex):
    """An Index in the tables of `tables_postgres`."""

    def __init__(self, engine: Engine, vectors: VectorIndex | None = None) -> None:
        super().__init__(engine, Postings(), vectors)
        self._fit: dict[tuple[int, str, tuple[tuple[str, object], ...]], tuple[int, str | None]] = {}

    def _narrowed(self, connection: Connection, place: Place, fitting: Fitting | None) -> Fitting | None:
        """The numbers themselves, asked for once: each leg of each search would else go through metas and passages."""
        if fitting is None:
            return None
        key = (place.id, fitting.numbers, tuple(sorted(fitting.values.items())))
        generation, numbers = self._fit.get(key, (None, None))
        if generation != place.generation:
            given = {**fitting.values, "place": place.id, "most": _NUMBERED}
            numbers = connection.execute(text(sql.THOSE_THAT_FIT.format(numbers=fitting.numbers)), given).scalar()
            if len(self._fit) >= _FILTERS:
                self._fit.clear()
            self._fit[key] = (place.generation, numbers)
        return fitting if numbers is None else Fitting(sql.NUMBERED, {"fitting": numbers})

    def index_missing(self) -> int:
        """Index the passages that were brought here without their words; how many there were."""
        done = 0
        while True:
            with self._writing() as connection:
                found = connection.execute(sql.WORDLESS, {"most": _BATCH}).mappings().all()
                _index(connection, found)
            done += len(found)
            if len(found) < _BATCH:
                return done


class Postings:
    """The stems of passages, counted per collection, so that nobody's rank depends on what others keep."""

    def make(self, connection: Connection, place: int) -> None:
        """See `WordIndex.make`; its row is all it needs."""

    def add(self, connection: Connection, place: int, passages: Sequence[Cut], metas: Mapping[str, int]) -> None:
        """See `WordIndex.add`."""
        numbers = connection.execute(sql.NUMBERS, {"passages": len(passages)}).scalars()
        counted = [_count(one.header, one.section, one.context, one.visible or one.text) for one in passages]
        rows = [
            {
                **passage._asdict(),
                "place": place,
                "meta": metas[passage.about],
                "number": number,
                "words": found.total(),
            }
            for passage, number, found in zip(passages, numbers, counted, strict=True)
        ]
        connection.execute(sql.ADD_PASSAGE, rows)
        _add_words(connection, place, {row["number"]: found for row, found in zip(rows, counted, strict=True)})

    def cut(self, connection: Connection, place: int, sources: Sequence[str]) -> None:
        """See `WordIndex.cut`."""
        connection.execute(sql.CUT, {"place": place, "sources": list(sources)})

    def match(
        self, connection: Connection, place: int, words: Sequence[str], k: int, fitting: Fitting | None
    ) -> list[Match]:
        """See `WordIndex.match`."""
        asked = Counter(_entry(word) for word in words)
        held, narrowed = (sql.READ_FIRST, sql.FITTING.format(numbers=fitting.numbers)) if fitting else ("", "")
        statement = sql.SEARCH.format(held=held, fitting=narrowed)
        given = {"stems": list(asked), "weights": list(asked.values()), "place": place, "k": k}
        rows = connection.execute(text(statement), {**given, **(fitting.values if fitting else {})})
        return [Match(number, score) for number, score in rows]

    def holding(self, connection: Connection, place: int, words: Sequence[str]) -> int:
        """See `WordIndex.holding`."""
        stems = list(dict.fromkeys(_entry(word) for word in words))
        return int(connection.execute(sql.HOLDING, {"place": place, "stems": stems}).scalar_one())

    def fitting(self, filters: Filters) -> Fitting:
        """See `WordIndex.fitting`."""
        return where(filters)


def _entry(word: str) -> str:
    """What a word is found by; data written as one long word would not fit into an index of Postgres."""
    return stem(word)[:_LONGEST]


def _count(*parts: str) -> Counter[str]:
    """How often each stem stands in a passage: its title, its headings, its context and what is visible of its text."""
    return Counter(_entry(word) for part in parts for word in words_of(part))


def _add_words(connection: Connection, place: int, counted: dict[int, Counter[str]]) -> None:
    rows = [(word, number, times, found.total()) for number, found in counted.items() for word, times in found.items()]
    stems, passages, times, lengths = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
    given = {"stems": stems, "passages": passages, "times": times, "lengths": lengths}
    connection.execute(sql.ADD_WORDS, {"place": place, **given})
    total = sum(found.total() for found in counted.values())
    connection.execute(sql.GROW, {"place": place, "passages": len(counted), "words": total})


def _index(connection: Connection, passages: Sequence[RowMapping]) -> None:
    by_place: dict[int, dict[int, Counter[str]]] = {}
    for passage in passages:
        counted = _count(*(passage[part] for part in ("header", "section", "context", "body")))
        by_place.setdefault(passage["collection"], {})[passage["number"]] = counted
    for place, some in by_place.items():
        _add_words(connection, place, some)
        connection.execute(sql.COUNTED, [{"number": n, "words": found.total()} for n, found in some.items()])
