"""What one database dialect alone can say: opening, pragmas, upserts, error words.

Everything else in this room is SQLAlchemy Core that any dialect understands.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.sqlite import Insert, dialect, insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from befit.errors import BefitError, Overloaded, WorkspaceError

_T = TypeVar("_T")

_BUSY_TIMEOUT_MS = 10_000
_SQLITE = dialect()
_READS_ONLY = "befit_reads_only"
_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)

WRITE_THREADS = 1
"""SQLite has one writer: a second thread would only poll for the lock."""

READ_THREADS = 2

READING_NOW = 4
"""Other rooms' threads that may read at one time; a further one waits for its turn."""

_CONNECTIONS = WRITE_THREADS + READ_THREADS + READING_NOW


def database_url(path: Path) -> str:
    """The URL of the embedded database at `path`."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def open_engine(url: str) -> Engine:
    """An engine whose file is readable by its owner alone and survives power loss.

    Raises:
        WorkspaceError: the URL is not one of a file, or its folder cannot be written.
    """
    path = file_of(url)
    _make_private(path)
    engine = create_engine(url, pool_size=_CONNECTIONS, max_overflow=1)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def reading(engine: Engine) -> Engine:
    """The same engine for transactions that only read and so take no write lock."""
    return engine.execution_options(**{_READS_ONLY: True})


@contextmanager
def engine_at_rest(url: str) -> Generator[Engine | None]:
    """An engine to read a database that nobody has open, which leaves no trace of it.

    None where there is no database.

    Raises:
        WorkspaceError: the URL is not one of a file.
    """
    path = file_of(url)
    if not path.exists():
        yield None
        return
    journal = path.with_name(f"{path.name}-wal")
    if not (journal.exists() and journal.stat().st_size):
        with _disposed(_open_untouched(path)) as engine:
            yield engine
        return
    # A crash left rows in the journal, which only an opening that writes would read.
    with TemporaryDirectory(prefix="befit-") as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(journal, copy.with_name(journal.name))
        with _disposed(open_engine(database_url(copy))) as engine:
            yield engine


def open_beside(url: str) -> Engine:
    """An engine that reads a database which another engine of this process has open.

    Raises:
        WorkspaceError: the URL is not one of a file.
    """
    path = quote(str(file_of(url).resolve()))
    return create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")


def insert_new(table: Table) -> Insert:
    """An insert that leaves rows alone whose key is there already."""
    return insert(table).on_conflict_do_nothing()


def upsert(table: Table) -> Insert:
    """An insert to be completed by `on_conflict_do_update`."""
    return insert(table)


def one_of(column: ColumnElement[_T], parameter: str) -> ColumnElement[bool]:
    """Whether a column is one of `many` values given as one parameter, however many they are."""
    given = func.json_each(bindparam(parameter, type_=Text)).table_valued("value")
    return column.in_(select(given.c.value))


def pair_of(
    columns: tuple[ColumnElement[str], ColumnElement[int]], parameter: str
) -> ColumnElement[bool]:
    """The same of two columns together, and `many` pairs."""
    given = func.json_each(bindparam(parameter, type_=Text)).table_valued("value")
    both = (func.json_extract(given.c.value, f"$[{place}]") for place in range(2))
    return tuple_(*columns).in_(select(*both))


def many(values: Iterable[str | tuple[str, int]]) -> str:
    """The value of a parameter of `one_of` or `pair_of`."""
    return msgspec.json.encode(list(values)).decode()


class ManyRows:
    """A write of many whole rows of one table, compiled once.

    SQLAlchemy's own `executemany` spends more on each row than SQLite does. Here values
    go to the driver as they are, so money must be nano-dollars already.
    """

    def __init__(self, statement: Insert) -> None:
        names = statement.table.c.keys()
        compiled = statement.compile(dialect=_SQLITE, column_keys=names)
        if compiled.positiontup != names:
            raise ValueError("the statement has other parameters than its table's columns")
        self._sql = str(compiled)

    def write(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
        """Write the rows, each a value for every column in the order of the table."""
        if rows:
            connection.exec_driver_sql(self._sql, list(rows))


def explained(error: DBAPIError, engine: Engine) -> BefitError:
    """The database's error as one that says which file and what next."""
    where = f"the database {engine.url.database}"
    detail = str(error.orig)
    if "locked" in detail or "busy" in detail:
        return Overloaded(f"{where} is busy: {detail}", next_step="try again")
    if "full" in detail:
        return WorkspaceError(f"{where} cannot grow: {detail}", next_step="free disk space")
    if "not a database" in detail or "malformed" in detail:
        return WorkspaceError(
            f"{where} is damaged: {detail}", next_step="restore it from a backup (befit restore)"
        )
    return WorkspaceError(f"{where} failed: {detail}", next_step="run befit doctor")


def file_of(url: str) -> Path:
    """The file of a database's URL.

    Raises:
        WorkspaceError: the URL is not one of a file.
    """
    try:
        parsed = make_url(url)
        driver = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        raise WorkspaceError(
            "the storage URL cannot be read", next_step="write it as sqlite:////PATH/befit.db"
        ) from None
    if driver != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise WorkspaceError(
            f"storage {parsed.render_as_string()!r} is not supported",
            next_step="use a file: sqlite:////PATH/befit.db",
        )
    return Path(parsed.database)


def _open_untouched(path: Path) -> Engine:
    # It writes nothing, no lock file either, and so reads no journal.
    return create_engine(
        f"sqlite:///file:{quote(str(path.resolve()))}?mode=ro&immutable=1&uri=true"
    )


@contextmanager
def _disposed(engine: Engine) -> Generator[Engine]:
    try:
        yield reading(engine)
    finally:
        engine.dispose()


def _make_private(path: Path) -> None:
    # The file must exist with its mode before SQLite opens it: the journal files that
    # SQLite puts beside it take the mode of the database.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise WorkspaceError(
            f"the database {path} cannot be opened: {error.strerror}",
            next_step="check that its folder exists and is yours",
        ) from None


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:  # the pool's record
    # The driver must not begin transactions by itself: `_begin` does, so that writers
    # take the lock at once and never fail at an upgrade from reading to writing.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get(_READS_ONLY, False):
        # It takes no lock, so it cannot fail; SQLAlchemy's own way costs as much as a query.
        driver: sqlite3.Connection | None = connection.connection.driver_connection
        if driver is not None:
            driver.execute("BEGIN")
            return
    connection.exec_driver_sql("BEGIN IMMEDIATE")
