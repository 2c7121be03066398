"""What is gone leaves the index's files too, once it is most of them."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from befit.knowledge.index.embedded import writer as writers
from befit.knowledge.ingestion import Keeping
from befit.vocabulary import DEFAULT_TENANT
from tests.knowledge.ingestion.taking_in import Listed, Place
from tests.knowledge.shelves import DIMENSIONS, reader


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_LEAST_DEAD", 10)


def offered(turn: int, count: int = 12) -> dict[str, str]:
    return {f"{at:02}.txt": f"pump {at} of turn {turn}" for at in range(count)}


def rows(place: Place) -> tuple[int, int]:
    """How many passages were ever put into the index's files, and how many are there."""
    snapshot = place.shelves.library._index(DEFAULT_TENANT).snapshot()
    return snapshot.marker.rows, snapshot.marker.live


async def test_runs_that_replace_everything_leave_no_more_than_was_replaced_last(
    place: Place,
) -> None:
    source = Listed({})
    for turn in range(6):
        source.offered = offered(turn)
        await place.run(source)
        put, live = rows(place)
        assert live == 12
        assert put <= 24
        assert await place.found(reader("mara"), "pump") == set(source.offered)
        assert place.index_problems() == ()
    embedded = [each.text for each in place.model.embedded_texts]
    assert len(embedded) == len(set(embedded)) == 6 * 12


async def test_removing_documents_compacts_too(place: Place) -> None:
    await place.run(Listed(offered(0)))
    keys = [each.key for name, each in (await place.documents()).items() if name > "01.txt"]
    writer = place.shelves.library.writer(DEFAULT_TENANT, dimensions=DIMENSIONS)
    with writer:
        keeping = Keeping(place.shelves.stores.documents, writer, tenant=DEFAULT_TENANT)
        await keeping.remove(keys)
        await keeping.compact()
        keeping.close()
    assert rows(place) == (2, 2)
    assert await place.found(reader("mara"), "pump") == {"00.txt", "01.txt"}


async def test_documents_that_have_moved_are_found_by_their_readers_of_now(place: Place) -> None:
    source = Listed(offered(0))
    await place.run(source)
    stores = place.shelves.stores
    kept = await stores.access.keep(DEFAULT_TENANT, "source:x", "source", place.rules.rules[0].acl)
    key = (await place.documents())["00.txt"].key
    await stores.documents.place(DEFAULT_TENANT, {key: kept.acl_id})
    assert stores.access.rights(reader("mara")).indexed_as
    for turn in (1, 2):
        source.offered = offered(turn) | {"00.txt": source.offered["00.txt"]}
        source.items_said = {"00.txt": {"acl": place.rules.rules[0].acl}}
        await place.run(source)
    assert "00.txt" in await place.found(reader("mara"), "pump")
    assert not stores.access.rights(reader("mara")).indexed_as


async def test_a_full_disk_leaves_the_index_as_it_is_and_undoes_no_run(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = Listed(offered(0))
    await place.run(source)

    def full(self: object, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writers.Layout, "begin", full)
    for turn in (1, 2):
        source.offered = offered(turn)
        with caplog.at_level(logging.WARNING):
            await place.run(source)
    assert "stays large" in caplog.text
    assert "No space left" in caplog.text
    assert await place.texts() == source.offered


async def test_a_run_cancelled_while_it_compacts_gives_the_writer_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Listed({})
    for turn in range(2):
        source.offered = offered(turn)
        await place.run(source)
    held = asyncio.Event()
    as_indexed = Keeping._as_indexed

    async def standing(self: Keeping, texts: object) -> object:
        held.set()
        await asyncio.sleep(60)
        return await as_indexed(self, texts)

    monkeypatch.setattr(Keeping, "_as_indexed", standing)
    source.offered = offered(2)
    run = asyncio.create_task(place.run(source))
    await held.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    place.shelves.library.writer(DEFAULT_TENANT, dimensions=DIMENSIONS).close()
    assert await place.texts() == source.offered
    assert place.index_problems() == ()
