"""The contract suites run on every database that a URL is given for.

SQLite in a temporary folder by default. `BEFIT_TEST_DATABASE_URL` adds another empty
database, once a second dialect is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from befit.audit import (
    DecisionIndex,
    Event,
    EventPointer,
    EventType,
    IndexedEvent,
    LogPosition,
    Sealer,
)
from befit.audit.sealing import SealingKey
from befit.storage import Database, database_url, upgrade
from befit.vocabulary import DEFAULT_TENANT

_OTHER = os.environ.get("BEFIT_TEST_DATABASE_URL")


@pytest.fixture(params=["sqlite", *(["other"] if _OTHER else [])])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    chosen = database_url(tmp_path / "befit.db") if request.param == "sqlite" else str(_OTHER)
    upgrade(chosen)
    return chosen


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture
def another(url: str) -> Iterator[Callable[[], Database]]:
    """Opens the same database once more, as another process would."""
    opened: list[Database] = []

    def open_another() -> Database:
        opened.append(Database(url))
        return opened[-1]

    yield open_another
    for each in opened:
        each.close()


@pytest.fixture
def sealer() -> Sealer:
    tenants = (DEFAULT_TENANT, "other")
    return Sealer({tenant: SealingKey(tenant=tenant, secret=os.urandom(32)) for tenant in tenants})


class Log:
    """Writes events of decisions as the ledger's projector hands them on."""

    def __init__(self, name: str = "0", *, at: float = 1_772_366_400.0) -> None:
        self.name = name
        self.at = at
        self.rows: list[IndexedEvent] = []
        self._given = 0

    def add(
        self, type_: str, decision_id: str, fields: dict[str, object] | None, **where: str
    ) -> EventPointer:
        index = len(self.rows)
        time = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="microseconds")
        sealed = None
        if fields is not None:
            sealed = {
                name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()
            }
        pointer = EventPointer(
            log=self.name, index=index, leaf_offset=index * 100, sealed_offset=index * 300
        )
        event = Event(
            log=self.name,
            index=index,
            type=EventType(type_),
            time=time.replace("+00:00", "Z"),
            tenant=where.get("tenant", "default"),
            decision_id=decision_id,
            step="1",
            policy="p",
            digest=f"d{index}",
            previous=None,
            fields=sealed,
        )
        self.rows.append(IndexedEvent(event=event, pointer=pointer))
        return pointer

    @property
    def position(self) -> LogPosition:
        size = len(self.rows)
        return LogPosition(events=size, leaf_offset=size * 100, sealed_offset=size * 300)

    async def give(self, index: DecisionIndex) -> None:
        """Hand on what was added since the last time."""
        rows, self._given = tuple(self.rows[self._given :]), len(self.rows)
        await index.apply(rows, self.name, self.position)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def log_named() -> type[Log]:
    return Log
