"""Activations and retirements in the database, in the order in which they were done."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select

from befit.catalog import Activation, ItemKind, Stage
from befit.storage.database import Database
from befit.storage.schema import ACTIVATIONS

_C = ACTIVATIONS.c


class SqlActivationStore:
    """An `ActivationStore` on the workspace's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, activation: Activation) -> None:
        """Add one; earlier ones stay."""
        statement = ACTIVATIONS.insert().values(
            tenant=activation.tenant,
            kind=activation.kind.value,
            name=activation.name,
            release=activation.release,
            stage=activation.stage.value,
            content=activation.content,
            by=activation.by,
            event=activation.event,
            at=activation.at,
        )
        await self._database.run(lambda c: c.execute(statement))

    async def history(self, kind: ItemKind, name: str) -> tuple[Activation, ...]:
        """All acts on one name in any tenant, newest first."""
        query = select(ACTIVATIONS).where(_C.kind == kind.value, _C.name == name)
        query = query.order_by(_C.seq.desc())
        rows = await self._database.read(lambda c: c.execute(query).all())
        return tuple(_activation(row) for row in rows)

    async def newest(self) -> tuple[Activation, ...]:
        """The newest act of each tenant on each name, oldest first."""
        newest = select(func.max(_C.seq)).group_by(_C.kind, _C.name, _C.tenant)
        query = select(ACTIVATIONS).where(_C.seq.in_(newest)).order_by(_C.seq)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return tuple(_activation(row) for row in rows)


def _activation(row: Row[Any]) -> Activation:  # columns are typed by the schema, rows are not
    return Activation(
        tenant=row.tenant,
        kind=ItemKind(row.kind),
        name=row.name,
        release=row.release,
        stage=Stage(row.stage),
        content=row.content,
        by=row.by,
        event=row.event,
        at=row.at,
    )
