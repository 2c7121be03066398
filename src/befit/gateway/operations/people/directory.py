"""What the operations on keys, people and groups share: finding whom is meant, taking effect."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

from befit.errors import NotFound, nearest
from befit.identity import ApiKey, Person, issuer_prefix
from befit.platform import Platform

_PERSON, _KEY, _TOKEN = "person:", "key:", "oidc:"

_T = TypeVar("_T")


async def in_effect(platform: Platform, change: Coroutine[object, object, _T]) -> _T:
    """Make a change that counts for the next request, also where its caller goes away."""
    changing = asyncio.ensure_future(change)
    changing.add_done_callback(lambda _: platform.authenticator.renew())
    return await asyncio.shield(changing)


def person_of(people: Iterable[Person], who: str) -> Person | None:
    """The one of them who is meant by id or by name; None where nobody is."""
    return next((person for person in people if who in (person.id, person.name)), None)


async def key_of(platform: Platform, tenant: str, who: str) -> ApiKey | None:
    """The tenant's key that is meant by `key:ID` or its id; None where it has none such."""
    key = await platform.stores.keys.find(who.removeprefix(_KEY))
    return key if key is not None and key.tenant == tenant else None


async def find_person(platform: Platform, tenant: str, who: str) -> Person:
    """A person of the tenant, by id or by name.

    Raises:
        NotFound: naming the nearest one.
    """
    people = await platform.stores.people.list(tenant)
    found = person_of(people, who)
    if found is None:
        hint = nearest(who, [person.name for person in people])
        raise NotFound(
            f"no person {who[:200]!r}", next_step=hint or "list them with befit people list"
        )
    return found


async def find_member(platform: Platform, tenant: str, who: str) -> str:
    """The principal id of whom is meant: a person's name or id, `key:ID`, or a token's id.

    Raises:
        NotFound: the tenant has no such person or key, or believes no such issuer.
    """
    if who.startswith(_KEY):
        key = await key_of(platform, tenant, who)
        if key is None:
            raise NotFound(f"no key {who.removeprefix(_KEY)[:80]!r}", next_step="befit keys list")
        return key.principal_id
    if who.startswith(_TOKEN):
        issuers = platform.settings.identity.issuers
        known = [issuer_prefix(each.url) for each in issuers if each.tenant == tenant]
        if not any(who.startswith(prefix) and who != prefix for prefix in known):
            raise NotFound(
                f"{who[:80]!r} is of no issuer that is believed here",
                next_step="a token's holder reads oidc:MARK:SUBJECT, as decisions show it",
            )
        return who
    return (await find_person(platform, tenant, who)).id


async def names_of_members(platform: Platform, tenant: str) -> dict[str, str]:
    """What people read instead of a person's id."""
    return {person.id: person.name for person in await platform.stores.people.list(tenant)}
