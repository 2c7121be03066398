"""People and groups that are kept here, with or without an identity provider beside.

    person = new_person("mara", tenant="default", created_at=time.time())
    await people.add(person)
    await groups.join("default", "claims-desk", person.id)

A group holds principals, never groups, so there is no circle to find and nothing to expand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from befit.errors import InvalidRequest
from befit.identity.naming import new_marks, require_name
from befit.identity.principal import EVERYONE, Role

_MOST_SUB_CHARACTERS = 255  # OpenID Connect Core, section 2
_MOST_EMAIL_CHARACTERS = 254


@dataclass(frozen=True, order=True, slots=True)
class Subject:
    """Who an identity provider says somebody is; `sub` means nothing without its issuer."""

    issuer: str
    sub: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody of a tenant, whichever credential they come with.

    Attributes:
        id: `person:..`, made once and never given again, so that nobody inherits the
            decisions of a person who has left.
        name: unique in the tenant; what commands and workflow files call them.
        roles: what they may do; a key of theirs carries some of these at most.
        subjects: who they are at identity providers.
        disabled_at: Unix seconds; from then on no key or token of theirs is accepted.
    """

    id: str
    tenant: str
    name: str
    created_at: float
    email: str | None = None
    roles: frozenset[Role] = frozenset({Role.USER})
    subjects: frozenset[Subject] = frozenset()
    disabled_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A named set of principals of a tenant: people, keys and holders of tokens, by id."""

    tenant: str
    name: str
    created_at: float
    description: str = ""
    members: frozenset[str] = frozenset()


class PeopleStore(Protocol):
    """Where people are kept. Every method sees one tenant only."""

    async def add(self, person: Person) -> None:
        """Keep a new person; subjects of people who were removed are free for it.

        Raises:
            Conflict: the name, or one of the subjects, is somebody's already.
        """
        ...

    async def change(self, person: Person) -> None:
        """Replace what is kept of a person.

        Raises:
            NotFound: the tenant has no such person.
            Conflict: one of the subjects is somebody else's already.
        """
        ...

    async def remove(self, tenant: str, person_id: str, *, at: float) -> None:
        """Forget a person, leave its groups, and revoke its keys; all of it or nothing.

        Its subjects stay its own, so that who was removed does not come back as a stranger.
        """
        ...

    async def list(self, tenant: str) -> tuple[Person, ...]:
        """The tenant's people, by name."""
        ...

    async def get(self, tenant: str, person_id: str) -> Person | None:
        """The person of that id, or None."""
        ...

    async def holder(self, tenant: str, subject: Subject) -> str | None:
        """The id of the person that a subject is, or was; None where it never was one's."""
        ...


class GroupStore(Protocol):
    """Where groups are kept. Every method sees one tenant only."""

    async def add(self, group: Group) -> None:
        """Keep a new group with its members.

        Raises:
            Conflict: there is one of that name.
        """
        ...

    async def remove(self, tenant: str, name: str) -> None:
        """Forget a group; raises NotFound where there is none."""
        ...

    async def list(self, tenant: str) -> tuple[Group, ...]:
        """The tenant's groups, by name."""
        ...

    async def join(self, tenant: str, name: str, member: str) -> None:
        """Make a principal a member; being one already is fine. Raises NotFound: no such group."""
        ...

    async def leave(self, tenant: str, name: str, member: str) -> None:
        """End a membership; not being a member is fine. Raises NotFound: no such group."""
        ...

    async def of(self, tenant: str, member: str) -> frozenset[str]:
        """The names of the groups that a principal is a member of."""
        ...


def new_person(
    name: str,
    *,
    tenant: str,
    created_at: float,
    email: str | None = None,
    roles: frozenset[Role] = frozenset({Role.USER}),
    subjects: frozenset[Subject] = frozenset(),
) -> Person:
    """A person with an id of its own.

    Raises:
        InvalidRequest: the name, address, roles or subjects cannot be.
    """
    marks = new_marks()
    person = Person(
        id=f"person:{marks}",
        tenant=tenant,
        name=require_name(name, "person"),
        created_at=created_at,
        email=email,
        roles=roles,
        subjects=subjects,
    )
    return checked_person(person)


def checked_person(person: Person) -> Person:
    """The person, if what is said of it can be.

    Raises:
        InvalidRequest: naming what cannot.
    """
    if not person.roles:
        raise InvalidRequest("a person needs at least one role", param="roles")
    if person.email is not None and not _is_address(person.email):
        raise InvalidRequest(f"{person.email[:80]!r} is no e-mail address", param="email")
    for subject in person.subjects:
        if not is_sub(subject.sub):
            raise InvalidRequest(
                f"subject {subject.sub[:80]!r} is not 1 to {_MOST_SUB_CHARACTERS} printable"
                " characters",
                param="subjects",
            )
    return person


def new_group(name: str, *, tenant: str, created_at: float, description: str = "") -> Group:
    """A group without members.

    Raises:
        InvalidRequest: the name cannot be, or has a meaning of its own.
    """
    if require_name(name, "group") == EVERYONE:
        raise InvalidRequest(
            f"the group {EVERYONE} holds every principal of the tenant by itself", param="name"
        )
    return Group(tenant=tenant, name=name, created_at=created_at, description=description)


def is_sub(text: str) -> bool:
    """Whether a text may be the `sub` of an identity provider's tokens."""
    return 0 < len(text) <= _MOST_SUB_CHARACTERS and text.isprintable()


def _is_address(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    is_written = text.isprintable() and " " not in text and len(text) <= _MOST_EMAIL_CHARACTERS
    return is_written and bool(local) and bool(domain)
