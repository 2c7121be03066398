"""Fingerprints of released texts in the database, and the secrets that they are made with."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from befit.audit import KeyDestroyedError, Sealer
from befit.errors import WorkspaceError
from befit.knowledge.released import Carries, KeptPrints
from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.knowledge.schema import RELEASED_PRINTS, RELEASED_SECRETS
from befit.vocabulary import DataClass

_P = RELEASED_PRINTS.c
_S = RELEASED_SECRETS.c
_PURPOSE = "released"
_SECRET_BYTES = 32
_PRINT_BYTES = 8


class SqlReleasedStore:
    """A `ReleasedStore` on the workspace's database. A tenant's secret is sealed under its key."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def secret(self, tenant: str) -> bytes:
        """See `ReleasedStore`.

        Raises:
            WorkspaceError: it is there, but the tenant's key that opens it is not.
        """
        query = select(_S.box).where(_S.tenant == tenant)

        def read(connection: Connection) -> bytes | None:
            box = connection.execute(query).scalar_one_or_none()
            return None if box is None else self._opened(tenant, box)

        def draw(connection: Connection) -> bytes:
            box = self._sealer.seal(tenant, _PURPOSE, secrets.token_bytes(_SECRET_BYTES))
            new = dialect.insert_new(RELEASED_SECRETS).values(tenant=tenant, box=box)
            connection.execute(new)
            return self._opened(tenant, connection.execute(query).scalar_one())

        return await self._database.read(read) or await self._database.run(draw)

    async def add(self, kept: Sequence[KeptPrints]) -> int:
        """See `ReleasedStore`."""
        rows = [
            {
                "tenant": each.tenant,
                "data_class": int(each.carries.data_class),
                "tags": each.carries.tags,
                "words": each.words,
                "prints": each.prints,
            }
            for each in kept
        ]

        def work(connection: Connection) -> int:
            connection.execute(insert(RELEASED_PRINTS), rows)
            return connection.execute(select(func.max(_P.seq))).scalar_one()

        return await self._database.run(work)

    async def after(
        self, seq: int, *, limit: int, tenant: str | None = None
    ) -> Sequence[KeptPrints]:
        """See `ReleasedStore`."""
        query = select(RELEASED_PRINTS).where(_P.seq > seq).order_by(_P.seq).limit(limit)
        if tenant is not None:
            query = query.where(_P.tenant == tenant)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return tuple(map(_kept, rows))

    async def forget(self, tenant: str, *, up_to: DataClass, keep: int) -> None:
        """See `ReleasedStore`."""
        its = _P.tenant == tenant
        size = func.length(_P.prints)
        oldest = select(_P.seq, size).where(its, _P.data_class <= int(up_to)).order_by(_P.seq)

        def work(connection: Connection) -> None:
            total: int = connection.execute(select(func.sum(size)).where(its)).scalar_one() or 0
            excess, last = total - keep * _PRINT_BYTES, 0
            for seq, bytes_ in connection.execute(oldest):
                if excess <= 0:
                    break
                excess, last = excess - bytes_, seq
            connection.execute(
                delete(RELEASED_PRINTS).where(its, _P.data_class <= int(up_to), _P.seq <= last)
            )

        await self._database.run(work)

    def _opened(self, tenant: str, box: bytes) -> bytes:
        try:
            return self._sealer.open(tenant, _PURPOSE, box)
        except KeyDestroyedError:
            raise WorkspaceError(
                f"the released texts of tenant {tenant!r} cannot be told: their key is gone",
                next_step=f"restore keys/tenant-{tenant}.key from its backup",
            ) from None


def _kept(row: Row[Any]) -> KeptPrints:  # columns are typed by the schema, rows are not
    return KeptPrints(
        tenant=row.tenant,
        carries=Carries(data_class=DataClass(row.data_class), tags=row.tags),
        words=row.words,
        prints=row.prints,
        seq=row.seq,
    )
