"""API keys in the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import IntegrityError

from befit.errors import Conflict, NotFound
from befit.identity import ApiKey, Role
from befit.storage.database import Database
from befit.storage.schema import API_KEYS
from befit.vocabulary import BudgetPeriod

_C = API_KEYS.c


class SqlKeyStore:
    """A `KeyStore` on the workspace's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        """Keep a new key; raises Conflict where its id is taken."""
        try:
            await self._database.run(lambda c: c.execute(API_KEYS.insert().values(_values(key))))
        except IntegrityError:
            raise Conflict(f"there is a key {key.id} already", next_step="issue another") from None

    async def find(self, key_id: str) -> ApiKey | None:
        """The key of any tenant, revoked ones included."""
        return await self._database.read(lambda c: _find(c, key_id))

    async def list(self, tenant: str) -> tuple[ApiKey, ...]:
        """The tenant's keys, newest first."""
        query = select(API_KEYS).where(_C.tenant == tenant)
        query = query.order_by(_C.created_at.desc(), _C.id)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return tuple(_key(row) for row in rows)

    async def revoke(self, tenant: str, key_id: str, *, at: float) -> ApiKey:
        """Revoke for good; the first time of revocation stays."""
        return await self._database.run(_revoke(tenant, key_id, at))


def _revoke(tenant: str, key_id: str, at: float) -> Callable[[Connection], ApiKey]:
    def work(connection: Connection) -> ApiKey:
        is_it = (_C.tenant == tenant) & (_C.id == key_id)
        connection.execute(
            update(API_KEYS).where(is_it, _C.revoked_at.is_(None)).values(revoked_at=at)
        )
        row = connection.execute(select(API_KEYS).where(is_it)).one_or_none()
        if row is None:
            raise NotFound(f"no key {key_id!r}", next_step="list them with befit keys list")
        return _key(row)

    return work


def _find(connection: Connection, key_id: str) -> ApiKey | None:
    row = connection.execute(select(API_KEYS).where(_C.id == key_id)).one_or_none()
    return None if row is None else _key(row)


def _values(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "secret_sha256": key.secret_sha256,
        "roles": tuple(sorted(role.value for role in key.roles)),
        "workflows": tuple(sorted(key.workflows)),
        "budget_usd": key.budget_usd,
        "budget_period": key.budget_period.value,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "person_id": key.person_id,
    }


def _key(row: Row[Any]) -> ApiKey:  # columns are typed by the schema, rows are not
    return ApiKey(
        id=row.id,
        name=row.name,
        secret_sha256=row.secret_sha256,
        created_at=row.created_at,
        tenant=row.tenant,
        roles=frozenset(Role(word) for word in row.roles),
        workflows=frozenset(row.workflows),
        budget_usd=row.budget_usd,
        budget_period=BudgetPeriod(row.budget_period),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        person_id=row.person_id,
    )
