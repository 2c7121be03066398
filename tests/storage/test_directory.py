from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from befit.errors import Conflict, NotFound
from befit.identity import KeyGrant, Person, Role, Subject, issue_key, new_group, new_person
from befit.storage import (
    Database,
    SqlGroupStore,
    SqlKeyStore,
    SqlPeopleStore,
    database_url,
    migrations,
    upgrade,
)
from befit.storage.dialect import open_engine

ISSUER = "https://idp.example"


def person(name: str = "mara", tenant: str = "default", *subs: str) -> Person:
    return new_person(
        name,
        tenant=tenant,
        created_at=1.5,
        email=f"{name}@example.test",
        roles=frozenset({Role.USER, Role.AUDITOR}),
        subjects=frozenset(Subject(ISSUER, sub) for sub in subs),
    )


@pytest.fixture
def people(database: Database) -> SqlPeopleStore:
    return SqlPeopleStore(database)


@pytest.fixture
def groups(database: Database) -> SqlGroupStore:
    return SqlGroupStore(database)


async def test_a_person_comes_back_as_kept_by_id_and_by_subject(people: SqlPeopleStore) -> None:
    mara = person("mara", "default", "s1", "s2")
    await people.add(mara)
    assert await people.get("default", mara.id) == mara
    assert await people.holder("default", Subject(ISSUER, "s2")) == mara.id
    assert await people.holder("default", Subject("https://else.example", "s2")) is None
    assert await people.holder("default", Subject(ISSUER, "s3")) is None


async def test_people_are_listed_by_name_for_their_tenant_only(people: SqlPeopleStore) -> None:
    zoe, ann, other = person("zoe"), person("ann", "default", "s"), person("ann", "north", "s")
    for each in (zoe, ann, other):
        await people.add(each)
    assert await people.list("default") == (ann, zoe)
    assert await people.list("north") == (other,)
    assert await people.get("north", ann.id) is None
    assert await people.holder("north", Subject(ISSUER, "s")) == other.id


async def test_a_taken_name_or_subject_is_a_conflict_and_changes_nothing(
    people: SqlPeopleStore,
) -> None:
    mara, jo = person("mara", "default", "s1"), person("jo", "default", "s2")
    await people.add(mara)
    await people.add(jo)
    with pytest.raises(Conflict, match="mara"):
        await people.add(person("mara"))
    with pytest.raises(Conflict):
        await people.add(person("new", "default", "s1"))
    taking = replace(jo, roles=frozenset({Role.ADMIN}), subjects=mara.subjects)
    with pytest.raises(Conflict):
        await people.change(taking)
    assert await people.list("default") == (jo, mara)


async def test_changing_replaces_roles_subjects_address_and_state(people: SqlPeopleStore) -> None:
    mara = person("mara", "default", "s1")
    await people.add(mara)
    changed = replace(
        mara,
        email=None,
        roles=frozenset({Role.REVIEWER}),
        subjects=frozenset({Subject(ISSUER, "s9")}),
        disabled_at=7.0,
    )
    await people.change(changed)
    assert await people.list("default") == (changed,)
    with pytest.raises(NotFound):
        await people.change(replace(changed, tenant="north"))


async def test_removing_a_person_revokes_their_keys_and_leaves_their_groups(
    database: Database, people: SqlPeopleStore, groups: SqlGroupStore
) -> None:
    keys, mara = SqlKeyStore(database), person("mara", "default", "s1")
    await people.add(mara)
    hers, _ = issue_key("hers", created_at=1.0, grant=KeyGrant(person_id=mara.id))
    service, _ = issue_key("service", created_at=1.0)
    for key in (hers, service):
        await keys.add(key)
    await groups.add(new_group("desk", tenant="default", created_at=1.0))
    await groups.join("default", "desk", mara.id)
    with pytest.raises(NotFound):
        await people.remove("north", mara.id, at=9.0)
    await people.remove("default", mara.id, at=9.0)
    assert await people.list("default") == ()
    assert await groups.of("default", mara.id) == frozenset()
    assert (await keys.find(hers.id)).revoked_at == 9.0  # type: ignore[union-attr]
    assert (await keys.find(service.id)).revoked_at is None  # type: ignore[union-attr]
    await people.add(person("mara", "default"))  # the name is free again, the id is not


async def test_a_removed_persons_subject_stays_theirs_until_it_is_given_to_somebody(
    people: SqlPeopleStore,
) -> None:
    mara, jo, subject = person("mara", "default", "s1"), person("jo"), Subject(ISSUER, "s1")
    for each in (mara, jo):
        await people.add(each)
    await people.remove("default", mara.id, at=9.0)
    assert await people.holder("default", subject) == mara.id
    assert await people.get("default", mara.id) is None
    await people.change(replace(jo, subjects=frozenset({subject})))
    assert await people.holder("default", subject) == jo.id
    await people.remove("default", jo.id, at=9.0)
    again = person("mara", "default", "s1")
    await people.add(again)
    assert await people.list("default") == (again,)
    assert await people.holder("default", subject) == again.id


async def test_a_group_holds_whom_it_was_given_in_its_tenant(groups: SqlGroupStore) -> None:
    for tenant in ("default", "north"):
        await groups.add(new_group("desk", tenant=tenant, created_at=1.0, description="d"))
    await groups.join("default", "desk", "person:A")
    await groups.join("default", "desk", "person:A")
    await groups.join("north", "desk", "person:B")
    (desk,) = await groups.list("default")
    assert (desk.members, desk.description) == ({"person:A"}, "d")
    assert await groups.of("default", "person:B") == frozenset()
    await groups.leave("default", "desk", "person:A")
    await groups.leave("default", "desk", "person:A")
    assert await groups.of("default", "person:A") == frozenset()
    assert await groups.of("north", "person:B") == {"desk"}


async def test_what_is_no_group_can_be_neither_joined_nor_left_nor_removed(
    groups: SqlGroupStore,
) -> None:
    await groups.add(new_group("desk", tenant="north", created_at=1.0))
    for change in (
        groups.join("default", "desk", "key:K"),
        groups.leave("default", "desk", "key:K"),
        groups.remove("default", "desk"),
    ):
        with pytest.raises(NotFound, match="desk"):
            await change
    with pytest.raises(Conflict, match="desk"):
        await groups.add(new_group("desk", tenant="north", created_at=2.0))


async def test_a_group_made_anew_holds_nobody_of_the_old_one(groups: SqlGroupStore) -> None:
    desk = new_group("desk", tenant="default", created_at=1.0)
    await groups.add(replace(desk, members=frozenset({"key:K"})))
    assert await groups.of("default", "key:K") == {"desk"}
    await groups.remove("default", "desk")
    await groups.add(desk)
    assert await groups.of("default", "key:K") == frozenset()


HOSTILE = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


@given(word=st.text(HOSTILE, min_size=1))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_hostile_words_are_values_and_nothing_else(groups: SqlGroupStore, word: str) -> None:
    before = {group.name for group in await groups.list("default")}
    if word not in before:
        plain = new_group("desk", tenant="default", created_at=1.0)
        await groups.add(replace(plain, name=word, description=word))
    await groups.join("default", word, word)
    assert await groups.of("default", word) >= {word}
    assert {group.name for group in await groups.list("default")} == before | {word}


async def test_a_workspace_of_the_first_schema_keeps_its_keys(tmp_path: Path) -> None:
    url = database_url(tmp_path / "old.db")
    engine = open_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "1")
        connection.execute(
            text(
                "insert into api_keys (id, tenant, name, secret_sha256, roles, workflows,"
                " budget_period, created_at) values"
                " ('K', 'default', 'old', 'x', '[\"user\"]', '[]', 'total', 1.0)"
            )
        )
    engine.dispose()
    upgrade(url)
    database = Database(url)
    try:
        key = await SqlKeyStore(database).find("K")
        assert key is not None
        assert (key.name, key.person_id) == ("old", None)
        await SqlPeopleStore(database).add(person())
    finally:
        database.close()
