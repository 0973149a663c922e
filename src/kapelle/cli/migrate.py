"""`kapelle migrate`: bring a database to the present schema, or copy one into another."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
from cyclopts import Parameter
from rich.table import Table

from kapelle.assemble import bring_schedules, index_copied
from kapelle.cli.session import Common, out, print_json, settings_of
from kapelle.errors import BadInput, NotFound, Refused, SettingsError
from kapelle.evidence.copy import copy_collections
from kapelle.run.leases import holders
from kapelle.store.copy import Copied, copy_rows
from kapelle.store.dialect import POSTGRES
from kapelle.store.engine import open_url, parse_url
from kapelle.store.engine_sqlite import sqlite_file
from kapelle.store.faults import translated, where
from kapelle.store.migrate import migrate as bring_up
from kapelle.store.version import HEAD, schema_version


def migrate(
    *,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: Annotated[str | None, Parameter(name=["--to", "--database-url"])] = None,
    sqlite_path: Path | None = None,
    common: Common = Common(),
) -> int:
    """Copy a database into another, again and again with the same outcome; without `--from`, only update its schema.

    What is further on in the target stays. Unfinished runs are taken over there: do not go on with the source.

    Args:
        from_: The database to copy, such as sqlite:///kapelle.db.
        to: The database to copy into, such as postgresql://ann@db/kapelle; else KAPELLE_DATABASE_URL.
        sqlite_path: The file to copy, in place of `--from`.
    """
    if from_ is not None and sqlite_path is not None:
        raise BadInput("`--from` and `--sqlite-path` name the same thing; give one of them")
    source = from_ if sqlite_path is None else f"sqlite:///{sqlite_path}"
    target = to or settings_of(common).url
    if source is not None:
        _existing(source)  # before a target is made for nothing
    if to is not None:
        with _naming("--to"):
            parse_url(to)
    with _opened(target) as there:
        before = schema_version(there)
        bring_up(there)
        if source is None:
            return _tell_schema(there, before, common)
        return _tell(_copy(_existing(source), there), where(there), common)


def _copy(source: str, there: sa.Engine) -> list[Copied]:
    with _opened(source) as here:
        if _same(here.url, there.url):
            raise BadInput("`--from` and `--to` are the same database")
        if schema_version(here) is None:
            raise NotFound(f"there is no Kapelle database at `{where(here)}`")
        bring_up(here)
        with ExitStack() as both:
            reading = both.enter_context(_snapshot(here))
            _refuse_while_used(reading, where(here))
            writing = both.enter_context(_patient(there))
            _say(f"copying {where(here)} into {where(there)}")
            copied = [*copy_rows(reading, writing), *copy_collections(reading, writing)]
        # DBOS writes by connections of its own: they would wait for the transaction.
        copied.append(bring_schedules(here, there))
    if there.dialect.name == POSTGRES.name:
        _say("indexing passages")
        index_copied(there)
    return copied


def _same(here: sa.URL, there: sa.URL) -> bool:
    """Whether two URLs name one database; of files, whatever their paths."""
    files = sqlite_file(here), sqlite_file(there)
    if files[0] is None or files[1] is None:
        return here == there
    return files[0].samefile(files[1])


def _existing(url: str) -> str:
    with _naming("--from"):
        file = sqlite_file(parse_url(url))
    if file is not None and not file.is_file():
        raise NotFound(f"there is no file `{file}`")
    return url


@contextmanager
def _naming(option: str) -> Iterator[None]:
    """Say which option holds what cannot be used."""
    try:
        yield
    except SettingsError as error:
        raise BadInput(str(error).replace("setting `KAPELLE_DATABASE_URL`", f"`{option}`")) from None


@contextmanager
def _opened(url: str) -> Iterator[sa.Engine]:
    engine = open_url(url)
    try:
        with translated(engine):
            yield engine
    finally:
        engine.dispose()


@contextmanager
def _snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One moment of a database, for as long as it takes to read it."""
    with engine.connect() as connection:
        if engine.dialect.name == POSTGRES.name:
            connection.execution_options(isolation_level="REPEATABLE READ")
            connection.exec_driver_sql("set local idle_in_transaction_session_timeout = 0")
        else:
            connection.exec_driver_sql("begin")
        yield connection
        connection.rollback()


@contextmanager
def _patient(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, all of it or nothing; it may wait for the source."""
    with engine.begin() as connection:
        for_this_one = "set local idle_in_transaction_session_timeout = 0"
        connection.exec_driver_sql(for_this_one if engine.dialect.name == POSTGRES.name else "begin immediate")
        yield connection


def _refuse_while_used(connection: sa.Connection, name: str) -> None:
    alive = [one.executor for one in holders(connection) if one.alive]
    if not alive:
        return
    found = connection.execute(
        sa.text("select host, pid from leases where executor in :alive").bindparams(
            sa.bindparam("alive", expanding=True)
        ),
        {"alive": alive},
    )
    processes = ", ".join(f"process {row.pid} on {row.host}" for row in found)
    raise Refused(f"`{name}` is in use, and its runs may be walked: {processes}; stop it and try again")


def _tell_schema(engine: sa.Engine, before: str | None, common: Common) -> int:
    if common.json:
        print_json({"database": where(engine), "schema": HEAD, "was": before})
    else:
        state = "is up to date" if before == HEAD else f"was brought from {before or 'nothing'}"
        out().print(f"{where(engine)}: schema {HEAD}, {state}")
    return 0


def _tell(copied: list[Copied], target: str, common: Common) -> int:
    if common.json:
        print_json({"database": target, "verified": True, "tables": [one.model_dump() for one in copied]})
        return 0
    table = Table(box=None, pad_edge=False)
    table.add_column("table", header_style="dim")
    for column in ("source", "written", "target"):
        table.add_column(column, header_style="dim", justify="right")
    for one in copied:
        table.add_row(one.table, str(one.source), str(one.written), str(one.target))
    out().print(table)
    out().print(f"Every row is in {target}, unless it was purged there.")
    out().print("Its runs go on there: `kapelle worker`, or `kapelle resume RUN`.")
    return 0


def _say(text: str) -> None:
    print(f"kapelle: {text}", file=sys.stderr)
