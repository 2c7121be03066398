"""What any `AccessStore` promises: the rights it resolves are those that `Acl.admits` gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from befit.audit import Sealer
from befit.identity import EVERYONE, Principal, Role
from befit.knowledge import AccessStore
from befit.knowledge.access import NOBODY_KNOWN, Acl
from befit.storage import Database, SqlAccessStore, SqlDocumentStore
from befit.storage.knowledge.schema import ACCESS_LISTS, ACCESS_MEMBERS
from tests.storage.knowledge_rows import document, new

HR = Acl(groups=frozenset({"hr"}), deny_users=frozenset({"zoe"}))


def reader(name: str, *groups: str, tenant: str = "default", admin: bool = False) -> Principal:
    return Principal(
        id=f"person:{name}",
        name=name,
        tenant=tenant,
        groups=frozenset({EVERYONE, *groups}),
        roles=frozenset({Role.ADMIN if admin else Role.USER}),
    )


@pytest.fixture
def store(database: Database) -> AccessStore:
    return SqlAccessStore(database)


async def test_a_list_comes_back_as_it_was_kept(store: AccessStore) -> None:
    acl = Acl(
        users=frozenset({"person:P1", "mara"}),
        groups=frozenset({"hr", EVERYONE}),
        deny_users=frozenset({"zoe"}),
        deny_groups=frozenset({"contractors", "hr"}),
    )
    kept = await store.keep("default", "rule:handbook:hr/**", "rule:hr/**", acl)
    assert kept.acl == acl
    assert await store.find("default", kept.acl_id) == kept
    assert await store.list("default") == (kept,)
    assert await store.find("other", kept.acl_id) is None


async def test_a_key_keeps_its_number_whatever_is_said_of_it(store: AccessStore) -> None:
    first = await store.keep("default", "rule:a:x", "rule:x", HR)
    second = await store.keep("default", "rule:a:x", "rule:x", NOBODY_KNOWN)
    assert second.acl_id == first.acl_id
    assert (await store.keep("default", "rule:b:x", "rule:x", HR)).acl_id != first.acl_id
    elsewhere = await store.keep("other", "rule:a:x", "rule:x", HR)
    assert elsewhere.acl_id != first.acl_id


async def test_a_change_grows_the_epoch_and_saying_the_same_does_not(store: AccessStore) -> None:
    epochs = [store.epoch("default")]
    for acl in (HR, HR, NOBODY_KNOWN, NOBODY_KNOWN, HR):
        await store.keep("default", "k", "source", acl)
        epochs.append(store.epoch("default"))
    assert epochs[1] == epochs[2] < epochs[3] == epochs[4] < epochs[5]
    assert store.epoch("other") == 0


async def test_editing_a_list_touches_its_own_rows_only(
    store: AccessStore, database: Database
) -> None:
    for number in range(5):
        await store.keep("default", f"k{number}", "source", HR)
    await store.keep("default", "k0", "source", Acl(groups=frozenset({"it", "hr"})))
    query = select(func.count()).select_from(ACCESS_MEMBERS)
    assert await database.read(lambda c: c.execute(query).scalar_one()) == 4 * 2 + 2
    lists = select(func.count()).select_from(ACCESS_LISTS)
    assert await database.read(lambda c: c.execute(lists).scalar_one()) == 5


async def test_a_revoked_right_is_gone_for_the_next_look(
    store: AccessStore, another: Callable[[], Database]
) -> None:
    kept = await store.keep("default", "k", "source", HR)
    mara = reader("mara", "hr")
    elsewhere = SqlAccessStore(another())
    assert store.rights(mara).acl_ids == elsewhere.rights(mara).acl_ids == {kept.acl_id}
    await elsewhere.keep("default", "k", "source", Acl(groups=frozenset({"it"})))
    assert store.rights(mara).acl_ids == elsewhere.rights(mara).acl_ids == frozenset()
    assert store.rights(mara).epoch == store.epoch("default")


async def test_rights_are_the_readers_own_not_those_of_who_asked_before(
    store: AccessStore,
) -> None:
    kept = await store.keep("default", "k", "source", HR)
    assert store.rights(reader("mara", "hr")).acl_ids == {kept.acl_id}
    assert store.rights(reader("mara")).acl_ids == frozenset()
    assert store.rights(reader("mara", "hr", tenant="other")).acl_ids == frozenset()
    assert store.rights(reader("mara", admin=True)).acl_ids == {kept.acl_id}
    assert store.rights(reader("zoe", "hr", admin=True)).acl_ids == frozenset()


async def test_what_has_moved_is_found_by_what_the_index_knows_it_by(
    store: AccessStore, database: Database, sealer: Sealer
) -> None:
    documents = SqlDocumentStore(database, sealer)
    hr = await store.keep("default", "hr", "source", HR)
    it = await store.keep("default", "it", "source", Acl(groups=frozenset({"it"})))
    await documents.put([new(document("K1", acl_id=hr.acl_id)), new(document("K2"))])
    admin, otto = reader("admin", admin=True), reader("otto", "it")
    assert store.rights(otto).indexed_as == frozenset()
    await documents.place("default", {"K1": it.acl_id})
    assert store.rights(otto).acl_ids == {it.acl_id}
    assert store.rights(otto).indexed_as == {hr.acl_id}
    assert store.rights(admin).indexed_as == {hr.acl_id}
    assert store.rights(reader("mara", "hr")).indexed_as == frozenset()
    await documents.indexed("default", {"K1": it.acl_id})
    assert SqlAccessStore(database).rights(otto).indexed_as == frozenset()


async def test_which_rules_were_applied_is_told_per_tenant(store: AccessStore) -> None:
    assert await store.rules_version("default") == ""
    await store.note_rules("default", "sha256:1")
    await store.keep("default", "k", "source", HR)
    await store.note_rules("other", "sha256:2")
    assert await store.rules_version("default") == "sha256:1"
    assert await store.rules_version("other") == "sha256:2"


async def test_two_that_keep_the_same_list_make_one(
    database: Database, another: Callable[[], Database]
) -> None:
    stores = [SqlAccessStore(database), SqlAccessStore(another())]
    kept = await asyncio.gather(
        *(each.keep("default", "k", "source", HR) for each in stores for _ in range(5))
    )
    assert len({each.acl_id for each in kept}) == 1


_NAMES = st.frozensets(st.sampled_from(["mara", "person:mara", "otto", "'; --", "é"]), max_size=3)
_GROUPS = st.frozensets(st.sampled_from(["hr", "it", EVERYONE, "mara"]), max_size=3)
_ACLS = st.builds(Acl, users=_NAMES, groups=_GROUPS, deny_users=_NAMES, deny_groups=_GROUPS)
_READERS = st.builds(
    reader,
    st.sampled_from(["mara", "otto", "é"]),
    tenant=st.sampled_from(["default", "other"]),
    admin=st.booleans(),
).flatmap(
    lambda one: _GROUPS.map(
        lambda groups: Principal(
            id=one.id, name=one.name, tenant=one.tenant, roles=one.roles, groups=groups
        )
    )
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["default", "other"]), st.integers(0, 3), _ACLS), max_size=6
    ),
    readers=st.lists(_READERS, min_size=1, max_size=3),
)
async def test_rights_are_what_every_list_says_of_the_reader(
    store: AccessStore, steps: list[tuple[str, int, Acl]], readers: list[Principal]
) -> None:
    for tenant, number, acl in steps:
        await store.keep(tenant, f"k{number}", "source", acl)
        for each in readers:
            expected = {
                known.acl_id for known in await store.list(each.tenant) if known.acl.admits(each)
            }
            assert store.rights(each).acl_ids == expected
