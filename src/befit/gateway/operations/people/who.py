"""From the words people use for somebody to the principal that policy would see."""

from __future__ import annotations

import time
from dataclasses import dataclass

from befit.errors import NotAuthenticated, NotFound, nearest
from befit.gateway.operations.people.directory import key_of, person_of
from befit.identity import EVERYONE, Person, Principal, Role, plain_name, principal_of_key
from befit.platform import Platform

_GROUP = "group:"
_ROLE = "role:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Somebody:
    """A principal that was named, and what kind of somebody it is.

    Attributes:
        kind: `person`, `key`, `group` or `role`.
        notes: what keeps it from using what policy would allow.
    """

    kind: str
    principal: Principal
    notes: tuple[str, ...] = ()


async def find_somebody(platform: Platform, tenant: str, who: str) -> Somebody:
    """Somebody of a tenant: a person by name or id, a key by id, `group:NAME`, `role:NAME`.

    A group or a role stands for somebody who is in it and has nothing else.

    Raises:
        NotFound: the tenant has nobody of that name; names the nearest.
    """
    who = plain_name(who)
    if who.startswith(_ROLE):
        return _of_role(tenant, who.removeprefix(_ROLE))
    if who.startswith(_GROUP):
        return await _of_group(platform, tenant, who.removeprefix(_GROUP))
    people = await platform.stores.people.list(tenant)
    person = person_of(people, who)
    if person is not None:
        return await _of_person(platform, tenant, person)
    found = await _of_key(platform, tenant, who)
    if found is not None:
        return found
    hint = nearest(who, [person.name for person in people])
    raise NotFound(
        f"nobody is called {who!r}",
        next_step=hint or "name a person, the id of a key, group:NAME or role:NAME",
    )


def _of_role(tenant: str, name: str) -> Somebody:
    try:
        role = Role(name)
    except ValueError:
        hint = nearest(name, [role.value for role in Role]) or f"roles are {', '.join(Role)}"
        raise NotFound(f"no role {name!r}", next_step=hint) from None
    principal = Principal(
        id=_ROLE + role, name=f"anybody with role {role}", tenant=tenant, roles=frozenset({role})
    )
    return Somebody(kind="role", principal=principal)


async def _of_group(platform: Platform, tenant: str, name: str) -> Somebody:
    """Groups of tokens and policies need not be kept here, so any name is a group's."""
    kept = {group.name for group in await platform.stores.groups.list(tenant)}
    principal = Principal(
        id=_GROUP + name,
        name=f"anybody in group {name}",
        tenant=tenant,
        groups=frozenset({EVERYONE, name}),
    )
    is_known = name == EVERYONE or name in kept
    notes = () if is_known else (f"group {name} is not kept here: only tokens can bring it",)
    return Somebody(kind="group", principal=principal, notes=notes)


async def _of_person(platform: Platform, tenant: str, person: Person) -> Somebody:
    groups = await platform.stores.groups.of(tenant, person.id)
    principal = Principal(
        id=person.id,
        name=person.name,
        tenant=tenant,
        roles=person.roles,
        groups=groups | {EVERYONE},
    )
    notes = (f"{person.name} is disabled",) if person.disabled_at is not None else ()
    return Somebody(kind="person", principal=principal, notes=notes)


async def _of_key(platform: Platform, tenant: str, who: str) -> Somebody | None:
    key = await key_of(platform, tenant, who)
    if key is None:
        return None
    fault = key.fault(time.time())
    notes = [f"key {key.id} {fault}"] if fault else []
    try:
        principal = await principal_of_key(platform.stores.identity, key)
    except NotAuthenticated as refusal:  # its person is gone or disabled
        notes.append(refusal.message)
        principal = Principal(id=key.principal_id, name=key.name, tenant=tenant, roles=frozenset())
    return Somebody(kind="key", principal=principal, notes=tuple(notes))
