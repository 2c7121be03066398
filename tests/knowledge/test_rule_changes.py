"""Changed rules count for the next search; the index stays as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from befit.identity import EVERYONE
from befit.knowledge import DocumentState, RuleChanges, apply_rules
from befit.knowledge.access import NOBODY_KNOWN, AccessRules, Acl, Rule
from befit.knowledge.store import AccessList
from befit.vocabulary import DataClass, Tag
from tests.knowledge.shelves import Shelves, group, reader

MARA, OTTO = reader("mara", "hr"), reader("otto", "it")
HR = Rule(path="hr/**", acl=group("hr"))
ALL = Rule(path="**", acl=group(EVERYONE))


def rules(*each: Rule) -> AccessRules:
    return AccessRules(rules=each)


@pytest.fixture
async def shelves(tmp_path: Path) -> AsyncIterator[Shelves]:
    made = Shelves.at(tmp_path)
    await made.collection("handbook")
    yield made
    made.close()


async def place(shelves: Shelves, key: str, path: str, rule: Rule | None, **said: object) -> None:
    """Take a document in as an ingest under `rule` does."""
    await shelves.put({key: f"leave {key}"}, NOBODY_KNOWN, path=path, **said)
    access = shelves.stores.access
    if rule is None:
        kept = await access.keep("default", "none", "none", NOBODY_KNOWN)
    else:
        kept = await access.keep("default", rule.key("handbook"), rule.origin, rule.acl)
    await shelves.stores.documents.place("default", {key: kept.acl_id})


async def test_changed_readers_of_a_rule_are_one_list(shelves: Shelves) -> None:
    await place(shelves, "H", "hr/leave.md", HR)
    changed = await apply_rules(
        shelves.stores, "default", rules(Rule(path="hr/**", acl=group("it")))
    )
    assert changed == RuleChanges(lists=1)
    assert await shelves.found(MARA, "leave") == set()
    assert await shelves.found(OTTO, "leave") == {"H"}


async def test_documents_follow_the_rule_that_matches_them_now(shelves: Shelves) -> None:
    await place(shelves, "H", "hr/leave.md", ALL)
    await place(shelves, "N", "it/leave.md", None)
    assert await shelves.found(OTTO, "leave") == {"H"}
    changed = await apply_rules(shelves.stores, "default", rules(HR, ALL))
    assert changed.moved == 2
    assert await shelves.found(MARA, "leave") == {"H", "N"}
    assert await shelves.found(OTTO, "leave") == {"N"}


async def test_a_rule_that_is_gone_lets_nobody_in_any_more(shelves: Shelves) -> None:
    await place(shelves, "H", "hr/leave.md", HR)
    await apply_rules(shelves.stores, "default", rules(HR))
    await apply_rules(shelves.stores, "default", rules())
    assert await shelves.found(MARA, "leave") == set()
    await apply_rules(shelves.stores, "default", rules(HR))
    assert await shelves.found(MARA, "leave") == {"H"}


async def test_a_rule_is_of_its_collection_only(shelves: Shelves) -> None:
    await shelves.collection("memos")
    await place(shelves, "H", "x.md", None)
    await place(shelves, "M", "x.md", None, collection="memos")
    only = Rule(path="**", collection="memos", acl=group(EVERYONE))
    await apply_rules(shelves.stores, "default", rules(only))
    assert await shelves.found(MARA, "leave", "handbook", "memos") == {"M"}


@pytest.mark.parametrize("origin", ["source", "unknown"])
async def test_what_a_source_says_or_could_not_say_no_rule_overrides(
    shelves: Shelves, origin: str
) -> None:
    await shelves.put({"S": "leave S"}, NOBODY_KNOWN, path="hr/s.md")
    kept = await shelves.stores.access.keep("default", origin, origin, group("it"))
    await shelves.stores.documents.place("default", {"S": kept.acl_id})
    restricting = Rule(path="**", acl=group("hr"), data_class=DataClass.RESTRICTED)
    changed = await apply_rules(shelves.stores, "default", rules(restricting))
    assert changed == RuleChanges(raised=1)
    assert await shelves.found(MARA, "leave") == set()
    found = await shelves.search(OTTO, "leave")
    assert found.data_class is DataClass.RESTRICTED


async def test_a_class_is_raised_and_stays_when_the_rule_goes(shelves: Shelves) -> None:
    await place(shelves, "H", "hr/leave.md", HR)
    tags = frozenset({Tag.PII})
    secret = Rule(path="hr/**", acl=group("hr"), data_class=DataClass.CONFIDENTIAL, tags=tags)
    assert (await apply_rules(shelves.stores, "default", rules(secret))).raised == 1
    await apply_rules(shelves.stores, "default", rules(HR))
    found = await shelves.search(MARA, "leave")
    assert (found.data_class, found.tags) == (DataClass.CONFIDENTIAL, tags)


async def test_rules_that_are_applied_already_change_nothing(shelves: Shelves) -> None:
    await place(shelves, "H", "hr/leave.md", ALL)
    await apply_rules(shelves.stores, "default", rules(HR, ALL))
    epoch = shelves.stores.access.epoch("default")
    assert await apply_rules(shelves.stores, "default", rules(HR, ALL)) == RuleChanges()
    assert shelves.stores.access.epoch("default") == epoch


async def test_a_document_on_its_way_in_follows_too(shelves: Shelves) -> None:
    await place(shelves, "H", "hr/leave.md", ALL)
    await shelves.stores.documents.mark("default", ["H"], DocumentState.PENDING)
    await apply_rules(shelves.stores, "default", rules(HR, ALL))
    await shelves.stores.documents.mark("default", ["H"], DocumentState.LIVE)
    assert await shelves.found(OTTO, "leave") == set()


async def test_deny_of_a_rule_wins(shelves: Shelves) -> None:
    await place(shelves, "H", "hr/leave.md", HR)
    but = Acl(groups=frozenset({"hr"}), deny_users=frozenset({"mara"}))
    await apply_rules(shelves.stores, "default", rules(Rule(path="hr/**", acl=but)))
    assert await shelves.found(MARA, "leave") == set()
    assert await shelves.found(reader("lena", "hr"), "leave") == {"H"}


async def test_a_list_that_an_ingest_makes_meanwhile_is_its_sources_all_the_same(
    shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place(shelves, "S", "hr/s.md", None)
    access, documents = shelves.stores.access, shelves.stores.documents
    list_all = access.list

    async def then_an_ingest(tenant: str) -> Sequence[AccessList]:
        listed = await list_all(tenant)
        kept = await access.keep(tenant, "source:handbook:1", "source", group("it"))
        await documents.place(tenant, {"S": kept.acl_id})
        return listed

    monkeypatch.setattr(access, "list", then_an_ingest)
    changed = await apply_rules(shelves.stores, "default", rules(HR))
    assert changed == RuleChanges()
    assert await shelves.found(MARA, "leave") == set()
    assert await shelves.found(OTTO, "leave") == {"S"}


async def test_a_document_that_an_ingest_places_meanwhile_stays_where_its_source_wants_it(
    shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the documents and their moving the source has told its readers."""
    await place(shelves, "S", "hr/s.md", None)
    await place(shelves, "N", "hr/n.md", None)
    access, documents = shelves.stores.access, shelves.stores.documents
    page = documents.page

    async def then_an_ingest(*told: object, **more: object) -> object:
        found = await page(*told, **more)
        kept = await access.keep("default", "source:handbook:1", "source", group("it"))
        await documents.place("default", {"S": kept.acl_id})
        return found

    monkeypatch.setattr(documents, "page", then_an_ingest)
    changed = await apply_rules(shelves.stores, "default", rules(HR))
    assert changed.moved == 1
    assert await shelves.found(MARA, "leave") == {"N"}
    assert await shelves.found(OTTO, "leave") == {"S"}


async def test_a_class_that_an_ingest_raises_meanwhile_is_not_lowered(
    shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place(shelves, "H", "hr/leave.md", HR)
    documents = shelves.stores.documents
    page = documents.page

    async def then_an_ingest(*told: object, **more: object) -> object:
        found = await page(*told, **more)
        await documents.raise_class("default", ["H"], DataClass.RESTRICTED, frozenset({Tag.PHI}))
        return found

    monkeypatch.setattr(documents, "page", then_an_ingest)
    secret = Rule(path="hr/**", acl=group("hr"), data_class=DataClass.CONFIDENTIAL)
    await apply_rules(shelves.stores, "default", rules(secret))
    found = await shelves.search(MARA, "leave")
    assert (found.data_class, found.tags) == (DataClass.RESTRICTED, {Tag.PHI})


async def test_a_document_of_a_list_that_is_not_known_is_left_alone(shelves: Shelves) -> None:
    await shelves.put({"S": "leave S"}, NOBODY_KNOWN, path="hr/s.md")
    await shelves.stores.documents.place("default", {"S": 999_999})
    assert (await apply_rules(shelves.stores, "default", rules(HR))).moved == 0
    assert await shelves.found(MARA, "leave") == set()


class _CutOff(Exception):
    pass


async def test_an_edit_that_was_cut_off_anywhere_and_taken_back_is_not_in_force(
    shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place(shelves, "H", "hr/leave.md", HR)
    await place(shelves, "N", "it/leave.md", None)
    opened = rules(Rule(path="hr/**", acl=group("it")), ALL)
    stores = shelves.stores
    for step in range(100):
        await apply_rules(stores, "default", rules(HR))
        assert await shelves.found(OTTO, "leave") == set()
        left = step

        def ending(work: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
            async def call(*said: object, **more: object) -> object:
                nonlocal left
                if left == 0:
                    raise _CutOff
                left -= 1
                return await work(*said, **more)

            return call

        is_cut = False
        with monkeypatch.context() as patch:
            for part, names in (
                (stores.access, ("list", "find", "keep", "note_rules")),
                (stores.documents, ("page", "place", "raise_class")),
            ):
                for name in names:
                    patch.setattr(part, name, ending(getattr(part, name)))
            try:
                await apply_rules(stores, "default", opened)
            except _CutOff:
                is_cut = True
        await apply_rules(stores, "default", rules(HR))
        assert await shelves.found(OTTO, "leave") == set(), step
        if not is_cut:
            break
    assert step >= 5
