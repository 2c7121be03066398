"""Promise 3 under random lists, readers and revocations: no passage without permission."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.errors import Overloaded
from befit.identity import EVERYONE, Principal, Role
from befit.knowledge import DocumentState
from befit.knowledge.access import Acl
from befit.knowledge.retrieval import packaged_weights
from befit.knowledge.search import Library
from tests.knowledge.interrupted import Interrupted
from tests.knowledge.shelves import SUBJECTS, Shelves, asked, reader

LISTS = 5
DOCUMENTS = 30
STEPS = ("rights", "placements", "standing", "opened", "epoch")


@dataclass(frozen=True)
class World:
    """Documents whose lists say something else in each example."""

    shelves: Shelves
    lists: Mapping[str, int]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    shelves = Shelves.at(tmp_path_factory.mktemp("permission"))

    async def fill() -> dict[str, int]:
        await shelves.collection("handbook")
        lists = {
            f"l{number}": await shelves.list_of(f"l{number}", Acl()) for number in range(LISTS)
        }
        texts = {
            f"K{number:02}": f"{SUBJECTS[number % len(SUBJECTS)]} rule number{number}"
            for number in range(DOCUMENTS)
        }
        await shelves.put(texts, Acl())
        return lists

    lists = asyncio.run(fill())
    yield World(shelves, lists)
    shelves.close()


NAMES = st.frozensets(st.sampled_from(["mara", "person:mara", "otto"]), max_size=2)
GROUPS = st.frozensets(st.sampled_from(["hr", "it", EVERYONE]), max_size=2)
ACLS = st.builds(Acl, users=NAMES, groups=GROUPS, deny_users=NAMES, deny_groups=GROUPS)
READERS = st.builds(
    lambda name, groups, admin: reader(name, *groups, roles=[Role.ADMIN if admin else Role.USER]),
    st.sampled_from(["mara", "otto"]),
    GROUPS,
    st.booleans(),
)


@dataclass
class Meddler:
    """Changes lists, places and states while a search runs, as its drawn numbers say."""

    world: World
    acls: list[Acl]
    drawn: random.Random
    loop: asyncio.AbstractEventLoop
    left: int = 3

    def act(self) -> None:
        if self.left and self.drawn.random() < 0.4:
            self.left -= 1
            asyncio.run_coroutine_threadsafe(self._meddle(), self.loop).result()

    async def _meddle(self) -> None:
        stores, lists = self.world.shelves.stores, self.world.lists
        key = f"K{self.drawn.randrange(DOCUMENTS):02}"
        match self.drawn.randrange(3):
            case 0:
                name = self.drawn.choice(sorted(lists))
                await self.world.shelves.list_of(name, self.drawn.choice(self.acls))
            case 1:
                await stores.documents.place("default", {key: self.drawn.choice([*lists.values()])})
            case _:
                state = self.drawn.choice([DocumentState.LIVE, DocumentState.LEAVING])
                await stores.documents.mark("default", [key], state)


@settings(max_examples=60, deadline=None)
@given(
    acls=st.lists(ACLS, min_size=LISTS, max_size=LISTS),
    who=READERS,
    seed=st.integers(0, 2**32),
    step=st.sampled_from([None, *STEPS]),
    limit=st.sampled_from([1, 5, 50]),
)
async def test_nothing_is_found_that_the_lists_deny_when_the_search_has_ended(
    world: World, acls: list[Acl], who: Principal, seed: int, step: str | None, limit: int
) -> None:
    drawn = random.Random(seed)
    shelves = world.shelves
    for name, acl in zip(world.lists, acls, strict=True):
        await shelves.list_of(name, acl)
    numbers = [*world.lists.values()]
    places = {f"K{number:02}": drawn.choice(numbers) for number in range(DOCUMENTS)}
    await shelves.stores.documents.place("default", places)
    await shelves.stores.documents.mark("default", [*places], DocumentState.LIVE)

    ask = asked(who, f"{drawn.choice(SUBJECTS)} rule", limit=limit)
    meddler = Meddler(world, acls, drawn, asyncio.get_running_loop())
    stores = shelves.stores
    if step is not None:
        stores = Interrupted(stores, step, meddler.act).stores
    library = Library(shelves.folder, stores, packaged_weights())
    try:
        found = await library.search(ask)
    except Overloaded:
        return  # refused is no leak
    finally:
        library.close()
    readable = await _readable(world, who)
    keys = [passage.key for passage in found.passages]
    # A document that left while its text was being read was there when it was found.
    gone = {key for key in keys if not shelves.stores.documents.placements("default", [key])}
    assert set(keys) - gone <= readable
    assert len(set(keys)) == len(keys)
    if step is None:
        assert len(keys) == min(limit, len(readable))


async def _readable(world: World, who: Principal) -> set[str]:
    """What the reader may read now, by the lists themselves."""
    stores = world.shelves.stores
    known = {each.acl_id: each.acl for each in await stores.access.list("default")}
    page = await stores.documents.page(
        "default", collection=None, after="", limit=99, state=DocumentState.LIVE
    )
    return {each.key for each in page if known[each.acl_id].admits(who)}


async def test_readers_who_ask_at_the_same_time_get_their_own(world: World) -> None:
    shelves = world.shelves
    for name, owner in zip(world.lists, itertools.cycle(["hr", "it"])):
        await shelves.list_of(name, Acl(groups=frozenset({owner})))
    numbers = [*world.lists.values()]
    places = {f"K{number:02}": numbers[number % LISTS] for number in range(DOCUMENTS)}
    await shelves.stores.documents.place("default", places)
    await shelves.stores.documents.mark("default", [*places], DocumentState.LIVE)
    readers = [reader(f"p{number}", ["hr", "it"][number % 2]) for number in range(40)]
    found = await asyncio.gather(*(shelves.found(each, "tax rule") for each in readers))
    for who, keys in zip(readers, found, strict=True):
        assert keys == await _readable(world, who)
