"""Why can or cannot somebody see a document: for auditors, and for readers of what they read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from befit.errors import InvalidRequest, NotFound
from befit.identity import local_administrator
from befit.knowledge.access import Acl
from befit.vocabulary import DataClass
from tests.gateway.conftest import House
from tests.gateway.reading_room import Page, reading_room, shelve

EVERYBODY = Acl(groups=frozenset({"everyone"}))
SHELVES = (
    Page(doc_id="leave.md", title="Leave", passages=("Thirty days. ",), acl=EVERYBODY),
    Page(
        doc_id="pay/bands.md",
        title="Bands",
        passages=("Band seven. ",),
        acl=Acl(groups=frozenset({"hr"}), deny_users=frozenset({"joe"})),
    ),
    Page(doc_id="leave.md", title="L", passages=("Shifts. ",), acl=EVERYBODY, collection="plant"),
    Page(doc_id="nobody.md", title="N", passages=("Nobody. ",), acl=Acl()),
    Page(
        doc_id="mixed.md",
        title="Mixed",
        passages=("Valves are blue. ", "Pumps are red. ", "The code is 7. "),
        acl=EVERYBODY,
        collection="plant",
        classes={2: DataClass.RESTRICTED},
    ),
    Page(
        doc_id="closed.md",
        title="Closed",
        passages=("Nobody enters. ",),
        acl=EVERYBODY,
        collection="plant",
        data_class=DataClass.RESTRICTED,
    ),
)

NO_RESTRICTED = """
@id("own/not-for-users") @reason("restricted documents are not for users")
forbid (principal, action == Action::"retrieve", resource)
when { resource.data_class == 3 && principal.roles == ["user"] };
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with reading_room(tmp_path_factory.mktemp("room") / "ws") as house:
        await shelve(house.platform, *SHELVES)
        yield house


async def why(house: House, doc_id: str, reader: str | None, **more: Any) -> dict[str, Any]:
    return await house.operate("knowledge.why", {"doc_id": doc_id, "reader": reader, **more})


@pytest.mark.parametrize(
    ("reader", "allowed", "because"),
    [
        ("mara:hr", True, "in the group hr, which the list names"),
        ("mara", False, "neither mara nor a group of theirs"),
        ("joe:hr", False, "names joe as one who may not"),
        (None, True, "an administrator"),
    ],
)
async def test_the_list_that_decides_is_named(
    room: House, reader: str | None, allowed: bool, because: str
) -> None:
    found = await why(room, "pay/bands.md", reader)
    assert (found["allowed"], found["collection"]) == (allowed, "handbook")
    assert because in found["because"]
    assert found["because"] in found["path"]
    assert ("baseline/readers-read-what-lists-admit" in found["rules"]) is True


async def test_a_person_who_is_kept_is_asked_about_with_the_groups_of_now(room: House) -> None:
    await room.operate("people.add", {"name": "ines"})
    assert (await why(room, "pay/bands.md", "ines"))["allowed"] is False
    await room.operate("groups.add", {"name": "hr"})
    await room.operate("groups.add_member", {"name": "hr", "member": "ines"})
    found = await why(room, "pay/bands.md", "ines")
    assert found["allowed"] is True
    assert "hr" in found["groups"]
    assert found["reader"].startswith("person:")
    await room.operate("groups.remove_member", {"name": "hr", "member": "ines"})
    assert (await why(room, "pay/bands.md", "ines"))["allowed"] is False


async def test_what_why_says_is_what_a_search_does(room: House) -> None:
    for reader in ("mara:hr", "mara", "joe:hr", "joe"):
        principal = local_administrator(acting_as=reader)
        params = {"query": "band thirty days nobody", "collections": ["handbook"]}
        found = await room.operate_as(principal, "knowledge.search", params)
        seen = {result["doc_id"] for result in found["results"]}
        for page in SHELVES:
            if page.collection == "handbook":
                said = await why(room, page.doc_id, reader, collection="handbook")
                assert said["allowed"] is (page.doc_id in seen), (reader, page.doc_id)


@pytest_asyncio.fixture(loop_scope="module")
async def withheld(room: House) -> AsyncIterator[House]:
    """The room while restricted documents are not for users."""
    policies = room.platform.workspace.policies_dir
    policies.mkdir(exist_ok=True)
    rule = policies / "own.cedar"
    rule.write_text(NO_RESTRICTED)
    try:
        assert (await room.platform.shelf.reload()).changed
        yield room
    finally:
        rule.unlink()
        await room.platform.shelf.reload()


async def test_a_document_of_several_classes_is_judged_by_each_passages_own(
    withheld: House,
) -> None:
    found = await why(withheld, "mixed.md", "mara")
    assert (found["allowed"], found["readable"]) == (True, 2)
    assert found["passages"] == [
        {
            "data_class": "internal",
            "tags": [],
            "count": 2,
            "allowed": True,
            "rules": ["baseline/readers-read-what-lists-admit"],
        },
        {
            "data_class": "restricted",
            "tags": [],
            "count": 1,
            "allowed": False,
            "rules": ["own/not-for-users"],
        },
    ]
    assert "forbids 1 of its 3 passages, restricted (own/not-for-users)" in found["because"]
    assert found["because"] in found["path"]
    searched = await withheld.operate_as(
        local_administrator(acting_as="mara"),
        "knowledge.search",
        {"query": "valves pumps code", "collections": ["plant"]},
    )
    mixed = [each for each in searched["results"] if each["doc_id"] == "mixed.md"]
    assert len(mixed) == found["readable"]
    assert (await why(withheld, "mixed.md", None))["readable"] == 3
    assert (await why(withheld, "closed.md", "mara"))["allowed"] is False


async def test_who_asks_about_themselves_hears_of_no_passage_that_is_withheld(
    withheld: House,
) -> None:
    own = await get(withheld, "user", doc_id="mixed.md")
    assert (own.status_code, own.json()["readable"]) == (200, 2)
    assert [each["data_class"] for each in own.json()["passages"]] == ["internal"]
    assert "restricted" not in own.text
    assert "own/not-for-users" not in own.text
    closed = await get(withheld, "user", doc_id="closed.md")
    gone = await get(withheld, "user", doc_id="clozed.md")
    assert closed.status_code == gone.status_code == 404
    assert closed.text.replace("closed", "clozed") == gone.text


@pytest.mark.parametrize("who", ["person:P3Q4", "key:K1A2", "role:kng"])
async def test_an_id_of_nobody_is_not_taken_for_a_name(room: House, who: str) -> None:
    with pytest.raises(NotFound):
        await why(room, "pay/bands.md", who)


async def test_a_person_is_found_however_their_name_is_composed(room: House) -> None:
    await room.operate("people.add", {"name": "J\u00f6rg"})
    found = await why(room, "pay/bands.md", "Jo\u0308rg")
    assert found["reader"].startswith("person:")
    assert found["notes"] == []


async def test_a_name_that_two_collections_have_needs_the_collection(room: House) -> None:
    with pytest.raises(InvalidRequest, match="handbook, plant"):
        await why(room, "leave.md", "mara")
    assert (await why(room, "leave.md", "mara", collection="plant"))["collection"] == "plant"
    with pytest.raises(NotFound, match="handbook"):
        await why(room, "leave.md", "mara", collection="handbok")


async def get(house: House, who: str, **query: str) -> Any:
    async with house.http(who) as http:
        return await http.get("/v1/knowledge/why", params=query)


async def test_a_reader_learns_nothing_of_what_they_may_not_read(room: House) -> None:
    own = await get(room, "user", doc_id="leave.md", collection="handbook")
    assert (own.status_code, own.json()["allowed"]) == (200, True)
    hidden = await get(room, "user", doc_id="pay/bands.md")
    gone = await get(room, "user", doc_id="pay/hands.md")
    assert hidden.status_code == gone.status_code == 404
    assert hidden.text.replace("bands", "hands") == gone.text


async def test_who_may_not_audit_asks_about_nobody_else(room: House) -> None:
    answers = [
        await get(room, "user", doc_id=doc_id, reader="mara:hr")
        for doc_id in ("leave.md", "pay/bands.md", "pay/hands.md")
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1


async def test_auditors_and_administrators_ask_about_everybody(room: House) -> None:
    for who in ("auditor", "admin"):
        answer = await get(room, who, doc_id="pay/bands.md", reader="joe:hr")
        assert (answer.status_code, answer.json()["allowed"]) == (200, False)
    assert (await get(room, "auditor", doc_id="pay/hands.md", reader="joe")).status_code == 404


async def test_a_key_that_is_limited_to_workflows_is_refused_as_by_a_search(room: House) -> None:
    room.keys["limited"] = await room.key("limited", workflows=["triage"])
    answers = [await get(room, "limited", doc_id=doc_id) for doc_id in ("leave.md", "gone.md")]
    assert {answer.status_code for answer in answers} == {403}
    assert "limited to workflows triage" in answers[0].text


async def test_the_collections_are_listed_by_name(room: House) -> None:
    async with room.http() as http:
        answer = await http.get("/v1/knowledge/collections")
    assert [each["name"] for each in answer.json()["collections"]] == ["handbook", "plant"]
