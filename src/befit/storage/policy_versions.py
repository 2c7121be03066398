"""Every version of the rules that was ever in force, in the database."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Select, select

from befit.policy import PolicyVersion, RuleSet
from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.schema import POLICY_VERSIONS

_EVERY_TENANT = "*"


class SqlPolicyVersionStore:
    """A `PolicyVersionStore` on the workspace's database."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, rules: RuleSet) -> None:
        """Keep a version; one that is there stays as it is."""
        statement = dialect.insert_new(POLICY_VERSIONS).values(
            tenant=_EVERY_TENANT, version=rules.version, content=rules.content, at=self._clock()
        )
        await self._database.run(lambda c: c.execute(statement))

    async def get(self, version: str) -> PolicyVersion | None:
        """One version, or None where it was never in force."""
        query = _all().where(POLICY_VERSIONS.c.version == version)
        row = await self._database.read(lambda c: c.execute(query).mappings().one_or_none())
        return None if row is None else PolicyVersion(**row)

    async def list(self) -> tuple[PolicyVersion, ...]:
        """Every version, the newest first."""
        query = _all().order_by(POLICY_VERSIONS.c.at.desc(), POLICY_VERSIONS.c.version)
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        return tuple(PolicyVersion(**row) for row in rows)


def _all() -> Select[str, str, float]:
    columns = POLICY_VERSIONS.c
    return select(columns.version, columns.content, columns.at).where(
        columns.tenant == _EVERY_TENANT
    )
