"""Operations on people: who they are, what they may do, and stopping them at once."""

from __future__ import annotations

import time
from dataclasses import replace

import msgspec

from befit.errors import Conflict, InvalidRequest, nearest
from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.entitled import require
from befit.gateway.operations.operation import NoParams, OpDocument, OpParams, operation
from befit.gateway.operations.people.directory import find_person, in_effect
from befit.identity import Person, Principal, Role, Subject, checked_person, new_person
from befit.platform import Platform
from befit.policy import Action


class SubjectGiven(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who somebody is at an identity provider: its URL, and the `sub` of its tokens."""

    issuer: str
    sub: str


class NewPerson(OpParams, frozen=True, kw_only=True):
    """A person to be added. `name` is what commands and workflow files will call them."""

    name: str
    email: str | None = None
    roles: tuple[Role, ...] = (Role.USER,)
    subjects: tuple[SubjectGiven, ...] = ()


class PersonChange(OpParams, frozen=True, kw_only=True):
    """What becomes of a person; what is not given stays. An empty `email` forgets it."""

    who: str
    email: str | None = None
    roles: tuple[Role, ...] | None = None
    subjects: tuple[SubjectGiven, ...] | None = None
    disabled: bool | None = None


class PersonNamed(OpParams, frozen=True, kw_only=True):
    """One person, by name or id."""

    who: str


class PersonDocument(OpDocument, frozen=True, kw_only=True):
    """One person."""

    id: str
    name: str
    email: str | None
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    subjects: tuple[SubjectGiven, ...]
    created_at: float
    disabled_at: float | None


class PersonList(OpDocument, frozen=True, kw_only=True):
    """The tenant's people, by name."""

    people: tuple[PersonDocument, ...]


async def add_person(platform: Platform, principal: Principal, params: NewPerson) -> PersonDocument:
    """Add a person. The ledger records the id and roles; names and addresses stay out of it.

    Raises:
        Forbidden: the principal is no administrator.
        InvalidRequest: the name, address, a role or a subject cannot be.
        Conflict: the name or a subject is somebody's already.
    """
    require(platform, principal, Action.ADMINISTER, "add people")
    person = new_person(
        params.name,
        tenant=principal.tenant,
        created_at=time.time(),
        email=params.email or None,
        roles=frozenset(params.roles),
        subjects=_subjects(platform, principal.tenant, params.subjects),
    )
    await _record(platform, principal, "person_added", person)
    await in_effect(platform, platform.stores.people.add(person))
    return await _document(platform, person)


async def list_people(platform: Platform, principal: Principal, params: NoParams) -> PersonList:
    """Everybody of the tenant, the disabled included."""
    del params
    require(platform, principal, Action.ADMINISTER, "list people")
    groups = await platform.stores.groups.list(principal.tenant)
    return PersonList(
        people=tuple(
            _told(person, frozenset(group.name for group in groups if person.id in group.members))
            for person in await platform.stores.people.list(principal.tenant)
        )
    )


async def show_person(
    platform: Platform, principal: Principal, params: PersonNamed
) -> PersonDocument:
    """One person.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such person.
    """
    require(platform, principal, Action.ADMINISTER, "see people")
    return await _document(platform, await find_person(platform, principal.tenant, params.who))


async def set_person(
    platform: Platform, principal: Principal, params: PersonChange
) -> PersonDocument:
    """Change a person; it counts for their next request.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such person.
        InvalidRequest, Conflict: as when adding.
    """
    require(platform, principal, Action.ADMINISTER, "change people")
    person = await find_person(platform, principal.tenant, params.who)
    changed = checked_person(_changed(platform, person, params))
    if changed.disabled_at is not None and person.subjects - changed.subjects:
        raise Conflict(
            f"{person.name} is disabled, and a subject taken away would be let in as a stranger's",
            next_step=f"befit people remove {person.name} keeps all of theirs out",
        )
    await _record(platform, principal, "person_changed", changed)
    await in_effect(platform, platform.stores.people.change(changed))
    return await _document(platform, changed)


async def remove_person(
    platform: Platform, principal: Principal, params: PersonNamed
) -> PersonDocument:
    """Forget a person for good: its keys are revoked and its groups left.

    Its subjects are let in again only as a person's: add one that has them.

    What it has asked stays in the ledger under its id, which is given to nobody again.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: the tenant has no such person.
    """
    require(platform, principal, Action.ADMINISTER, "remove people")
    person = await find_person(platform, principal.tenant, params.who)
    document = await _document(platform, person)
    await _record(platform, principal, "person_removed", person)
    removal = platform.stores.people.remove(person.tenant, person.id, at=time.time())
    await in_effect(platform, removal)
    return document


def _changed(platform: Platform, person: Person, params: PersonChange) -> Person:
    if params.email is not None:
        person = replace(person, email=params.email or None)
    if params.roles is not None:
        person = replace(person, roles=frozenset(params.roles))
    if params.subjects is not None:
        subjects = _subjects(platform, person.tenant, params.subjects)
        person = replace(person, subjects=subjects)
    if params.disabled is not None:
        since = person.disabled_at or time.time()
        person = replace(person, disabled_at=since if params.disabled else None)
    return person


def _subjects(
    platform: Platform, tenant: str, given: tuple[SubjectGiven, ...]
) -> frozenset[Subject]:
    believed = [each.url for each in platform.settings.identity.issuers if each.tenant == tenant]
    for subject in given:
        if subject.issuer not in believed:
            raise InvalidRequest(
                f"issuer {subject.issuer[:200]!r} is not believed here",
                next_step=nearest(subject.issuer, believed)
                or "name it under identity.issuers in befit.yaml first",
                param="subjects",
            )
    return frozenset(Subject(subject.issuer, subject.sub) for subject in given)


async def _record(platform: Platform, principal: Principal, action: str, person: Person) -> None:
    told = {
        "roles": tuple(sorted(person.roles)),
        "disabled": person.disabled_at is not None,
        "issuers": tuple(sorted({subject.issuer for subject in person.subjects})),
    }
    await record_administrative(platform, principal, action=action, subject=person.id, told=told)


async def _document(platform: Platform, person: Person) -> PersonDocument:
    return _told(person, await platform.stores.groups.of(person.tenant, person.id))


def _told(person: Person, groups: frozenset[str]) -> PersonDocument:
    return PersonDocument(
        id=person.id,
        name=person.name,
        email=person.email,
        roles=tuple(sorted(person.roles)),
        groups=tuple(sorted(groups)),
        subjects=tuple(
            SubjectGiven(issuer=subject.issuer, sub=subject.sub)
            for subject in sorted(person.subjects)
        ),
        created_at=person.created_at,
        disabled_at=person.disabled_at,
    )


OPERATIONS = (
    operation("people.add", NewPerson, add_person),
    operation("people.list", NoParams, list_people),
    operation("people.show", PersonNamed, show_person),
    operation("people.set", PersonChange, set_person),
    operation("people.remove", PersonNamed, remove_person),
)
