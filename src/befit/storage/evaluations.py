"""What models were measured at, and every loaded version of a workflow, in the database."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import func, select

from befit.catalog import Evaluation
from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.schema import EVALUATIONS, WORKFLOW_VERSIONS


class SqlEvaluationStore:
    """An `EvaluationStore` on the workspace's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, evaluation: Evaluation) -> None:
        """Add one measurement; earlier ones stay."""
        statement = EVALUATIONS.insert().values(asdict(evaluation))
        await self._database.run(lambda c: c.execute(statement))

    async def latest(self, tenant: str, workflow: str) -> tuple[Evaluation, ...]:
        """The newest measurement of each version of model and workflow; by model, then time."""
        columns = EVALUATIONS.c
        age = func.row_number().over(
            partition_by=(columns.model, columns.model_version, columns.workflow_version),
            order_by=(columns.at.desc(), columns.seq.desc()),
        )
        ranked = (
            select(EVALUATIONS, age.label("age"))
            .where(columns.tenant == tenant, columns.workflow == workflow)
            .subquery()
        )
        kept = [column for column in ranked.c if column.name not in {"seq", "age"}]
        query = select(*kept).where(ranked.c.age == 1)
        query = query.order_by(ranked.c.model, ranked.c.at, ranked.c.seq)
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        return tuple(Evaluation(**row) for row in rows)


class SqlWorkflowVersionStore:
    """A `WorkflowVersionStore` on the workspace's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, tenant: str, name: str, version: str, content: str) -> None:
        """Keep `content` under its version; a version that is there stays as it is."""
        statement = dialect.insert_new(WORKFLOW_VERSIONS).values(
            tenant=tenant, name=name, version=version, content=content
        )
        await self._database.run(lambda c: c.execute(statement))

    async def get(self, tenant: str, name: str, version: str) -> str | None:
        """The content of one version, or None where it was never kept."""
        columns = WORKFLOW_VERSIONS.c
        query = select(columns.content).where(
            columns.tenant == tenant, columns.name == name, columns.version == version
        )
        return await self._database.read(lambda c: c.execute(query).scalar_one_or_none())
