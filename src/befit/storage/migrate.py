"""Bringing a database's schema to this version of Befit, and refusing any other."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table
from sqlalchemy.exc import DBAPIError

from befit.errors import WorkspaceError
from befit.storage import dialect

HEAD = 3
"""The newest revision under `migrations/versions`; revisions are numbered from 1."""

_VERSION_TABLE = "alembic_version"


def upgrade(url: str) -> None:
    """Create the schema, or bring an older one to this version; all of it or nothing.

    Raises:
        WorkspaceError: the database was written by a newer Befit, or is not one.
    """
    engine = dialect.open_engine(url)
    try:
        with engine.begin() as connection:
            found = _revision(connection)
            if found is not None and found > HEAD:
                raise _newer(connection, found)
            if found != HEAD:
                _run_migrations(connection)
    except DBAPIError as error:
        raise dialect.explained(error, engine) from error
    finally:
        engine.dispose()


def require_current(connection: Connection) -> None:
    """Refuse a database whose schema is older or newer than this Befit's.

    Raises:
        WorkspaceError: naming both revisions and what to do.
    """
    found = _revision(connection)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise _newer(connection, found)
    state = "has no schema yet" if found is None else f"has schema {found}"
    raise WorkspaceError(
        f"the database {connection.engine.url.database} {state}; this Befit needs {HEAD}",
        next_step="run befit migrate",
    )


def _revision(connection: Connection) -> int | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    versions = select(table(_VERSION_TABLE, column("version_num")))
    word = str(connection.execute(versions).scalar_one_or_none() or "0")
    if not word.isdecimal():
        raise WorkspaceError(
            f"the database {connection.engine.url.database} has schema {word!r}, which is not"
            " Befit's",
            next_step="name another file under storage",
        )
    return int(word)


def _newer(connection: Connection, found: int) -> WorkspaceError:
    return WorkspaceError(
        f"the database {connection.engine.url.database} has schema {found}, written by a newer"
        f" Befit; this one knows up to {HEAD}",
        next_step="upgrade Befit, or restore a backup of the older schema",
    )


def _run_migrations(connection: Connection) -> None:
    # Alembic costs a fifth of a second to import, and only migrating needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
