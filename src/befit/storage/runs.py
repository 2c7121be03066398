"""Runs in the database, their outputs sealed."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import Connection, Row, select, update

from befit.audit import Sealer
from befit.errors import Conflict, NotFound
from befit.storage import dialect
from befit.storage.columns import class_of, class_word
from befit.storage.database import Database
from befit.storage.schema import RUNS
from befit.storage.sealed_text import SealedText, TextOwner
from befit.workflows import Finish, Run, RunPage, RunStatus

UNFINISHED = tuple(status.value for status in RunStatus if not status.is_final)
"""What stands in the column of a run that is under way."""

_C = RUNS.c


class SqlRunStore:
    """A `RunStore` on the workspace's database."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealed = SealedText(sealer, "run")

    async def add(self, run: Run) -> None:
        """Keep a run; one that is there stays as it is."""
        owner = TextOwner(tenant=run.tenant, subject=run.principal_id, data_class=run.data_class)

        def work(connection: Connection) -> None:
            statement = dialect.insert_new(RUNS).values(
                run_id=run.run_id,
                tenant=run.tenant,
                decision_id=run.decision_id,
                workflow=run.workflow,
                principal_id=run.principal_id,
                status=run.status.value,
                output=self._sealed.seal(owner, run.run_id, run.output),
                data_class=class_word(run.data_class),
                created_at=run.created_at,
                finished_at=run.finished_at,
                approval_id=run.approval_id,
            )
            connection.execute(statement)

        await self._database.run(work)

    async def finish(self, tenant: str, run_id: str, finish: Finish) -> Run:
        """End a run; raises NotFound, or Conflict where it has ended in another way."""
        if not finish.status.is_final:
            raise ValueError(f"{finish.status} ends no run")
        is_it = (_C.tenant == tenant) & (_C.run_id == run_id)

        def work(connection: Connection) -> tuple[bool, Row[Any] | None]:
            kept = connection.execute(select(RUNS).where(is_it)).one_or_none()
            if kept is None or kept.status not in UNFINISHED:
                return False, kept
            data_class = finish.data_class or class_of(kept.data_class)
            owner = TextOwner(tenant=tenant, subject=kept.principal_id, data_class=data_class)
            ending = (
                update(RUNS)
                .where(is_it)
                .values(
                    status=finish.status.value,
                    output=self._sealed.seal(owner, run_id, finish.output),
                    data_class=class_word(data_class),
                    finished_at=finish.at,
                )
            )
            connection.execute(ending)
            return True, connection.execute(select(RUNS).where(is_it)).one_or_none()

        has_ended, row = await self._database.run(work)
        if row is None:
            raise NotFound(f"no run {run_id!r}")
        run = await asyncio.to_thread(self._run, row)
        if not has_ended and (run.status, run.output) != (finish.status, finish.output):
            raise Conflict(f"run {run_id} has already ended: {run.status}")
        return run

    async def get(self, tenant: str, run_id: str) -> Run | None:
        """The run, or None where the tenant has none of this id."""
        query = select(RUNS).where(_C.tenant == tenant, _C.run_id == run_id)

        def work(connection: Connection) -> Run | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else self._run(row)

        return await self._database.read(work)

    async def list(self, page: RunPage) -> tuple[Run, ...]:
        """A page of runs, newest first."""
        query = select(RUNS).where(_C.tenant == page.tenant)
        if page.status is not None:
            query = query.where(_C.status == page.status.value)
        if page.principal_id is not None:
            query = query.where(_C.principal_id == page.principal_id)
        if page.before is not None:
            query = query.where(_C.run_id < page.before)
        query = query.order_by(_C.run_id.desc()).limit(page.limit)
        return await self._database.read(
            lambda c: tuple(self._run(row) for row in c.execute(query).all())
        )

    def _run(self, row: Row[Any]) -> Run:  # blocking; columns are typed by the schema, rows are not
        return Run(
            run_id=row.run_id,
            decision_id=row.decision_id,
            tenant=row.tenant,
            workflow=row.workflow,
            principal_id=row.principal_id,
            created_at=row.created_at,
            status=RunStatus(row.status),
            output=self._sealed.open(row.tenant, row.run_id, row.output),
            finished_at=row.finished_at,
            approval_id=row.approval_id,
            data_class=class_of(row.data_class),
        )
