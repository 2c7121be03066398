"""People and groups in the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, select, update
from sqlalchemy.exc import IntegrityError

from befit.errors import Conflict, NotFound
from befit.identity import Group, Person, Role, Subject
from befit.storage.database import Database
from befit.storage.dialect import insert_new
from befit.storage.schema import (
    API_KEYS,
    GROUP_MEMBERS,
    PEOPLE,
    PERSON_SUBJECTS,
    PRINCIPAL_GROUPS,
)

_P, _S, _G, _M = PEOPLE.c, PERSON_SUBJECTS.c, PRINCIPAL_GROUPS.c, GROUP_MEMBERS.c


class SqlPeopleStore:
    """A `PeopleStore` on the workspace's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, person: Person) -> None:
        """Keep a new person; raises Conflict where name or subject is somebody's already."""

        def work(connection: Connection) -> None:
            identity = {"id": person.id, "tenant": person.tenant, "name": person.name}
            values = {**identity, "created_at": person.created_at, **_values(person)}
            connection.execute(PEOPLE.insert().values(values))
            _insert_subjects(connection, person)

        await self._write(work, person)

    async def change(self, person: Person) -> None:
        """Replace what is kept of a person, apart from id and name."""

        def work(connection: Connection) -> None:
            is_it = (_P.tenant == person.tenant) & (_P.id == person.id)
            changed = connection.execute(update(PEOPLE).where(is_it).values(_values(person)))
            if not changed.rowcount:
                raise NotFound(f"no person {person.id!r}")
            connection.execute(delete(PERSON_SUBJECTS).where(_subjects_of(person)))
            _insert_subjects(connection, person)

        await self._write(work, person)

    async def remove(self, tenant: str, person_id: str, *, at: float) -> None:
        """Forget a person, leave its groups, revoke its keys; its subjects stay its own."""

        def work(connection: Connection) -> None:
            is_it = (_P.tenant == tenant) & (_P.id == person_id)
            if not connection.execute(delete(PEOPLE).where(is_it)).rowcount:
                raise NotFound(f"no person {person_id!r}")
            member = (_M.tenant == tenant) & (_M.member == person_id)
            connection.execute(delete(GROUP_MEMBERS).where(member))
            keys = API_KEYS.c
            connection.execute(
                update(API_KEYS)
                .where(keys.tenant == tenant, keys.person_id == person_id)
                .where(keys.revoked_at.is_(None))
                .values(revoked_at=at)
            )

        await self._database.run(work)

    async def list(self, tenant: str) -> tuple[Person, ...]:
        """The tenant's people, by name."""
        return await self._database.read(lambda c: _people(c, _P.tenant == tenant))

    async def get(self, tenant: str, person_id: str) -> Person | None:
        """The person of that id, or None."""
        is_it = (_P.tenant == tenant) & (_P.id == person_id)
        return next(iter(await self._database.read(lambda c: _people(c, is_it))), None)

    async def holder(self, tenant: str, subject: Subject) -> str | None:
        """The id of the person that a subject is, or was."""
        query = select(_S.person_id).where(_is_subject(tenant, subject))
        return await self._database.read(lambda c: c.execute(query).scalar_one_or_none())

    async def _write(self, work: Callable[[Connection], None], person: Person) -> None:
        try:
            await self._database.run(work)
        except IntegrityError:
            raise Conflict(
                f"the name {person.name!r}, or a subject of it, is somebody's already",
                next_step="see befit people list",
            ) from None


class SqlGroupStore:
    """A `GroupStore` on the workspace's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, group: Group) -> None:
        """Keep a new group with its members; raises Conflict where there is one."""

        def work(connection: Connection) -> None:
            connection.execute(
                PRINCIPAL_GROUPS.insert().values(
                    tenant=group.tenant,
                    name=group.name,
                    description=group.description,
                    created_at=group.created_at,
                )
            )
            for member in group.members:
                _join(connection, group.tenant, group.name, member)

        try:
            await self._database.run(work)
        except IntegrityError:
            raise Conflict(
                f"there is a group {group.name!r} already", next_step="see befit groups list"
            ) from None

    async def remove(self, tenant: str, name: str) -> None:
        """Forget a group and who was in it."""

        def work(connection: Connection) -> None:
            _require_group(connection, tenant, name)
            is_it = (_G.tenant == tenant) & (_G.name == name)
            connection.execute(delete(PRINCIPAL_GROUPS).where(is_it))
            within = (_M.tenant == tenant) & (_M.name == name)
            connection.execute(delete(GROUP_MEMBERS).where(within))

        await self._database.run(work)

    async def list(self, tenant: str) -> tuple[Group, ...]:
        """The tenant's groups, by name."""
        return await self._database.read(lambda c: _groups(c, tenant))

    async def join(self, tenant: str, name: str, member: str) -> None:
        """Make a principal a member."""

        def work(connection: Connection) -> None:
            _require_group(connection, tenant, name)
            _join(connection, tenant, name, member)

        await self._database.run(work)

    async def leave(self, tenant: str, name: str, member: str) -> None:
        """End a membership."""

        def work(connection: Connection) -> None:
            _require_group(connection, tenant, name)
            is_it = (_M.tenant == tenant) & (_M.name == name) & (_M.member == member)
            connection.execute(delete(GROUP_MEMBERS).where(is_it))

        await self._database.run(work)

    async def of(self, tenant: str, member: str) -> frozenset[str]:
        """The names of the groups that a principal is a member of."""
        query = select(_M.name).where(_M.tenant == tenant, _M.member == member)
        return frozenset(await self._database.read(lambda c: c.execute(query).scalars().all()))


def _values(person: Person) -> dict[str, object]:
    return {
        "email": person.email,
        "roles": tuple(sorted(role.value for role in person.roles)),
        "disabled_at": person.disabled_at,
    }


def _subjects_of(person: Person) -> ColumnElement[bool]:
    return (_S.tenant == person.tenant) & (_S.person_id == person.id)


def _is_subject(tenant: str, subject: Subject) -> ColumnElement[bool]:
    return (_S.tenant == tenant) & (_S.issuer == subject.issuer) & (_S.sub == subject.sub)


def _insert_subjects(connection: Connection, person: Person) -> None:
    """Give the person its subjects; whose person was removed may be given again."""
    is_free = _S.person_id.not_in(select(_P.id))
    for subject in sorted(person.subjects):
        is_it = _is_subject(person.tenant, subject)
        connection.execute(delete(PERSON_SUBJECTS).where(is_it, is_free))
        connection.execute(
            PERSON_SUBJECTS.insert().values(
                tenant=person.tenant,
                issuer=subject.issuer,
                sub=subject.sub,
                person_id=person.id,
            )
        )


def _people(connection: Connection, which: ColumnElement[bool]) -> tuple[Person, ...]:
    rows = connection.execute(select(PEOPLE).where(which).order_by(_P.name)).all()
    held = select(PERSON_SUBJECTS).where(
        exists().where(which, _P.id == _S.person_id, _P.tenant == _S.tenant)
    )
    subjects: defaultdict[str, set[Subject]] = defaultdict(set)
    for row in connection.execute(held):
        subjects[row.person_id].add(Subject(row.issuer, row.sub))
    return tuple(_person(row, subjects[row.id]) for row in rows)


def _person(row: Row[Any], subjects: Iterable[Subject]) -> Person:  # rows are not typed
    return Person(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        created_at=row.created_at,
        email=row.email,
        roles=frozenset(Role(word) for word in row.roles),
        subjects=frozenset(subjects),
        disabled_at=row.disabled_at,
    )


def _groups(connection: Connection, tenant: str) -> tuple[Group, ...]:
    members: defaultdict[str, set[str]] = defaultdict(set)
    for row in connection.execute(select(GROUP_MEMBERS).where(_M.tenant == tenant)):
        members[row.name].add(row.member)
    query = select(PRINCIPAL_GROUPS).where(_G.tenant == tenant).order_by(_G.name)
    return tuple(
        Group(
            tenant=row.tenant,
            name=row.name,
            created_at=row.created_at,
            description=row.description,
            members=frozenset(members[row.name]),
        )
        for row in connection.execute(query)
    )


def _require_group(connection: Connection, tenant: str, name: str) -> None:
    query = select(_G.name).where(_G.tenant == tenant, _G.name == name)
    if connection.execute(query).one_or_none() is None:
        raise NotFound(f"no group {name!r}", next_step="list them with befit groups list")


def _join(connection: Connection, tenant: str, name: str, member: str) -> None:
    connection.execute(insert_new(GROUP_MEMBERS).values(tenant=tenant, name=name, member=member))
