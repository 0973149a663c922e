"""One writing transaction on Postgres that takes place once, also when the connection is lost while it commits.

Each transaction puts its number into a row of its writer. After a lost connection that row says, under its lock,
whether the commit took place: in the same server, in one that was restarted, and in the one that took over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import sqlalchemy as sa

from kapelle.errors import OwnershipLost
from kapelle.ids import new_id
from kapelle.store.dialect import Plain

T = TypeVar("T")
KEPT = 86_400
"""Seconds after its last transaction that a writer's row is kept."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a statement that is a transaction by itself does to its writer's row: it raises its number, or does nothing.

    Only from below: a statement that reaches the server after it was given up finds the number taken.
    """

    writer: str
    number: int


class NotSent(Exception):
    """A statement was not made by the loop: whoever may wait does it."""

    def __init__(self, doubtful: Mark | None = None) -> None:
        """Args:
        doubtful: the mark of one of which nobody knows whether it took place; None: it did not.
        """
        super().__init__()
        self.doubtful = doubtful


@dataclass(frozen=True, slots=True)
class Alone(Generic[T]):
    """One statement that is its own transaction: it raises its writer's number, or does nothing."""

    statement: Plain
    given: Mapping[str, Any]  # Any: of any type
    """All of its parameters but `writer` and `mark`."""
    read: Callable[[Sequence[Any] | None], T]
    """What its row says; raises OwnershipLost where there is none."""
    refusals: Mapping[str, OwnershipLost]
    """What it means when the server refuses it, by the error's SQLSTATE."""

    def given_with(self, mark: Mark) -> dict[str, Any]:
        """Its parameters."""
        return {**self.given, "writer": mark.writer, "mark": mark.number}

    def refusal(self, error: BaseException) -> OwnershipLost | None:
        """What a driver's error means; None: it is none of the statement."""
        return self.refusals.get(getattr(error, "sqlstate", None) or "")


class PostgresTransactions:
    """The transactions of one thread, on a connection that is kept."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._writer = new_id("w")
        self._number = 0
        self._doubtful: tuple[Mark, object] | None = None
        """Mark and result of a transaction of which nobody knows yet whether it took place."""

    def run(self, statements: Callable[[sa.Connection], T], *, sync: bool) -> T:
        """Run `statements` in one transaction, or learn that the last attempt at them took place.

        `sync` changes nothing: a commit is on the disk when the server says so, unless it is told to lie.
        """
        return self._once(lambda connection: self._attempt(connection, statements))

    def run_alone(self, alone: Alone[T]) -> T | None:
        """Run one statement that is its own transaction, in one round trip; None: it took place, its answer was lost.

        Raises:
            OwnershipLost: the fence did not let it pass, or the writer has no row; a whole transaction, which makes the
                row where it is not there, says which.
        """
        return self._once(lambda connection: self._attempt_alone(connection, alone))

    def _once(self, attempt: Callable[[sa.Connection], T]) -> T:
        connection = self._connection = self._connection or self._connect()
        try:
            if self._doubtful is not None:
                mark, result = self._doubtful
                took_place = self._took_place(connection, mark)
                self._doubtful = None
                if took_place:
                    return cast(T, result)
            return attempt(connection)
        finally:
            if connection.closed or connection.invalidated:
                self.close()

    def _attempt(self, connection: sa.Connection, statements: Callable[[sa.Connection], T]) -> T:
        with connection.begin() as transaction:
            self._begin(connection)
            result = statements(connection)
            try:
                transaction.commit()
            except sa.exc.DBAPIError as error:
                # A server that refuses a commit says so; one that is silent may have made it.
                if error.connection_invalidated:
                    self._doubtful = (Mark(self._writer, self._number), result)
                raise
        return result

    def _attempt_alone(self, connection: sa.Connection, alone: Alone[T]) -> T:
        self._number += 1
        mark = Mark(self._writer, self._number)
        with connection.begin():  # nothing is sent: the server begins and ends a transaction around each statement
            try:
                row = alone.statement.row(connection, alone.given_with(mark))
            except sa.exc.DBAPIError as error:
                refused = alone.refusal(cast(BaseException, error.orig))
                if refused is not None:
                    raise refused from error
                if error.connection_invalidated:
                    self._doubtful = (mark, None)
                raise
        return alone.read(row)

    def _connect(self) -> sa.Connection:
        # Transactions are begun by `_begin`: psycopg's own way takes a round trip more.
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with connection.begin():
            connection.execute(_FORGET, {"seconds": KEPT})
            ENTER.row(connection, {"writer": self._writer})
        return connection

    def _begin(self, connection: sa.Connection) -> None:
        """Begin a transaction and number it, in one round trip."""
        self._number += 1
        # Two statements in one message have no parameters; both values are our own.
        connection.exec_driver_sql(_BEGIN.format(number=self._number, writer=self._writer))

    def _took_place(self, connection: sa.Connection, mark: Mark) -> bool:
        """Whether the last transaction took place; waits for one that the server has not ended, and keeps out one that
        it has not begun."""
        with connection.begin():
            connection.exec_driver_sql("begin")
            last: int | None = connection.execute(_LAST, {"writer": mark.writer}).scalar()
            if last != mark.number:
                connection.execute(_TAKE, {"writer": mark.writer, "number": mark.number})
            return last == mark.number

    def begin_anew(self, doubtful: Mark | None = None) -> None:
        """What comes next is another write: whoever gave the last one up reads what is stored.

        Args:
            doubtful: it was tried elsewhere, with this mark, and nobody knows whether it took place.
        """
        self._doubtful = None if doubtful is None else (doubtful, None)

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


_BEGIN = (
    "begin; insert into writers (id, number, at) values ('{writer}', {number}, extract(epoch from clock_timestamp())) "
    "on conflict (id) do update set number = excluded.number, at = excluded.at"
)
_LAST = sa.text("select number from writers where id = :writer for update")
ENTER = Plain(
    "insert into writers (id, number, at) values (:writer, 0, extract(epoch from clock_timestamp())) "
    "on conflict (id) do update set at = excluded.at returning number"
)
"""Make a writer's row where it is not there."""
_TAKE = sa.text("update writers set number = :number where id = :writer")
# Nobody asks after a transaction of so long ago.
_FORGET = sa.text("delete from writers where at < extract(epoch from clock_timestamp()) - :seconds")
