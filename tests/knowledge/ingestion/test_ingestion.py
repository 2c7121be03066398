"""One run after another: only what has changed is read, and what is gone goes."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from befit.errors import ModelFailure
from befit.knowledge.access import AccessRules, Acl, Rule
from befit.vocabulary import DEFAULT_TENANT, DataClass, Tag
from tests.knowledge.ingestion.taking_in import FOR_EVERYONE, Listed, Place
from tests.knowledge.shelves import reader

TEXTS = {
    "pump.md": "# Pump\n\npump valves are oiled on Mondays\n",
    "hr/leave.txt": "leave is thirty days\n",
    "tax/rates.txt": "tax is paid in May\n",
}


def write(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


async def test_a_folder_is_found_word_for_word_once_it_is_taken_in(
    place: Place, tmp_path: Path
) -> None:
    report = await place.run(write(tmp_path / "docs", TEXTS))
    assert (report.added, report.skipped.count, report.is_complete) == (3, 0, True)
    assert await place.texts() == TEXTS
    assert await place.found(reader("mara"), "pump valves") == set(TEXTS)
    document = (await place.documents())["hr/leave.txt"]
    assert document.source == f"file:{tmp_path / 'docs'}"
    assert document.uri == (tmp_path / "docs/hr/leave.txt").as_uri()
    assert (document.path, document.decision_id) == ("hr/leave.txt", "dec_1")
    assert (await place.documents())["pump.md"].title == "Pump"
    assert place.index_problems() == ()


async def test_what_has_not_changed_is_neither_fetched_nor_embedded_again(place: Place) -> None:
    source = Listed(dict(TEXTS))
    first = await place.run(source)
    read = len(place.model.embedded_texts)
    again = await place.run(source)
    assert (again.added, again.changed, again.unchanged, again.removed) == (0, 0, 3, 0)
    assert sorted(source.fetched) == sorted(TEXTS)
    assert len(place.model.embedded_texts) == read
    assert (first.version, again.version) == (1, 1)


async def test_an_edit_replaces_a_document_and_a_deletion_takes_it_away(place: Place) -> None:
    source = Listed(dict(TEXTS))
    await place.run(source)
    before = await place.documents()
    source.offered = {"pump.md": TEXTS["pump.md"], "hr/leave.txt": "leave is twenty days\n"}
    report = await place.run(source)
    assert (report.changed, report.removed, report.unchanged) == (1, 1, 1)
    assert report.version == 2
    assert await place.texts() == source.offered
    after = await place.documents()
    assert after["hr/leave.txt"].key != before["hr/leave.txt"].key
    assert after["pump.md"].key == before["pump.md"].key
    assert await place.found(reader("mara"), "tax") == set(source.offered)
    assert place.index_problems() == ()


async def test_a_file_that_was_only_touched_costs_no_model_call(
    place: Place, tmp_path: Path
) -> None:
    folder = write(tmp_path / "docs", TEXTS)
    await place.run(folder)
    read = len(place.model.embedded_texts)
    keys = {each.key for each in (await place.documents()).values()}
    for name in TEXTS:
        os.utime(folder / name, (1, 1))
    report = await place.run(folder)
    assert report.changed == 3  # of another date, by which readers may search
    assert {each.key for each in (await place.documents()).values()} == keys
    assert {each.dated_s for each in (await place.documents()).values()} == {1}
    assert await place.found(reader("mara"), "pump") == set(TEXTS)
    assert (await place.run(folder)).unchanged == 3
    assert len(place.model.embedded_texts) == read
    assert place.index_problems() == ()


async def test_a_new_token_on_the_same_text_is_kept_so_that_it_is_fetched_once(
    place: Place,
) -> None:
    source = Listed(dict(TEXTS))
    await place.run(source)
    read = len(place.model.embedded_texts)
    source.items_said = {name: {"change_token": "new"} for name in TEXTS}
    report = await place.run(source)
    assert (report.unchanged, report.changed, report.version) == (3, 0, 1)
    await place.run(source)
    assert len(source.fetched) == 2 * len(TEXTS)
    assert len(place.model.embedded_texts) == read


async def test_readers_come_from_the_source_else_from_the_rules_else_nobody_is_known(
    place: Place,
) -> None:
    place.rules = AccessRules(
        rules=(Rule(path="hr/**", acl=Acl(groups=frozenset({"hr"})), tags=frozenset({Tag.PII})),)
    )
    source = Listed(dict(TEXTS))
    source.items_said["tax/rates.txt"] = {"acl": Acl(users=frozenset({"tom"}))}
    report = await place.run(source)
    assert report.administrators_only == 1
    assert await place.found(reader("mara"), "tax") == set()
    assert await place.found(reader("mara", "hr"), "tax") == {"hr/leave.txt"}
    assert await place.found(reader("tom"), "tax") == {"tax/rates.txt"}
    documents = await place.documents()
    assert documents["hr/leave.txt"].tags == {Tag.PII}
    lists = {each.acl_id: each for each in await place.shelves.stores.access.list(DEFAULT_TENANT)}
    origins = {name: lists[each.acl_id].origin for name, each in documents.items()}
    assert origins == {"hr/leave.txt": "rule:hr/**", "tax/rates.txt": "source", "pump.md": "none"}


async def test_rights_that_the_source_could_not_tell_let_nobody_in_whatever_the_rules_say(
    place: Place,
) -> None:
    source = Listed(dict(TEXTS))
    source.items_said["pump.md"] = {"is_acl_unknown": True}
    report = await place.run(source)
    assert [each.what for each in report.warnings.first] == ["pump.md"]
    assert "pump.md" not in await place.found(reader("mara"), "pump")


async def test_other_readers_count_at_once_and_cost_no_model_call(place: Place) -> None:
    source = Listed(dict(TEXTS))
    source.items_said = {name: {"acl": Acl(users=frozenset({"tom"}))} for name in TEXTS}
    await place.run(source)
    read = len(place.model.embedded_texts)
    for said in source.items_said.values():
        said["acl"] = Acl(users=frozenset({"mara"}))
    report = await place.run(source)
    assert (report.moved, report.unchanged, report.version) == (3, 0, 2)
    assert await place.found(reader("tom"), "pump") == set()
    assert await place.found(reader("mara"), "pump") == set(TEXTS)
    assert len(place.model.embedded_texts) == read


async def test_readers_of_a_document_that_cannot_be_fetched_any_more_still_count(
    place: Place,
) -> None:
    source = Listed(dict(TEXTS))
    await place.run(source)
    source.items_said["pump.md"] = {
        "acl": Acl(users=frozenset({"tom"})),
        "change_token": "changed",
    }

    class Failing(Listed):
        def fetch(self, item):  # type: ignore[no-untyped-def]
            raise ModelFailure("cannot be had")

    failing = Failing(source.offered, items_said=source.items_said)
    report = await place.run(failing)
    assert report.skipped.count == 1
    assert "pump.md" not in await place.found(reader("mara"), "pump")
    assert "pump.md" in await place.found(reader("tom"), "pump")


async def test_a_passage_has_the_class_of_what_is_in_it_and_at_least_its_documents(
    place: Place,
) -> None:
    source = Listed({"a.txt": "pump card 4111 1111 1111 1111", "b.txt": "tax is paid"})
    source.items_said["b.txt"] = {"data_class": DataClass.CONFIDENTIAL}
    report = await place.run(source, tags=frozenset({Tag.PHI}))
    assert report.classes == {DataClass.RESTRICTED: 1, DataClass.CONFIDENTIAL: 1}
    documents = await place.documents()
    assert documents["a.txt"].data_class is DataClass.INTERNAL
    stores = place.shelves.stores.documents
    (passage,) = await stores.passages(DEFAULT_TENANT, documents["a.txt"].key)
    assert (passage.data_class, passage.tags) == (DataClass.RESTRICTED, {Tag.PCI, Tag.PHI})


async def test_a_class_that_rises_is_raised_in_place_and_one_that_falls_takes_it_in_anew(
    place: Place,
) -> None:
    source = Listed({"b.txt": "tax is paid"})
    await place.run(source)
    key = (await place.documents())["b.txt"].key
    source.items_said["b.txt"] = {"data_class": DataClass.RESTRICTED, "change_token": "2"}
    await place.run(source)
    raised = (await place.documents())["b.txt"]
    assert (raised.key, raised.data_class) == (key, DataClass.RESTRICTED)
    source.items_said["b.txt"] = {"change_token": "3"}
    await place.run(source)
    lowered = (await place.documents())["b.txt"]
    assert (lowered.key != key, lowered.data_class) == (True, DataClass.INTERNAL)


async def test_a_source_that_vanishes_loses_nothing_that_came_and_nothing_that_was_there(
    place: Place,
) -> None:
    source = Listed(dict(TEXTS))
    await place.run(source)
    source.offered = {"new.md": "travel by train\n", **TEXTS}
    source.breaks_after = 1
    report = await place.run(source)
    assert report.failure == "the share is gone"
    assert (report.added, report.removed) == (1, 0)
    assert await place.texts() == source.offered


async def test_a_source_that_is_suddenly_empty_loses_nothing_and_is_told(
    place: Place, tmp_path: Path
) -> None:
    folder = write(tmp_path / "docs", TEXTS)
    await place.run(folder)
    shutil.rmtree(folder)
    (folder / ".hidden").mkdir(parents=True)
    report = await place.run(folder)
    assert (report.removed, report.is_complete, report.version) == (0, False, 1)
    assert "befit knowledge remove --collection handbook" in (report.failure or "")
    assert await place.texts() == TEXTS


async def test_a_source_that_was_and_is_empty_is_complete(place: Place) -> None:
    assert (await place.run(Listed({}))).is_complete


async def test_a_source_is_closed_behind_its_run(place: Place) -> None:
    source = Listed(dict(TEXTS), breaks_after=1)
    await place.run(source)
    assert source.closed == 1


async def test_a_class_or_tag_that_rises_under_the_same_token_is_raised_unfetched(
    place: Place,
) -> None:
    source = Listed(dict(TEXTS))
    await place.run(source)
    source.items_said["pump.md"] = {"data_class": DataClass.RESTRICTED}
    place.rules = AccessRules(
        rules=(
            Rule(path="hr/**", acl=FOR_EVERYONE.rules[0].acl, tags=frozenset({Tag.PII})),
            *FOR_EVERYONE.rules,
        )
    )
    report = await place.run(source)
    assert (report.unchanged, report.moved, len(source.fetched)) == (2, 1, 3)
    documents = await place.documents()
    assert documents["pump.md"].data_class is DataClass.RESTRICTED
    assert documents["hr/leave.txt"].tags == {Tag.PII}
    stores = place.shelves.stores.documents
    (passage,) = await stores.passages(DEFAULT_TENANT, documents["pump.md"].key)
    assert passage.data_class is DataClass.RESTRICTED
    source.items_said.clear()
    assert (await place.run(source)).version == 2
    assert (await place.documents())["pump.md"].data_class is DataClass.RESTRICTED


async def test_what_lies_where_the_source_could_not_look_is_not_taken_for_deleted(
    place: Place,
) -> None:
    source = Listed(dict(TEXTS))
    await place.run(source)
    source.offered = {"pump.md": TEXTS["pump.md"]}
    source.unseen = "hr/"
    report = await place.run(source)
    assert report.removed == 1
    assert set(await place.texts()) == {"pump.md", "hr/leave.txt"}


async def test_a_document_of_another_source_is_neither_replaced_nor_deleted(place: Place) -> None:
    await place.run(Listed(dict(TEXTS)))
    other = Listed({"pump.md": "travel by train", "more.md": "leave early"}, name="test:other")
    report = await place.run(other)
    assert (report.added, report.skipped.count) == (1, 1)
    assert "test:listed" in report.skipped.first[0].reason
    assert await place.texts() == TEXTS | {"more.md": "leave early"}
    other.offered = {"less.md": "leave late"}
    assert (await place.run(other)).removed == 1
    assert await place.texts() == TEXTS | {"less.md": "leave late"}


async def test_equal_texts_are_documents_of_their_own_with_their_own_readers(place: Place) -> None:
    source = Listed({"a.txt": "pump oil", "b.txt": "pump oil"})
    source.items_said["a.txt"] = {"acl": Acl(users=frozenset({"tom"}))}
    report = await place.run(source)
    assert [(each.what, "a.txt" in each.reason) for each in report.warnings.first] == [
        ("b.txt", True)
    ]
    assert await place.found(reader("mara"), "pump") == {"b.txt"}
    assert await place.found(reader("tom"), "pump") == {"a.txt", "b.txt"}


async def test_what_has_no_text_is_skipped_and_what_has_none_any_more_goes(place: Place) -> None:
    source = Listed({"a.txt": "pump oil", "b.txt": " \n"})
    report = await place.run(source)
    assert [each.what for each in report.skipped.first] == ["b.txt"]
    source.offered["a.txt"] = ""
    report = await place.run(source)
    assert (report.removed, await place.texts()) == (1, {})


async def test_a_file_that_cannot_be_read_is_told_and_stops_nothing(
    place: Place, tmp_path: Path
) -> None:
    folder = write(tmp_path / "docs", TEXTS)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\n junk")
    report = await place.run(folder)
    assert (report.added, [each.what for each in report.skipped.first]) == (3, ["broken.pdf"])
    scraps = place.shelves.folder.parent.glob("**/fetched-*")
    assert list(scraps) == []


async def test_a_model_that_comes_back_is_tried_again_and_one_that_does_not_ends_the_run(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("befit.knowledge.ingestion.embedding._FIRST_PAUSE_S", 0.001)
    place.model.failures = 2
    assert (await place.run(Listed({"a.txt": "pump"}))).added == 1
    place.model.failures = 100
    with pytest.raises(ModelFailure):
        await place.run(Listed({"a.txt": "pump", "b.txt": "tax"}))
    place.model.failures = 0
    assert (await place.run(Listed({"a.txt": "pump", "b.txt": "tax"}))).added == 1


async def test_what_policy_keeps_from_the_embedder_is_skipped_alone(place: Place) -> None:
    source = Listed({"a.txt": "pump", "b.txt": "forbidden tax", "c.txt": "leave"})
    report = await place.run(source)
    assert [each.what for each in report.skipped.first] == ["b.txt"]
    assert set(await place.texts()) == {"a.txt", "c.txt"}
    source.offered["a.txt"] = "forbidden pump"
    report = await place.run(source)
    assert (report.skipped.count, await place.texts()) == (2, {"a.txt": "pump", "c.txt": "leave"})


async def test_a_changed_title_or_metadata_is_searched_by_under_the_same_key(
    place: Place,
) -> None:
    source = Listed({"a.txt": "pump oil"})
    await place.run(source)
    key = (await place.documents())["a.txt"].key
    source.items_said["a.txt"] = {
        "title": "Travel",
        "metadata": {"site": "north"},
        "change_token": "2",
    }
    report = await place.run(source)
    assert report.changed == 1
    (passage,) = (await place.shelves.search(reader("mara"), "travel")).passages
    assert (passage.key, passage.title, passage.metadata) == (key, "Travel", {"site": "north"})
    assert place.index_problems() == ()


async def test_a_source_that_offers_a_name_twice_has_the_second_skipped(place: Place) -> None:
    class Twice(Listed):
        def items(self):  # type: ignore[no-untyped-def]
            yield from super().items()
            yield from super().items()

    report = await place.run(Twice({"a.txt": "pump"}))
    assert (report.added, report.skipped.count) == (1, 1)


async def test_many_documents_are_taken_in_in_lots(place: Place) -> None:
    texts = {f"{at:04}.txt": f"pump number {at}" for at in range(700)}
    report = await place.run(Listed(texts))
    assert (report.added, report.passages) == (700, 700)
    assert await place.texts() == texts
    assert replace(report.warnings).count == 0


async def test_rules_that_change_while_a_run_embeds_count_for_what_it_was_embedding(
    place: Place,
) -> None:
    narrow = AccessRules(
        rules=(
            Rule(path="hr/**", acl=Acl(groups=frozenset({"hr"})), data_class=DataClass.RESTRICTED),
            *FOR_EVERYONE.rules,
        )
    )

    def change() -> None:
        place.rules = narrow

    place.model.before = change
    await place.run(Listed(dict(TEXTS)))
    assert await place.found(reader("mara"), "leave") == {"pump.md", "tax/rates.txt"}
    assert await place.found(reader("tom", "hr"), "leave") == set(TEXTS)
    assert (await place.documents())["hr/leave.txt"].data_class is DataClass.RESTRICTED
