"""What a person's keys and tokens carry, and what stops them."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import InvalidRequest, NotAuthenticated
from befit.identity import (
    KeyGrant,
    Person,
    Role,
    Subject,
    checked_person,
    issue_key,
    local_administrator,
    new_group,
    new_person,
)
from tests.identity.conftest import ISSUER, Trust, World

FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")

ROLES = st.frozensets(st.sampled_from(list(Role)), min_size=1)


async def _person(world: World, **more: object) -> Person:
    person = new_person("mara", tenant="default", created_at=1.0, **more)  # type: ignore[arg-type]
    await world.people.add(person)
    return person


async def _key_of(world: World, person: Person, **grant: object) -> str:
    granted = KeyGrant(person_id=person.id, **grant)  # type: ignore[arg-type]
    key, text = issue_key("laptop", created_at=1.0, grant=granted)
    await world.keys.add(key)
    return text


@given(of_person=ROLES, of_key=ROLES)
async def test_a_persons_key_carries_the_persons_roles_at_most(
    of_person: frozenset[Role], of_key: frozenset[Role]
) -> None:
    world = World()
    text = await _key_of(world, await _person(world, roles=of_person), roles=of_key)
    principal = await world.authenticator().authenticate(text)
    assert principal.roles == of_person & of_key


async def test_a_persons_key_is_the_person_with_their_groups(world: World) -> None:
    person = await _person(world)
    await world.groups.join("default", "desk", person.id)
    await world.groups.join("other", "board", person.id)
    principal = await world.authenticator().authenticate(await _key_of(world, person))
    assert (principal.id, principal.name) == (person.id, "mara")
    assert principal.groups == {"everyone", "desk"}
    assert principal.key_id is not None
    assert principal.spends_as == f"key:{principal.key_id}"


async def test_a_services_key_is_in_the_groups_that_it_was_put_in(world: World) -> None:
    key, text = issue_key("batch", created_at=1.0)
    await world.keys.add(key)
    await world.groups.join("default", "batch-jobs", f"key:{key.id}")
    principal = await world.authenticator().authenticate(text)
    assert principal.id == f"key:{key.id}"
    assert principal.groups == {"everyone", "batch-jobs"}


async def test_a_disabled_persons_keys_and_tokens_stop_at_once_and_start_again(
    world: World,
) -> None:
    person = await _person(world, subjects=frozenset({Subject(ISSUER, "mara")}))
    text, token = await _key_of(world, person), world.provider.sign(world.claims())
    authenticator = world.authenticator()
    for bearer in (text, token):
        assert (await authenticator.authenticate(bearer)).id == person.id
    await world.people.change(replace(person, disabled_at=5.0))
    authenticator.renew()
    for bearer in (text, token):
        with pytest.raises(NotAuthenticated, match="mara is disabled"):
            await authenticator.authenticate(bearer)
    await world.people.change(person)
    authenticator.renew()
    for bearer in (text, token):
        assert (await authenticator.authenticate(bearer)).id == person.id


async def test_who_does_not_hold_the_key_does_not_learn_that_its_person_is_disabled(
    world: World,
) -> None:
    person = await _person(world)
    text = await _key_of(world, person)
    await world.people.change(replace(person, disabled_at=5.0))
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    with pytest.raises(NotAuthenticated, match="the API key is not valid"):
        await world.authenticator().authenticate(wrong)


async def test_a_removed_persons_key_is_nobodys(world: World) -> None:
    person = await _person(world)
    text = await _key_of(world, person)
    await world.people.remove("default", person.id, at=2.0)
    with pytest.raises(NotAuthenticated, match="nobody any more"):
        await world.authenticator().authenticate(text)


async def test_a_key_of_a_tenant_that_is_gone_is_refused(world: World) -> None:
    key, text = issue_key("k", created_at=1.0, grant=KeyGrant(tenant="north"))
    await world.keys.add(key)
    world.trust = Trust(tenants=("default", "north"))
    authenticator = world.authenticator()
    assert (await authenticator.authenticate(text)).tenant == "north"
    world.trust = Trust()
    with pytest.raises(NotAuthenticated, match="tenant"):
        await authenticator.authenticate(text)


async def test_a_subject_of_another_tenants_issuer_is_another_principal(world: World) -> None:
    await _person(world, subjects=frozenset({Subject(ISSUER, "mara")}))
    world.trusting(tenant="north")
    principal = await world.authenticator().authenticate(world.provider.sign(world.claims()))
    assert principal.tenant == "north"
    assert principal.id.startswith("oidc:")


def test_no_two_people_share_an_id_even_with_one_name() -> None:
    people = [new_person("mara", tenant="default", created_at=1.0) for _ in range(100)]
    assert len({person.id for person in people}) == 100


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "local:admin", "a,b", "_x", "a\u202eb", "a\x00", "x" * 64, "e\u0301"]
)
def test_names_that_could_pass_for_something_else_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        new_person(name, tenant="default", created_at=1.0)
    with pytest.raises(InvalidRequest, match="name"):
        new_group(name, tenant="default", created_at=1.0)


def test_the_group_of_everyone_cannot_be_made() -> None:
    with pytest.raises(InvalidRequest, match="everyone"):
        new_group("everyone", tenant="default", created_at=1.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"roles": frozenset[Role]()}, "role"),
        ({"email": "mara"}, "e-mail"),
        ({"email": "a b@example.test"}, "e-mail"),
        ({"subjects": frozenset({Subject(ISSUER, "")})}, "subject"),
        ({"subjects": frozenset({Subject(ISSUER, "a\n")})}, "subject"),
    ],
)
def test_what_cannot_be_said_of_a_person_is_refused(change: dict[str, object], told: str) -> None:
    person = new_person("mara", tenant="default", created_at=1.0)
    with pytest.raises(InvalidRequest, match=told):
        checked_person(replace(person, **change))  # type: ignore[arg-type]


@given(st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":,"), min_size=1))
def test_whatever_name_is_asserted_is_nobodys_own_id(name: str) -> None:
    asserted = local_administrator(acting_as=name)
    assert asserted.id.startswith("as:")
    assert asserted.roles == {Role.USER}
    assert asserted.spends_as is None


def test_who_asserts_the_administrators_name_is_not_the_administrator() -> None:
    assert local_administrator(acting_as="admin").id != local_administrator().id


@pytest.mark.parametrize("reader", ["", " ", ":hr", "tom:", "tom:hr,", "tom:hr:it", "t\u200bom"])
def test_an_assertion_that_names_nobody_or_no_group_is_refused(reader: str) -> None:
    with pytest.raises(InvalidRequest, match=r"USER\[:GROUP,GROUP\.\.\]"):
        local_administrator(acting_as=reader)


def test_an_asserted_name_is_the_same_however_its_letters_are_composed() -> None:
    whole, parted = (unicodedata.normalize(form, "J\u00f6rg:\u00c4rzte, hr") for form in FORMS)
    assert whole != parted
    assert local_administrator(acting_as=whole) == local_administrator(acting_as=parted)
    assert local_administrator(acting_as=whole).groups == {"everyone", "\u00c4rzte", "hr"}
