"""From an accepted key or token to the principal: what the directory adds to it."""

from __future__ import annotations

from dataclasses import dataclass

from befit.errors import NotAuthenticated
from befit.identity.directory import GroupStore, PeopleStore, Person
from befit.identity.issuer import token_principal_id
from befit.identity.keys import ApiKey, KeyStore
from befit.identity.principal import EVERYONE, Principal, Role
from befit.identity.token_verifier import VerifiedToken


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityStores:
    """Where keys, people and groups are kept."""

    keys: KeyStore
    people: PeopleStore
    groups: GroupStore


async def principal_of_key(stores: IdentityStores, key: ApiKey) -> Principal:
    """Who comes with a key. A person's key carries the person's roles and groups at most.

    Raises:
        NotAuthenticated: its person is disabled or has been removed.
    """
    person: Person | None = None
    if key.person_id is not None:
        person = await stores.people.get(key.tenant, key.person_id)
        if person is None:
            raise NotAuthenticated(f"API key {key.id} belongs to nobody any more")
        _require_enabled(person)
    groups = await stores.groups.of(key.tenant, key.principal_id)
    return Principal(
        id=key.principal_id,
        name=person.name if person else key.name,
        tenant=key.tenant,
        roles=key.roles & person.roles if person else key.roles,
        groups=groups | {EVERYONE},
        key_id=key.id,
        workflows=key.workflows,
        budget_usd=key.budget_usd,
        budget_period=key.budget_period,
    )


async def principal_of_token(stores: IdentityStores, token: VerifiedToken) -> Principal:
    """Who comes with a believed token: a person of the directory, or its subject alone.

    Raises:
        NotAuthenticated: its person is disabled or has been removed.
    """
    tenant = token.issuer.tenant
    person: Person | None = None
    person_id = await stores.people.holder(tenant, token.subject)
    if person_id is not None:
        person = await stores.people.get(tenant, person_id)
        if person is None:
            raise NotAuthenticated(
                f"{token.name} has been removed", next_step="ask an administrator to add you again"
            )
        _require_enabled(person)
    principal_id = person.id if person else token_principal_id(token.subject)
    groups = await stores.groups.of(tenant, principal_id)
    given = person.roles if person else frozenset[Role]()
    return Principal(
        id=principal_id,
        name=person.name if person else token.name,
        tenant=tenant,
        roles=(given | token.roles) or frozenset({Role.USER}),
        groups=groups | token.groups | {EVERYONE},
    )


def _require_enabled(person: Person) -> None:
    if person.disabled_at is not None:
        raise NotAuthenticated(
            f"{person.name} is disabled", next_step="ask an administrator of your organisation"
        )
