from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from befit.audit import Sealer
from befit.audit.sealing import SealingKey
from befit.knowledge.released import Mark, Released
from befit.storage import Database, SqlReleasedStore, database_url, upgrade
from befit.vocabulary import DEFAULT_TENANT

TENANTS = (DEFAULT_TENANT, "other")


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Callable[..., Released]]:
    """Opens the workspace's released texts anew, as a process does when it starts."""
    url = database_url(tmp_path / "befit.db")
    upgrade(url)
    keys = {name: SealingKey(tenant=name, secret=os.urandom(32)) for name in TENANTS}
    opened = list[Database]()

    def open_one(**options: int) -> Released:
        opened.append(Database(url))
        store = SqlReleasedStore(opened[-1], Sealer(keys))
        return Released(store, Mark(tmp_path / "knowledge" / "released"), **options)

    yield open_one
    for each in opened:
        each.close()
