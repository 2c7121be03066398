"""A run may end at any moment: nobody reads what is half done, and the next one finishes it."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.errors import Conflict, WorkspaceError
from befit.knowledge import DocumentState, KnowledgeStores
from befit.knowledge.index.embedded import writer as writers
from befit.vocabulary import DEFAULT_TENANT
from tests.knowledge.ingestion.taking_in import Listed, Place, quick_folder
from tests.knowledge.shelves import DIMENSIONS, Shelves, reader

BEFORE = {"a.txt": "pump oil", "b.txt": "leave early", "c.txt": "tax in May", "d.txt": "travel"}
AFTER = {"a.txt": "pump oil", "b.txt": "leave late", "d.txt": "travel", "e.txt": "tax in June"}


class Ended(Exception):
    """Stands for the end of the process at this very moment."""


class Clock:
    """Ends the run before its `at`th step of the stores or the index."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps: list[str] = []

    def step(self, name: str) -> None:
        if len(self.steps) >= self.at:
            raise Ended(name)
        self.steps.append(name)

    def around(self, thing: object, names: tuple[str, ...]) -> Any:
        return _Stepping(self, thing, names)

    def stores(self, stores: KnowledgeStores) -> KnowledgeStores:
        changing = ("put", "mark", "amend", "place", "indexed", "raise_class", "drop")
        return replace(
            stores,
            documents=self.around(stores.documents, changing),
            access=self.around(stores.access, ("keep",)),
            collections=self.around(stores.collections, ("put",)),
        )


class _Stepping:
    def __init__(self, clock: Clock, thing: object, names: tuple[str, ...]) -> None:
        self._clock = clock
        self._thing = thing
        self._names = names

    def __getattr__(self, name: str) -> object:
        if name in self._names:
            self._clock.step(name)
        return getattr(self._thing, name)


@asynccontextmanager
async def new_place(folder: Path) -> AsyncIterator[Place]:
    folder.mkdir()
    shelves = Shelves.at(folder)
    place = Place(shelves)
    try:
        yield place
    finally:
        place.parser.close()
        shelves.close()


async def readable(place: Place) -> dict[str, str]:
    found = await place.shelves.search(reader("mara"), "pump", "handbook")
    return {each.doc_id: each.text for each in found.passages}


async def test_wherever_a_run_ends_the_next_one_comes_to_the_same(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "_LEAST_DEAD", 2)
    compacted = 0
    source = Listed({})
    touched = {"d.txt": {"metadata": {"site": "north"}, "change_token": "2"}}
    steps = 0
    while True:
        source.offered, source.items_said = dict(BEFORE), {}
        await place.run(source)
        source.offered, source.items_said = dict(AFTER), touched
        clock = Clock(steps)
        is_ended = await ends(place, source, clock)
        compacted += "rebuild" in clock.steps
        for doc_id, text in (await readable(place)).items():
            assert text in (BEFORE.get(doc_id), AFTER.get(doc_id)), clock.steps
        await place.run(source)
        assert await place.texts() == AFTER, clock.steps
        assert await readable(place) == AFTER
        stored = await place.shelves.stores.documents.counts(DEFAULT_TENANT)
        assert stored == {"handbook": (4, 4)}
        if not is_ended:
            break
        steps += 1
    assert place.index_problems() == ()
    assert steps > 10
    assert compacted


async def ends(place: Place, source: Listed, clock: Clock) -> bool:
    """Whether the clock ended the run."""
    try:
        await place.run(
            source,
            stores=clock.stores(place.shelves.stores),
            wrapped=lambda writer: clock.around(writer, ("apply", "rebuild")),
        )
    except Ended:
        return True
    return False


async def test_what_was_done_before_the_end_is_not_done_again(place: Place) -> None:
    texts = {f"{at:04}.txt": f"pump {at}" for at in range(400)}
    source = Listed(texts)
    seen = 0

    def end_late() -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            raise Ended

    place.model.before = end_late
    with pytest.raises(Ended):
        await place.run(source)
    done = {
        name for name, each in (await place.documents()).items() if each.state is DocumentState.LIVE
    }
    assert 0 < len(done) < 400
    place.model.before = lambda: None
    source.fetched.clear()
    report = await place.run(source)
    assert report.unchanged >= len(done)
    assert not done & set(source.fetched)
    assert await place.texts() == texts


async def test_a_run_that_is_cancelled_ends_in_order_and_gives_the_writer_back(
    place: Place,
) -> None:
    source = Listed({f"{at:04}.txt": f"pump {at}" for at in range(300)})
    begun = asyncio.Event()
    place.model.before = begun.set

    async def held(texts: Any) -> Any:
        begun.set()
        await asyncio.sleep(60)

    place.model.embedded = held  # type: ignore[method-assign]
    task = asyncio.create_task(place.run(source))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    place.shelves.library.writer(DEFAULT_TENANT, dimensions=DIMENSIONS).close()


async def test_a_run_cancelled_twice_waits_for_the_index_and_never_holds_the_loop(
    place: Place,
) -> None:
    source = Listed({f"{at:04}.txt": f"pump {at}" for at in range(300)})
    entered, released = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class Slow:
        is_applying = False

        def __init__(self, writer: Any) -> None:
            self.writer = writer

        def __getattr__(self, name: str) -> object:
            return getattr(self.writer, name)

        def apply(self, changes: Any) -> None:
            Slow.is_applying = True
            loop.call_soon_threadsafe(entered.set)
            released.wait(30)
            self.writer.apply(changes)
            Slow.is_applying = False

    task = asyncio.create_task(place.run(source, wrapped=Slow))
    await entered.wait()
    for _ in range(3):
        task.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
    assert not task.done()
    assert Slow.is_applying
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not Slow.is_applying
    assert source.closed == 1


async def test_a_second_run_beside_the_first_is_refused(place: Place) -> None:
    with (
        place.shelves.library.writer(DEFAULT_TENANT, dimensions=DIMENSIONS),
        pytest.raises(Conflict),
    ):
        await place.run(Listed(dict(BEFORE)))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(
    place: Place, small_disk: Path
) -> None:
    texts = {
        f"{at:05}.txt": f"pump {at} " + " ".join(hex(at * n) for n in range(400))
        for at in range(300)
    }
    place.shelves.library._folder = small_disk
    with pytest.raises(WorkspaceError, match="index cannot be written"):
        await place.run(Listed(texts))
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    await place.run(Listed(texts))
    assert await place.texts() == texts
    assert place.index_problems() == ()


NAMES = st.sampled_from(["a.txt", "b.txt", "c/d.txt", "c/e.txt"])
WORDS = st.sampled_from(["pump oil", "leave early", "tax in May", "travel by train"])
FOLDERS = st.dictionaries(NAMES, WORDS, min_size=1, max_size=4)  # an empty one removes nothing


@settings(max_examples=12)
@given(st.lists(st.tuples(FOLDERS, st.integers(0, 30)), min_size=1, max_size=4))
def test_after_any_runs_broken_or_not_what_is_found_is_what_the_source_has(
    steps: list[tuple[dict[str, str], int]],
) -> None:
    with quick_folder() as folder:
        asyncio.run(_check(folder / "place", steps))


async def _check(folder: Path, steps: list[tuple[dict[str, str], int]]) -> None:
    async with new_place(folder) as place:
        source = Listed({})
        for offered, ends_at in steps:
            source.offered = offered
            if await ends(place, source, Clock(ends_at)):
                continue
            assert await readable(place) == offered
        await place.run(source)
        assert await readable(place) == source.offered
        assert await place.texts() == source.offered
