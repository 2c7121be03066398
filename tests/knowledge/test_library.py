"""A reader finds what they may read, as the rows say it at that moment, and nothing else."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from befit.errors import Conflict, NotFound, Overloaded
from befit.identity import EVERYONE, Role
from befit.knowledge import DocumentState, Placement
from befit.knowledge.access import NOBODY_KNOWN, Acl
from befit.knowledge.index import IndexDamaged
from befit.knowledge.retrieval import packaged_weights
from befit.knowledge.search import Filters, Library
from befit.policy import Resource, ResourceKind
from befit.vocabulary import DataClass, Tag
from tests.knowledge.interrupted import Interrupted
from tests.knowledge.shelves import DIMENSIONS, Shelves, about, asked, embed, group, reader

MARA, OTTO = reader("mara", "hr"), reader("otto", "it")
ADMIN = reader("root", roles=[Role.ADMIN])


@pytest.fixture
async def shelves(tmp_path: Path) -> Iterator[Shelves]:
    made = Shelves.at(tmp_path)
    await made.collection("handbook")
    yield made
    made.close()


async def test_each_reader_finds_what_their_lists_admit(shelves: Shelves) -> None:
    await shelves.put({"A": "leave rules of all"}, group(EVERYONE))
    await shelves.put({"H": "leave rules of hr"}, group("hr"))
    await shelves.put(
        {"D": "leave rules but not for mara"},
        Acl(groups=frozenset({EVERYONE}), deny_users=frozenset({"mara"})),
    )
    await shelves.put({"N": "leave rules of nobody known"}, NOBODY_KNOWN)
    assert await shelves.found(MARA, "leave rules") == {"A", "H"}
    assert await shelves.found(OTTO, "leave rules") == {"A", "D"}
    assert await shelves.found(ADMIN, "leave rules") == {"A", "H", "D", "N"}


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("file:///srv/private/H.md", ""),
        ("sftp://service@files.example/H.md", ""),
        ("s3://handbooks/H.md", "s3://handbooks/H.md"),
        ("http://pages.example/H", "http://pages.example/H"),
    ],
)
async def test_readers_are_told_no_place_of_the_servers_own(
    shelves: Shelves, uri: str, told: str
) -> None:
    await shelves.put({"H": "leave is thirty days"}, group("hr"), uri=uri)
    (passage,) = (await shelves.search(MARA, "leave days")).passages
    assert passage.uri == told


async def test_a_passage_comes_with_all_that_a_citation_needs(shelves: Shelves) -> None:
    await shelves.put(
        {"H": "leave is thirty days"},
        group("hr"),
        title="Leave",
        doc_id="hr/leave.md",
        metadata={"department": "hr"},
        dated_s=7,
        tags=frozenset({Tag.PII}),
        data_class=DataClass.CONFIDENTIAL,
        uri="https://pages.example/leave",
    )
    found = await shelves.search(MARA, "leave days")
    (passage,) = found.passages
    assert (passage.doc_id, passage.key, passage.passage_id) == ("hr/leave.md", "H", "H.0")
    assert passage.text == "leave is thirty days"
    assert passage.uri == "https://pages.example/leave"
    assert (passage.title, passage.dated_s) == ("Leave", 7)
    assert passage.metadata == {"department": "hr"}
    assert [passage.text[start:end] for start, end in passage.highlights] == ["leave", "days"]
    assert (found.data_class, found.tags) == (DataClass.CONFIDENTIAL, {Tag.PII})
    assert found.access_epoch == shelves.stores.access.epoch("default")


async def test_an_unknown_collection_is_told_with_the_nearest_name(shelves: Shelves) -> None:
    with pytest.raises(NotFound, match=r"handbok.*did you mean 'handbook'"):
        await shelves.search(MARA, "leave", "handbok")


async def test_a_collection_closed_to_the_reader_answers_as_an_empty_one(
    shelves: Shelves,
) -> None:
    await shelves.collection("empty")
    await shelves.put({"N": "leave rules"}, group("it"))
    closed = await shelves.search(MARA, "leave rules")
    empty = await shelves.search(MARA, "leave rules", "empty")
    assert (
        (closed.passages, closed.support)
        == (empty.passages, empty.support)
        == (
            (),
            empty.support,
        )
    )


async def test_a_search_is_of_the_collections_asked_for(shelves: Shelves) -> None:
    await shelves.collection("memos")
    await shelves.put({"A": "leave rules"}, group(EVERYONE))
    await shelves.put({"B": "leave memo"}, group(EVERYONE), collection="memos")
    assert await shelves.found(MARA, "leave", "memos") == {"B"}
    assert await shelves.found(MARA, "leave", "memos", "handbook", "memos") == {"A", "B"}
    assert (
        await shelves.library.search(replace(asked(MARA, "leave"), collections=()))
    ).passages == ()


async def test_tenants_are_apart(shelves: Shelves) -> None:
    await shelves.collection("handbook", tenant="other")
    await shelves.put({"A": "leave here"}, group(EVERYONE))
    await shelves.put({"B": "leave there"}, group(EVERYONE), tenant="other")
    assert await shelves.found(MARA, "leave") == {"A"}
    assert await shelves.found(reader("mara", tenant="other"), "leave") == {"B"}


async def test_a_revoked_right_counts_for_the_next_search(shelves: Shelves) -> None:
    hr = group("hr")
    await shelves.put({"H": "leave rules"}, hr)
    assert await shelves.found(MARA, "leave") == {"H"}
    await shelves.list_of(repr(hr), NOBODY_KNOWN)
    assert await shelves.found(MARA, "leave") == set()
    await shelves.list_of(repr(hr), group("hr", "it"))
    assert await shelves.found(MARA, "leave") == await shelves.found(OTTO, "leave") == {"H"}


async def test_a_document_that_has_moved_is_found_by_its_new_readers_at_once(
    shelves: Shelves,
) -> None:
    await shelves.put({"H": "leave rules", "I": "leave plans"}, group("hr"))
    it = await shelves.list_of("it", group("it"))
    await shelves.stores.documents.place("default", {"H": it})
    assert await shelves.found(MARA, "leave") == {"I"}
    assert await shelves.found(OTTO, "leave") == {"H"}
    await shelves.rebuild()
    assert shelves.stores.access.rights(OTTO).indexed_as == frozenset()
    assert await shelves.found(MARA, "leave") == {"I"}
    assert await shelves.found(OTTO, "leave") == {"H"}


@pytest.mark.parametrize("state", [DocumentState.PENDING, DocumentState.LEAVING])
async def test_only_live_documents_are_found(shelves: Shelves, state: DocumentState) -> None:
    await shelves.put({"A": "leave one", "B": "leave two"}, group(EVERYONE))
    await shelves.stores.documents.mark("default", ["A"], state)
    assert await shelves.found(MARA, "leave") == {"B"}


async def test_filters_narrow_by_metadata_and_date(shelves: Shelves) -> None:
    everyone = group(EVERYONE)
    await shelves.put({"A": "leave old"}, everyone, metadata={"unit": "x"}, dated_s=10)
    await shelves.put({"B": "leave new"}, everyone, metadata={"unit": "y"}, dated_s=20)
    await shelves.put({"C": "leave undated"}, everyone)
    units = {"unit": frozenset({"x", "z"})}
    assert await shelves.found(MARA, "leave", filters=Filters(metadata=units)) == {"A"}
    assert await shelves.found(MARA, "leave", filters=Filters(since_s=11)) == {"B"}
    assert await shelves.found(MARA, "leave", filters=Filters(since_s=10, until_s=10)) == {"A"}


async def test_policy_closes_a_collection_or_a_class_that_lists_open(shelves: Shelves) -> None:
    asked_about: list[Resource] = []

    def below_restricted(resource: Resource) -> bool:
        asked_about.append(resource)
        return resource.data_class is not DataClass.RESTRICTED

    await shelves.put({"A": "leave plain", "B": "leave simple"}, group(EVERYONE))
    restricted = {"data_class": DataClass.RESTRICTED}
    await shelves.put({"C": "leave secret"}, group(EVERYONE), **restricted)
    quick = {"may_read": below_restricted, "names_documents": False}
    assert await shelves.found(MARA, "leave", **quick) == {"A", "B"}
    kinds = [each.kind for each in asked_about]
    assert kinds.count(ResourceKind.DOCUMENT) == 2  # one question for each class
    assert {each.collection for each in asked_about[1:]} == {"handbook"}
    assert {each.owner for each in asked_about} == {"mara"}
    never = {"may_read": lambda each: each.kind is not ResourceKind.COLLECTION}
    assert await shelves.found(MARA, "leave", **never) == set()


async def test_a_rule_may_close_one_document_by_its_name(shelves: Shelves) -> None:
    await shelves.put({"A": "leave one", "B": "leave two"}, group(EVERYONE))
    but_one = {"may_read": lambda each: each.name != "handbook/A.md"}
    assert await shelves.found(MARA, "leave", **but_one) == {"B"}


async def test_a_class_raised_since_the_index_was_written_counts(shelves: Shelves) -> None:
    await shelves.put({"A": "leave one", "B": "leave two"}, group(EVERYONE))
    tags = frozenset({Tag.PHI})
    await shelves.stores.documents.raise_class("default", ["A"], DataClass.RESTRICTED, tags)
    found = await shelves.search(MARA, "leave")
    assert found.data_class is DataClass.RESTRICTED
    assert found.tags == tags
    careful = {"may_read": lambda each: Tag.PHI not in each.tags}
    assert await shelves.found(MARA, "leave", **careful) == {"B"}


async def test_what_policy_forbids_takes_no_ones_place(shelves: Shelves) -> None:
    """More forbidden passages than a leg brings stand before the one that may be read."""
    everyone = group(EVERYONE)
    crowd = {f"F{number:04}": "leave rules leave rules" for number in range(700)}
    await shelves.put(crowd, everyone, data_class=DataClass.RESTRICTED)
    await shelves.put({"A": "leave among many other things and words"}, everyone)
    open_only = {"may_read": lambda each: each.data_class is not DataClass.RESTRICTED}
    assert await shelves.found(MARA, "leave rules", limit=3, **open_only) == {"A"}


async def test_a_question_of_another_embedder_is_refused(shelves: Shelves) -> None:
    await shelves.put({"A": "leave one"}, group(EVERYONE))
    with pytest.raises(Conflict, match="the index holds vectors of 16 numbers"):
        await shelves.search(MARA, "leave", vectors=np.ones((1, 3), np.float32))


async def test_order_and_scores_do_not_tell_of_what_the_reader_may_not_see(
    shelves: Shelves, tmp_path: Path
) -> None:
    """But for how rare a word is in the tenant's index, which this crowd does not change."""
    (tmp_path / "alone").mkdir()
    alone = Shelves.at(tmp_path / "alone")
    await alone.collection("handbook")
    texts = {f"A{number}": f"leave rule number{number}" for number in range(8)}
    for each in (alone, shelves):
        await each.put(texts, group("hr"))
    hidden = {f"Z{number}": f"{word} unsaid" for number, word in enumerate(["pump", "tax"] * 5)}
    await shelves.put(hidden, group("it"))
    nearest = {"vectors": about("leave rule number3")[np.newaxis]}
    found, other = [await each.search(MARA, "zzz", **nearest) for each in (shelves, alone)]
    assert [(each.key, each.score) for each in found.passages] == [
        (each.key, each.score) for each in other.passages
    ]
    assert found.support == other.support
    alone.close()


def in_loop(make: Callable[[], object]) -> Callable[[], None]:
    """Runs a coroutine in the test's loop from the thread of a search, once."""
    loop = asyncio.get_running_loop()
    left = iter([make])

    def act() -> None:
        for each in left:
            asyncio.run_coroutine_threadsafe(each(), loop).result()

    return act


@pytest.mark.parametrize("step", ["rights", "placements", "standing", "opened", "epoch"])
async def test_a_right_revoked_between_any_two_steps_is_not_used(
    shelves: Shelves, step: str
) -> None:
    hr = group("hr")
    await shelves.put({"H": "leave rules"}, hr)
    await shelves.put({"A": "leave for all"}, group(EVERYONE))
    revoke = in_loop(lambda: shelves.list_of(repr(hr), NOBODY_KNOWN))
    stores = Interrupted(shelves.stores, step, revoke).stores
    library = Library(shelves.folder, stores, packaged_weights())
    found = await library.search(asked(MARA, "leave"))
    library.close()
    assert {each.key for each in found.passages} == {"A"}
    assert found.access_epoch == shelves.stores.access.epoch("default")


@pytest.mark.parametrize("step", ["placements", "standing", "opened", "epoch"])
async def test_rights_that_others_get_meanwhile_cost_no_second_search(
    shelves: Shelves, step: str
) -> None:
    await shelves.put({"H": "leave rules"}, group("hr"))
    give = in_loop(lambda: shelves.list_of("else", group("sales")))
    stores = Interrupted(shelves.stores, step, give).stores
    library = Library(shelves.folder, stores, packaged_weights())
    found = await library.search(asked(MARA, "leave"))
    library.close()
    assert [each.key for each in found.passages] == ["H"]


async def test_a_right_revoked_while_rights_are_looked_at_again_is_not_used(
    shelves: Shelves,
) -> None:
    hr = group("hr")
    await shelves.put({"H": "leave rules"}, hr)
    give = in_loop(lambda: shelves.list_of("else", group("sales")))
    revoke = in_loop(lambda: shelves.list_of(repr(hr), NOBODY_KNOWN))
    acts = iter([give, revoke])

    def act() -> None:
        for each in itertools.islice(acts, 1):
            each()

    stores = Interrupted(shelves.stores, "placements", act).stores
    library = Library(shelves.folder, stores, packaged_weights())
    found = await library.search(asked(MARA, "leave"))
    library.close()
    assert found.passages == ()


@pytest.mark.parametrize("step", ["placements", "standing", "opened"])
async def test_a_document_dropped_meanwhile_leaves_its_place_to_another(
    shelves: Shelves, step: str
) -> None:
    await shelves.put({"H": "leave rules", "I": "leave plans"}, group("hr"))
    drop = in_loop(lambda: shelves.stores.documents.drop("default", ["H"]))
    stores = Interrupted(shelves.stores, step, drop).stores
    library = Library(shelves.folder, stores, packaged_weights())
    found = await library.search(replace(asked(MARA, "leave rules"), limit=1))
    library.close()
    assert [each.key for each in found.passages] == ["I"]


async def test_rights_that_never_rest_are_refused_not_guessed(shelves: Shelves) -> None:
    hr = group("hr")
    await shelves.put({"H": "leave rules"}, hr)
    loop, turns = asyncio.get_running_loop(), iter(range(1_000))

    def change() -> None:
        acl = hr if next(turns) % 2 else NOBODY_KNOWN
        asyncio.run_coroutine_threadsafe(shelves.list_of(repr(hr), acl), loop).result()

    stores = Interrupted(shelves.stores, "epoch", change).stores
    library = Library(shelves.folder, stores, packaged_weights())
    try:
        found = await library.search(asked(MARA, "leave"))
        assert found.passages == ()  # a moment at which it was closed is as good
    except Overloaded as error:
        assert error.retry
    library.close()


async def test_a_second_writer_is_told_that_one_is_at_work(shelves: Shelves) -> None:
    with shelves.library.writer("default", dimensions=DIMENSIONS):
        with pytest.raises(Conflict, match="ingest"):
            shelves.library.writer("default", dimensions=DIMENSIONS)
        shelves.library.writer("other", dimensions=DIMENSIONS).close()
        with pytest.raises(Conflict):
            await shelves.rebuild()


def _damage(shelves: Shelves) -> None:
    (folder,) = [each for each in (shelves.folder / "default").iterdir() if each.is_dir()]
    (folder / "words" / "meta.json").unlink()


async def test_a_damaged_index_is_told_and_rebuilt_from_the_store(shelves: Shelves) -> None:
    await shelves.put({"A": "leave one", "B": "leave two"}, group(EVERYONE))
    assert await shelves.problems() == ()
    _damage(shelves)
    assert await shelves.problems()
    with pytest.raises(IndexDamaged, match="rebuild"):
        await shelves.search(MARA, "leave")
    assert await shelves.rebuild() == 2
    assert await shelves.problems() == ()
    assert await shelves.found(MARA, "leave") == {"A", "B"}


async def test_while_a_damaged_index_is_rebuilt_searches_are_asked_to_come_again(
    shelves: Shelves,
) -> None:
    await shelves.put({"A": "leave one"}, group(EVERYONE))
    _damage(shelves)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(texts):
        begun.set()
        await go_on.wait()
        return await embed(texts)

    rebuild = asyncio.create_task(shelves.rebuild(slowly))
    await begun.wait()
    with pytest.raises(Overloaded, match="rebuilt"):
        await shelves.search(MARA, "leave")
    go_on.set()
    await rebuild
    assert await shelves.found(MARA, "leave") == {"A"}


async def test_searches_go_on_in_the_old_index_while_a_new_one_is_built(
    shelves: Shelves,
) -> None:
    await shelves.put({"A": "leave one"}, group(EVERYONE))
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(texts):
        begun.set()
        await go_on.wait()
        return await embed(texts)

    rebuild = asyncio.create_task(shelves.rebuild(slowly))
    await begun.wait()
    assert await shelves.found(MARA, "leave") == {"A"}
    go_on.set()
    assert await rebuild == 1


@pytest.mark.parametrize("way", ["fails", "is cancelled"])
async def test_a_rebuild_that_does_not_end_changes_nothing_and_frees_the_writer(
    shelves: Shelves, way: str
) -> None:
    await shelves.put({"A": "leave one"}, group(EVERYONE))
    begun = asyncio.Event()

    async def never(texts):
        begun.set()
        if way == "fails":
            raise Overloaded("the model is busy")
        await asyncio.Event().wait()

    rebuild = asyncio.create_task(shelves.rebuild(never))
    await begun.wait()
    if way == "is cancelled":
        rebuild.cancel()
    with pytest.raises((Overloaded, asyncio.CancelledError)):
        await rebuild
    assert await shelves.found(MARA, "leave") == {"A"}
    shelves.library.writer("default", dimensions=DIMENSIONS).close()


async def test_passages_that_the_index_lacks_are_counted(shelves: Shelves) -> None:
    await shelves.put({"A": "leave one", "B": "leave two"}, group(EVERYONE))
    await shelves.stores.documents.drop("default", ["A"])
    assert await shelves.problems() == ("the index holds 2 passages of 1 that are stored",)


async def test_an_empty_tenant_finds_nothing_and_has_nothing_wrong(shelves: Shelves) -> None:
    assert (await shelves.search(MARA, "leave")).passages == ()
    assert await shelves.problems() == ()
    assert await shelves.rebuild() == 0
    assert (await shelves.search(MARA, "leave")).passages == ()


async def test_more_searches_than_can_wait_are_refused_at_once(shelves: Shelves) -> None:
    await shelves.put({"A": "leave one"}, group(EVERYONE))
    held = threading.Event()
    stores = Interrupted(shelves.stores, "rights", lambda: held.wait(30)).stores
    library = Library(shelves.folder, stores, packaged_weights())
    searches = [asyncio.create_task(library.search(asked(MARA, "leave"))) for _ in range(80)]
    done, _ = await asyncio.wait(searches, return_when=asyncio.FIRST_EXCEPTION)
    assert isinstance(next(iter(done)).exception(), Overloaded)
    held.set()
    answers = await asyncio.gather(*searches, return_exceptions=True)
    library.close()
    refused = [each for each in answers if isinstance(each, Overloaded)]
    assert len(refused) == 80 - 64
    assert all(each.retry for each in refused)


async def test_a_placement_is_what_the_check_is_made_by(shelves: Shelves) -> None:
    await shelves.put({"A": "leave one"}, group(EVERYONE))
    placement = shelves.stores.documents.placements("default", ["A"])["A"]
    assert placement == Placement(
        collection="handbook",
        acl_id=placement.acl_id,
        data_class=DataClass.INTERNAL,
        tags=frozenset(),
    )
