"""What any `DocumentStore` promises."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from befit.audit import Sealer
from befit.audit.tenant_keys import BoxError
from befit.knowledge import DocumentState, DocumentStore, Mark, Placement
from befit.knowledge.parsing import Line
from befit.storage import Database, SqlAccessStore, SqlDocumentStore
from befit.storage.knowledge.schema import DOCUMENTS, PASSAGES
from befit.vocabulary import DataClass, Tag
from tests.storage.knowledge_rows import document, new

SOURCE = "file:/srv/handbook"


@pytest.fixture
def store(database: Database, sealer: Sealer) -> DocumentStore:
    return SqlDocumentStore(database, sealer)


async def test_a_document_comes_back_as_it_was_put(store: DocumentStore) -> None:
    one = document(
        "K1",
        "hr/Gehälter 2024.pdf",
        tags=frozenset({Tag.PII, Tag.PCI}),
        metadata={"department": "hr", "": "odd", "quote": '"'},
        dated_s=-5,
        change_token='"etag"',
        length=11,
        ingested_at=1.5,
        decision_id="dec_1",
    )
    await store.put([new(one)])
    assert await store.find("default", "handbook", "hr/Gehälter 2024.pdf") == one
    assert store.standing("default", ["K1"]) == {"K1": one}
    assert await store.page("default", collection=None, after="", limit=5) == (one,)


async def test_passages_are_in_order_and_their_text_is_the_documents(store: DocumentStore) -> None:
    texts = [f"Sentence {number}. \U0001f680\x00" for number in range(12)]
    await store.put([new(document("K1"), *texts, page=3, tags=frozenset({Tag.PHI}))])
    passages = await store.passages("default", "K1")
    assert [each.text for each in passages] == texts
    assert [each.passage_id for each in passages] == [f"K1.{number}" for number in range(12)]
    assert {(each.page, each.tags) for each in passages} == {(3, frozenset({Tag.PHI}))}
    assert all(a.end == b.start for a, b in itertools.pairwise(passages))


async def test_lines_come_back_and_are_empty_where_there_are_none(store: DocumentStore) -> None:
    line = Line(start=0, end=5, page=2, left=1.25, bottom=2.5, right=3.0, top=4.0)
    await store.put([new(document("K1"), lines=(line,)), new(document("K2"))])
    assert tuple(await store.lines("default", "K1")) == (line,)
    assert tuple(await store.lines("default", "K2")) == ()
    assert tuple(await store.lines("default", "K3")) == ()


async def test_a_new_version_takes_the_place_of_the_one_before_at_once(
    store: DocumentStore,
) -> None:
    await store.put([new(document("K1", "a.md")), new(document("K2", "b.md"))])
    await store.put([new(document("K3", "a.md", state=DocumentState.PENDING))])
    found = await store.find("default", "handbook", "a.md")
    assert found is not None
    assert (found.key, found.state) == ("K3", DocumentState.PENDING)
    assert set(store.standing("default", ["K1", "K2", "K3"])) == {"K2"}
    leaving = await store.page(
        "default", collection=None, after="", limit=9, state=DocumentState.LEAVING
    )
    assert [each.key for each in leaving] == ["K1"]
    await store.mark("default", ["K3"], DocumentState.LIVE)
    assert set(store.standing("default", ["K1", "K2", "K3"])) == {"K2", "K3"}


async def test_of_two_of_one_name_in_a_batch_the_last_one_stands(store: DocumentStore) -> None:
    await store.put([new(document("K1", "a.md")), new(document("K2", "a.md"))])
    assert set(store.standing("default", ["K1", "K2"])) == {"K2"}
    assert set(await store.marks("default", "handbook", SOURCE)) == {"a.md"}


async def test_a_name_is_taken_per_collection_and_tenant(store: DocumentStore) -> None:
    for key, place in {"K1": {}, "K2": {"collection": "memos"}, "K3": {"tenant": "other"}}.items():
        await store.put([new(document(key, "a.md", **place))])
    assert set(store.standing("default", ["K1", "K2", "K3"])) == {"K1", "K2"}
    assert set(store.standing("other", ["K1", "K2", "K3"])) == {"K3"}


async def test_marks_tell_of_one_source_what_readers_may_find(store: DocumentStore) -> None:
    one = document("K1", "a.md", change_token="t1", acl_id=4)
    elsewhere = document("K2", "b.md", source="https://example.test")
    pending = document("K3", "c.md", state=DocumentState.PENDING)
    leaving = document("K4", "d.md", state=DocumentState.LEAVING)
    await store.put([new(each) for each in (one, elsewhere, pending, leaving)])
    marks = await store.marks("default", "handbook", SOURCE)
    assert set(marks) == {"a.md", "c.md"}
    assert marks["a.md"] == Mark(
        key="K1",
        doc_id="a.md",
        version=one.version,
        change_token="t1",
        acl_id=4,
        data_class=one.data_class,
        tags=one.tags,
        state=DocumentState.LIVE,
    )


async def test_dropped_documents_leave_nothing(store: DocumentStore, database: Database) -> None:
    line = Line(start=0, end=5, page=2, left=1.0, bottom=2.0, right=3.0, top=4.0)
    await store.put([new(document(key), lines=(line,)) for key in ("K1", "K2")])
    await store.drop("default", ["K1"])
    assert await store.find("default", "handbook", "K1.md") is None
    assert tuple(await store.passages("default", "K1")) == ()
    assert tuple(await store.lines("default", "K1")) == ()
    assert await store.counts("default") == {"handbook": (1, 1)}
    rows = await database.read(lambda c: c.execute(select(PASSAGES.c.key)).scalars().all())
    assert rows == ["K2"]


async def test_counts_are_of_documents_and_passages_by_collection(store: DocumentStore) -> None:
    await store.put(
        [
            new(document("K1"), "a", "b"),
            new(document("K2", collection="memos"), "c"),
            new(document("K3", state=DocumentState.LEAVING), "d"),
        ]
    )
    assert await store.counts("default") == {"handbook": (1, 2), "memos": (1, 1)}
    assert await store.counts("other") == {}


async def test_pages_follow_each_other_to_the_end(store: DocumentStore) -> None:
    await store.put([new(document(f"K{number:02}")) for number in range(25)])
    keys: list[str] = []
    while page := await store.page(
        "default", collection="handbook", after=keys[-1] if keys else "", limit=10
    ):
        keys += [each.key for each in page]
    assert keys == [f"K{number:02}" for number in range(25)]


async def test_any_number_of_keys_at_once(store: DocumentStore) -> None:
    keys = [f"K{number:04}" for number in range(1_100)]
    await store.put([new(document(key)) for key in keys])
    assert set(store.placements("default", keys)) == set(keys)
    opened = store.opened("default", [f"{key}.0" for key in keys])
    assert set(opened) == {f"{key}.0" for key in keys}
    await store.mark("default", keys, DocumentState.LEAVING)
    assert store.placements("default", keys) == {}
    await store.drop("default", keys)
    assert await store.counts("default") == {}


async def test_opened_gives_those_asked_for_and_no_others(store: DocumentStore) -> None:
    await store.put([new(document("K1"), "a", "b", "c"), new(document("K2"), "d", "e")])
    asked = ["K1.0", "K2.1", "K2.7", "K9.0", "nonsense", "K1.", ".1", "K1.-1", "K1.²"]
    opened = store.opened("default", asked)
    assert {name: passage.text for name, passage in opened.items()} == {"K1.0": "a", "K2.1": "e"}
    assert store.opened("other", asked) == {}


async def test_placing_moves_a_document_and_grows_the_epoch(
    store: DocumentStore, database: Database
) -> None:
    access = SqlAccessStore(database)
    await store.put([new(document("K1")), new(document("K2"))])
    before = access.epoch("default")
    await store.place("default", {"K1": 7})
    assert access.epoch("default") > before
    assert access.epoch("other") == 0
    placements = store.placements("default", ["K1", "K2"])
    assert {key: each.acl_id for key, each in placements.items()} == {"K1": 7, "K2": 1}


async def test_a_class_is_raised_and_never_lowered_passages_included(
    store: DocumentStore, database: Database
) -> None:
    access = SqlAccessStore(database)
    confidential = document("K2", data_class=DataClass.CONFIDENTIAL, tags=frozenset({Tag.PHI}))
    await store.put([new(document("K1"), "a", "b"), new(confidential), new(document("K3"))])
    before = access.epoch("default")
    await store.raise_class("default", ["K1", "K2"], DataClass.RESTRICTED, frozenset({Tag.PII}))
    await store.raise_class("default", ["K1", "K2"], DataClass.PUBLIC, frozenset())
    assert access.epoch("default") > before
    placements = store.placements("default", ["K1", "K2", "K3"])
    assert placements["K1"] == Placement(
        collection="handbook",
        acl_id=1,
        data_class=DataClass.RESTRICTED,
        tags=frozenset({Tag.PII}),
    )
    assert placements["K2"].tags == {Tag.PHI, Tag.PII}
    assert placements["K3"].data_class is DataClass.INTERNAL
    passages = await store.passages("default", "K1")
    assert {each.data_class for each in passages} == {DataClass.RESTRICTED}


async def test_what_a_source_says_anew_is_kept_and_nothing_else(store: DocumentStore) -> None:
    await store.put([new(document("K1", change_token="old"))])
    said = replace(
        document("K1"),
        title="Another",
        uri="s3://bucket/k1",
        path="moved/k1.md",
        metadata={"a": "b"},
        dated_s=9,
        change_token="new",
    )
    await store.amend([replace(said, acl_id=99, state=DocumentState.LEAVING, version="x")])
    assert await store.find("default", "handbook", "K1.md") == said


async def test_a_batch_is_kept_whole_or_not_at_all(store: DocumentStore) -> None:
    await store.put([new(document("K1", "a.md"))])
    taken = document("K1", "b.md")
    with pytest.raises(IntegrityError):
        await store.put([new(document("K2", "a.md")), new(taken)])
    assert set(store.standing("default", ["K1", "K2"])) == {"K1"}


async def test_a_passage_of_another_document_is_refused(store: DocumentStore) -> None:
    with pytest.raises(ValueError, match="no passage of document"):
        await store.put([new(document("K1"), passage_id="K2.0")])


async def test_nothing_that_documents_say_or_are_called_stands_in_the_file(
    store: DocumentStore, database: Database
) -> None:
    secret = "dismissal-of-quillfeather"
    one = document(
        "K1", f"{secret}.md", title=secret, uri=secret, path=secret, metadata={secret: secret}
    )
    await store.put([new(one, secret)])
    await database.read(lambda c: c.exec_driver_sql("SELECT 1"))
    path = Path(database.url.removeprefix("sqlite:///"))
    files = [each.read_bytes() for each in path.parent.iterdir() if each.is_file()]
    assert not any(secret.encode() in content for content in files)


async def test_a_box_that_was_moved_to_another_row_does_not_open(
    store: DocumentStore, database: Database
) -> None:
    await store.put([new(document("K1"), "mine"), new(document("K2"), "yours")])

    def swap(connection: Connection) -> None:
        for column in (PASSAGES.c.text, DOCUMENTS.c.said):
            key = column.table.c.key
            box = connection.execute(select(column).where(key == "K2")).scalar_one()
            connection.execute(update(column.table).where(key == "K1").values({column: box}))

    await database.run(swap)
    with pytest.raises(BoxError):
        store.opened("default", ["K1.0"])
    with pytest.raises(BoxError):
        store.standing("default", ["K1"])


async def test_what_another_process_writes_is_seen(
    store: DocumentStore, another: Callable[[], Database], sealer: Sealer
) -> None:
    await store.put([new(document("K1"))])
    elsewhere = SqlDocumentStore(another(), sealer)
    assert set(elsewhere.standing("default", ["K1"])) == {"K1"}
    await elsewhere.mark("default", ["K1"], DocumentState.LEAVING)
    assert store.standing("default", ["K1"]) == {}


async def test_many_threads_read_at_once(store: DocumentStore) -> None:
    await store.put([new(document(f"K{number}")) for number in range(20)])

    def read() -> list[str]:
        return sorted(store.standing("default", [f"K{number}" for number in range(20)]))

    found = await asyncio.gather(*(asyncio.to_thread(read) for _ in range(32)))
    assert {len(each) for each in found} == {20}
