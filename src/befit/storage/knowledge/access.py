"""Access lists in the database, and what a reader may read by them.

A list is its members, one row each, so a right is given or taken by a row. The epoch says
that any of it has changed: it is read from the database for every search, so that what
another process changes counts for the next one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select

from befit.identity import Principal
from befit.knowledge import AccessList, Rights
from befit.knowledge.access import Acl, names_of
from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.knowledge.schema import (
    ACCESS_EPOCHS,
    ACCESS_LISTS,
    ACCESS_MEMBERS,
    DOCUMENTS,
)

_L = ACCESS_LISTS.c
_M = ACCESS_MEMBERS.c
_E = ACCESS_EPOCHS.c
_D = DOCUMENTS.c
_KINDS = ("users", "groups", "deny_users", "deny_groups")  # the fields of `Acl`
_MOST_READERS = 512  # whose rights are kept; each may hold thousands of numbers

# Read twice for each search, so put together once.
_EPOCH = select(_E.epoch).where(_E.tenant == bindparam("of"))

_Key = tuple[str, frozenset[str], frozenset[str], bool]


class SqlAccessStore:
    """An `AccessStore` on the workspace's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[_Key, Rights] = OrderedDict()
        self._turn = threading.Lock()

    async def keep(self, tenant: str, key: str, origin: str, acl: Acl) -> AccessList:
        """See `AccessStore`."""
        known = await self._database.read(lambda c: _list_of(c, tenant, key))
        if known is not None and (known.origin, known.acl) == (origin, acl):
            return known  # mostly so, and then nobody waits for the write lock

        def work(connection: Connection) -> AccessList:
            found = _list_of(connection, tenant, key)
            if found is not None and (found.origin, found.acl) == (origin, acl):
                return found
            return _kept(
                connection,
                found,
                AccessList(acl_id=-1, tenant=tenant, key=key, origin=origin, acl=acl),
            )

        return await self._database.run(work)

    async def find(self, tenant: str, acl_id: int) -> AccessList | None:
        """See `AccessStore`."""
        query = select(ACCESS_LISTS).where(_L.tenant == tenant, _L.acl_id == acl_id)
        found = await self._database.read(lambda c: _lists(c, c.execute(query).all()))
        return found[0] if found else None

    async def list(self, tenant: str) -> Sequence[AccessList]:
        """See `AccessStore`."""
        query = select(ACCESS_LISTS).where(_L.tenant == tenant).order_by(_L.acl_id)
        return await self._database.read(lambda c: _lists(c, c.execute(query).all()))

    def rights(self, reader: Principal) -> Rights:
        """See `AccessStore`."""
        key = (reader.tenant, names_of(reader), reader.groups, reader.is_admin)

        def work(connection: Connection) -> Rights:
            epoch = _epoch(connection, reader.tenant)
            with self._turn:
                known = self._known.get(key)
                if known is not None and known.epoch == epoch:
                    self._known.move_to_end(key)
                    return known
            acl_ids = _readable(connection, reader)
            indexed_as = _indexed_as(connection, reader.tenant, acl_ids)
            return Rights(acl_ids=acl_ids, epoch=epoch, indexed_as=indexed_as)

        found = self._database.read_now(work)
        with self._turn:
            self._known[key] = found
            self._known.move_to_end(key)
            while len(self._known) > _MOST_READERS:
                self._known.popitem(last=False)
        return found

    def epoch(self, tenant: str) -> int:
        """See `AccessStore`."""
        return self._database.read_now(lambda c: _epoch(c, tenant))

    async def rules_version(self, tenant: str) -> str:
        """See `AccessStore`."""
        query = select(_E.rules).where(_E.tenant == tenant)
        return await self._database.read(lambda c: c.execute(query).scalar_one_or_none()) or ""

    async def note_rules(self, tenant: str, version: str) -> None:
        """See `AccessStore`."""
        new = dialect.upsert(ACCESS_EPOCHS).values(tenant=tenant, epoch=1, rules=version)
        statement = new.on_conflict_do_update(
            index_elements=[_E.tenant], set_={"epoch": _E.epoch + 1, "rules": version}
        )
        await self._database.run(lambda c: c.execute(statement))


def grow_epoch(connection: Connection, tenant: str) -> None:
    """Say, in the transaction that changes a right, that one has changed."""
    statement = dialect.upsert(ACCESS_EPOCHS).values(tenant=tenant, epoch=1)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[_E.tenant], set_={"epoch": _E.epoch + 1})
    )


def _epoch(connection: Connection, tenant: str) -> int:
    return connection.execute(_EPOCH, {"of": tenant}).scalar_one_or_none() or 0


def _readable(connection: Connection, reader: Principal) -> frozenset[int]:
    """The lists that admit the reader, as `Acl.admits` has it."""
    names = names_of(reader)
    denied = _naming(connection, reader.tenant, deny_users=names, deny_groups=reader.groups)
    if reader.is_admin:
        every = select(_L.acl_id).where(_L.tenant == reader.tenant)
        return frozenset(connection.execute(every).scalars()) - denied
    return _naming(connection, reader.tenant, users=names, groups=reader.groups) - denied


def _naming(connection: Connection, tenant: str, **by_kind: frozenset[str]) -> frozenset[int]:
    """The lists that hold one of the names as a member of that kind."""
    found: set[int] = set()
    for kind, names in by_kind.items():
        query = select(_M.acl_id).where(
            _M.tenant == tenant, _M.kind == kind, _M.name.in_(sorted(names))
        )
        found.update(connection.execute(query).scalars())
    return frozenset(found)


def _indexed_as(connection: Connection, tenant: str, acl_ids: frozenset[int]) -> frozenset[int]:
    """What the index still knows documents by that have moved to one of these lists."""
    moved = (
        select(_D.acl_id, _D.indexed_acl_id)
        .where(_D.tenant == tenant, _D.acl_id != _D.indexed_acl_id)
        .distinct()
    )
    return frozenset(
        row.indexed_acl_id for row in connection.execute(moved) if row.acl_id in acl_ids
    )


def _list_of(connection: Connection, tenant: str, key: str) -> AccessList | None:
    query = select(ACCESS_LISTS).where(_L.tenant == tenant, _L.key == key)
    found = _lists(connection, connection.execute(query).all())
    return found[0] if found else None


def _lists(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[AccessList, ...]:
    """Lists with their members, of one tenant."""
    if not rows:
        return ()
    query = select(_M.acl_id, _M.kind, _M.name).where(_M.tenant == rows[0].tenant)
    if len(rows) == 1:
        query = query.where(_M.acl_id == rows[0].acl_id)
    members: defaultdict[int, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for acl_id, kind, name in connection.execute(query):
        members[acl_id][kind].add(name)
    return tuple(
        AccessList(
            acl_id=row.acl_id,
            tenant=row.tenant,
            key=row.key,
            origin=row.origin,
            acl=Acl(**{kind: frozenset(members[row.acl_id][kind]) for kind in _KINDS}),
        )
        for row in rows
    )


def _kept(connection: Connection, found: AccessList | None, wanted: AccessList) -> AccessList:
    acl_id = _named(connection, found, wanted)
    connection.execute(
        delete(ACCESS_MEMBERS).where(_M.tenant == wanted.tenant, _M.acl_id == acl_id)
    )
    members = [
        {"tenant": wanted.tenant, "kind": kind, "name": name, "acl_id": acl_id}
        for kind in _KINDS
        for name in sorted(getattr(wanted.acl, kind))
    ]
    if members:
        connection.execute(insert(ACCESS_MEMBERS), members)
    grow_epoch(connection, wanted.tenant)
    return AccessList(
        acl_id=acl_id,
        tenant=wanted.tenant,
        key=wanted.key,
        origin=wanted.origin,
        acl=wanted.acl,
    )


def _named(connection: Connection, found: AccessList | None, wanted: AccessList) -> int:
    """The number of the list, given once."""
    if found is None:
        new = insert(ACCESS_LISTS).values(
            tenant=wanted.tenant, key=wanted.key, origin=wanted.origin
        )
        return connection.execute(new.returning(_L.acl_id)).scalar_one()
    changed = ACCESS_LISTS.update().where(_L.acl_id == found.acl_id)
    connection.execute(changed.values(origin=wanted.origin))
    return found.acl_id
