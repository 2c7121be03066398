"""Looking at the index beside a run: nothing wrong is told of what is only under way."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from befit.knowledge import KnowledgeStores
from befit.knowledge.index import IndexWriter
from befit.knowledge.search.verifying import IndexCheck, verify_index
from befit.vocabulary import DEFAULT_TENANT
from tests.knowledge.ingestion.taking_in import Listed, Place
from tests.knowledge.interrupted import Interrupted

SOUND = IndexCheck(problems=(), is_counted=True)
UNDER_WAY = IndexCheck(problems=(), is_counted=False)


class Paused:
    """Lets a run stand before or behind one of its steps until it is told to go on."""

    def __init__(self, step: str, *, behind: bool = False) -> None:
        self.step = step
        self._behind = behind
        self.reached, self.released = threading.Event(), threading.Event()

    def _stand(self) -> None:
        self.reached.set()
        self.released.wait(30)

    def writer(self, writer: IndexWriter) -> Any:
        return _Standing(writer, self.step, self._stand, self._behind)


class _Standing:
    def __init__(self, thing: object, step: str, stand: Any, behind: bool) -> None:
        self._thing = thing
        self._step = step
        self._stand = stand
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._thing, name)
        if name != self._step:
            return real

        def standing(*given: object) -> object:
            if not self._behind:
                self._stand()
            told = real(*given)
            if self._behind:
                self._stand()
            return told

        return standing


@pytest.mark.parametrize("behind", [False, True])
async def test_an_index_beside_a_paused_run_is_sound_and_its_passages_are_not_counted(
    place: Place, behind: bool
) -> None:
    await place.run(Listed({"a.txt": "pump oil", "b.txt": "leave early"}))
    assert await place.shelves.library.verify(DEFAULT_TENANT) == SOUND
    pause = Paused("apply", behind=behind)
    changed = Listed({"a.txt": "pump water", "c.txt": "tax in May"})
    run = asyncio.create_task(place.run(changed, wrapped=pause.writer))
    await asyncio.to_thread(pause.reached.wait, 30)
    assert await place.shelves.library.verify(DEFAULT_TENANT) == UNDER_WAY
    pause.released.set()
    await run
    assert await place.shelves.library.verify(DEFAULT_TENANT) == SOUND


@pytest.mark.parametrize("moment", ["page", "counts"])
async def test_a_change_between_two_looks_is_no_difference(place: Place, moment: str) -> None:
    """One document more at each look, so that no two of them are of one moment."""
    await place.run(Listed({"0.txt": "pump 0"}))
    library = place.shelves.library
    index = library._index(DEFAULT_TENANT)
    taken = 0

    def another() -> None:
        nonlocal taken
        taken += 1
        offered = {f"{each}.txt": f"pump {each}" for each in range(taken + 1)}
        run = threading.Thread(target=lambda: asyncio.run(place.run(Listed(offered))))
        run.start()
        run.join()

    stores: KnowledgeStores = Interrupted(place.shelves.stores, moment, another).stores
    assert (await verify_index(stores.documents, index, DEFAULT_TENANT)).problems == ()
    assert taken
    assert await library.verify(DEFAULT_TENANT) == SOUND


async def test_a_passage_that_the_index_lacks_is_told_where_nothing_is_under_way(
    place: Place,
) -> None:
    await place.run(Listed({"a.txt": "pump oil", "b.txt": "leave early"}))
    key = (await place.documents())["a.txt"].key
    await place.shelves.stores.documents.drop(DEFAULT_TENANT, [key])
    assert await place.shelves.library.verify(DEFAULT_TENANT) == IndexCheck(
        problems=("the index holds 2 passages of 1 that are stored",), is_counted=True
    )
