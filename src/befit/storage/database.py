"""`Database`: one engine and the few threads that its blocking work runs on.

database = Database("sqlite:////srv/befit/.befit/befit.db")
keys = await database.read(lambda connection: connection.execute(query).all())
await database.run(lambda connection: connection.execute(statement))
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from befit.errors import BefitError, Overloaded
from befit.storage import dialect
from befit.storage.migrate import require_current

_T = TypeVar("_T")


class Database:
    """The workspace's database; every store is given one.

    Reads and writes have threads of their own, so that a slow report delays no write.
    Opening it blocks for a few milliseconds and belongs to the start of a process.

    Attributes:
        url: of its file.

    Raises:
        WorkspaceError: not a database, or of another schema than this Befit writes.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = dialect.open_engine(url)
        self._reading = dialect.reading(self._engine)
        self._writers = ThreadPoolExecutor(dialect.WRITE_THREADS, "befit-db-write")
        self._readers = ThreadPoolExecutor(dialect.READ_THREADS, "befit-db-read")
        self._reading_now = threading.BoundedSemaphore(dialect.READING_NOW)
        self._closed = False
        try:
            self._transact(self._reading, require_current)
        except BefitError:
            self.close()
            raise

    async def run(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work` in one write transaction: it commits whole or not at all.

        Cancelling the caller does not undo the work; it ends in its thread.

        Raises:
            Overloaded: another process holds the database too long, or it is closed.
            WorkspaceError: the disk is full, or the file is damaged.
        """
        return await self._submit(self._writers, self._engine, work)

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work`, which only reads, over one consistent state."""
        return await self._submit(self._readers, self._reading, work)

    def read_now(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work`, which only reads, in the caller's own thread, which is never the loop's."""
        self._require_open()
        with self._reading_now:
            return self._transact(self._reading, work)

    def close(self) -> None:
        """Wait for what runs and close the file. Closing twice is fine."""
        self._closed = True
        self._writers.shutdown()
        self._readers.shutdown()
        self._engine.dispose()

    async def _submit(
        self, threads: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], _T]
    ) -> _T:
        self._require_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, self._transact, engine, work)

    def _require_open(self) -> None:
        if self._closed:
            raise Overloaded("the database is closed: this process is stopping")

    def _transact(self, engine: Engine, work: Callable[[Connection], _T]) -> _T:
        try:
            with engine.begin() as connection:
                return work(connection)
        except IntegrityError:
            raise  # stores know what a taken key means
        except DBAPIError as error:
            raise dialect.explained(error, self._engine) from error
