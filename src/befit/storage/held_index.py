"""The ledger's index as a verification reads it: apart from every store, changing nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, and_, delete, exists, func, select
from sqlalchemy.exc import DBAPIError

from befit.audit import IndexRow, LogPosition
from befit.storage import dialect
from befit.storage.schema import CALL_SCOPES, CALLS, DECISIONS, EVENTS, LOGS

_ROWS_AT_ONCE = 2_000
_E, _D, _C = EVENTS.c, DECISIONS.c, CALLS.c


class SqlHeldIndex:
    """A `HeldIndex` on one connection."""

    def __init__(self, connection: Connection, engine: Engine) -> None:
        self._connection = connection
        self._engine = engine

    def position(self, log: str) -> LogPosition:
        """How far `log` has been applied."""
        columns = (LOGS.c.events, LOGS.c.leaf_offset, LOGS.c.sealed_offset)
        with self._explaining():
            row = self._connection.execute(select(*columns).where(LOGS.c.log == log)).first()
        if row is None:
            return LogPosition()
        return LogPosition(events=row[0], leaf_offset=row[1], sealed_offset=row[2])

    def rows(self, log: str) -> Iterator[IndexRow]:
        """The events of a log in its order, each with what is derived from it."""
        query = (
            select(
                *(_E.position, _E.tenant, _E.decision_id, _E.type, _E.at),
                *(_E.leaf_offset, _E.sealed_offset),
                *(_D.opened_at, _D.closed_at, _C.permit_id),
            )
            .outerjoin(DECISIONS, and_(_D.tenant == _E.tenant, _D.decision_id == _E.decision_id))
            .outerjoin(
                CALLS,
                and_(
                    _C.tenant == _E.tenant,
                    _C.decision_id == _E.decision_id,
                    _C.reserved_log == _E.log,
                    _C.reserved_position == _E.position,
                ),
            )
            .where(_E.log == log)
            .order_by(_E.position)
        )
        with self._explaining():
            options = {"yield_per": _ROWS_AT_ONCE}
            for row in self._connection.execute(query, execution_options=options):
                yield IndexRow(
                    index=row[0],
                    tenant=row[1],
                    decision_id=row[2],
                    type=row[3],
                    at=row[4],
                    leaf_offset=row[5],
                    sealed_offset=row[6],
                    opened_at=row[7],
                    closed_at=row[8],
                    permit_id=row[9],
                )

    def unfounded(self) -> int:
        """How many decisions it tells of that have no event in it."""
        founded = exists().where(_E.tenant == _D.tenant, _E.decision_id == _D.decision_id)
        query = select(func.count()).select_from(DECISIONS).where(~founded)
        with self._explaining():
            return self._connection.execute(query).scalar_one()

    @contextmanager
    def _explaining(self) -> Generator[None]:
        try:
            yield
        except DBAPIError as error:
            raise dialect.explained(error, self._engine) from error


@contextmanager
def index_beside(url: str) -> Generator[SqlHeldIndex]:
    """The index of a database that a server has open."""
    engine = dialect.open_beside(url)
    try:
        with _reading(engine) as index:
            yield index
    finally:
        engine.dispose()


@contextmanager
def index_at_rest(url: str) -> Generator[SqlHeldIndex | None]:
    """The index of a database that nobody has open, read without a trace.

    None where there is no database: the next start makes it from the ledger.

    Raises:
        WorkspaceError: the URL is not one of a file.
    """
    with dialect.engine_at_rest(url) as engine:
        if engine is None:
            yield None
            return
        with _reading(engine) as index:
            yield index


def forget_index(url: str) -> None:
    """Take out all that the ledger feeds: whoever opens the database next reads it anew.

    Raises:
        WorkspaceError: the database cannot be written.
    """
    engine = dialect.open_engine(url)
    try:
        with engine.begin() as connection:
            for table in (CALL_SCOPES, CALLS, DECISIONS, EVENTS, LOGS):
                connection.execute(delete(table))
    except DBAPIError as error:
        raise dialect.explained(error, engine) from error
    finally:
        engine.dispose()


@contextmanager
def _reading(engine: Engine) -> Generator[SqlHeldIndex]:
    try:
        with engine.connect() as connection:
            yield SqlHeldIndex(connection, engine)
    except DBAPIError as error:
        raise dialect.explained(error, engine) from error
