"""One writing transaction on Postgres that takes place once, also when the connection is lost while it commits.

Each transaction puts its number into a row of its writer. After a lost connection that row says, under its lock,
whether the commit took place: in the same server, in one that was restarted, and in the one that took over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import sqlalchemy as sa

from kapelle.ids import new_id

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


class PostgresTransactions:
    """The transactions of one thread, on a connection that is kept."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._writer = new_id("w")
        self._number = 0
        self._doubtful: tuple[int, object] | None = None
        """Number and result of a transaction of which nobody knows yet whether it took place."""

    def run(self, statements: Callable[[sa.Connection], T], *, sync: bool) -> T:
        """Run `statements` in one transaction, or learn that the last attempt at them took place.

        `sync` changes nothing: a commit is on the disk when the server says so, unless it is told to lie.
        """
        return self._once(lambda connection: self._attempt(connection, statements))

    def run_alone(self, statement: Callable[[sa.Connection, Mark], T]) -> T | None:
        """Run one statement that is its own transaction, in one round trip; None: it took place, its answer was lost.

        Where it cannot raise its writer's number it must do nothing and raise OwnershipLost; a whole transaction,
        which makes the row where it is not there, says whose fault that was.
        """
        return self._once(lambda connection: self._attempt_alone(connection, statement))

    def _once(self, attempt: Callable[[sa.Connection], T]) -> T:
        connection = self._connection = self._connection or self._connect()
        try:
            if self._doubtful is not None:
                number, result = self._doubtful
                took_place = self._took_place(connection, number)
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
                    self._doubtful = (self._number, result)
                raise
        return result

    def _attempt_alone(self, connection: sa.Connection, statement: Callable[[sa.Connection, Mark], T]) -> T:
        self._number += 1
        with connection.begin():  # nothing is sent: the server begins and ends a transaction around each statement
            try:
                return statement(connection, Mark(self._writer, self._number))
            except sa.exc.DBAPIError as error:
                if error.connection_invalidated:
                    self._doubtful = (self._number, None)
                raise

    def _connect(self) -> sa.Connection:
        # Transactions are begun by `_begin`: psycopg's own way takes a round trip more.
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with connection.begin():
            connection.execute(_FORGET, {"seconds": KEPT})
            connection.execute(_ENTER, {"writer": self._writer})
        return connection

    def _begin(self, connection: sa.Connection) -> None:
        """Begin a transaction and number it, in one round trip."""
        self._number += 1
        # Two statements in one message have no parameters; both values are our own.
        connection.exec_driver_sql(_BEGIN.format(number=self._number, writer=self._writer))

    def _took_place(self, connection: sa.Connection, number: int) -> bool:
        """Whether the last transaction took place; waits for one that the server has not ended, and keeps out one that
        it has not begun."""
        with connection.begin():
            connection.exec_driver_sql("begin")
            last: int | None = connection.execute(_LAST, {"writer": self._writer}).scalar()
            if last != number:
                connection.execute(_TAKE, {"writer": self._writer, "number": number})
            return last == number

    def begin_anew(self) -> None:
        """What comes next is another write: whoever gave the last one up reads what is stored."""
        self._doubtful = None

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
_ENTER = sa.text(
    "insert into writers (id, number, at) values (:writer, 0, extract(epoch from clock_timestamp())) "
    "on conflict (id) do nothing"
)
_TAKE = sa.text("update writers set number = :number where id = :writer")
# Nobody asks after a transaction of so long ago.
_FORGET = sa.text("delete from writers where at < extract(epoch from clock_timestamp()) - :seconds")
