"""Approvals in the database, their texts sealed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update

from befit.approvals import (
    Approval,
    ApprovalKind,
    ApprovalPage,
    ApprovalStatus,
    Resolution,
    payload_sha256,
)
from befit.audit import Sealer
from befit.errors import WorkspaceError
from befit.storage.columns import class_of, class_word
from befit.storage.database import Database
from befit.storage.schema import APPROVALS
from befit.storage.sealed_text import SealedText, TextOwner

_C = APPROVALS.c
_PENDING = ApprovalStatus.PENDING.value


class SqlApprovalStore:
    """An `ApprovalStore`; a decision is one compare-and-set."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealed = SealedText(sealer, "approval")

    async def add(self, approval: Approval) -> None:
        """Keep a new approval, durably."""
        await self._database.run(
            lambda c: c.execute(APPROVALS.insert().values(self._values(approval)))
        )

    async def get(self, tenant: str, approval_id: str) -> Approval | None:
        """The approval, or None where the tenant has none of this id."""
        query = select(APPROVALS).where(_C.tenant == tenant, _C.id == approval_id)

        def work(connection: Connection) -> Approval | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else self._approval(row)

        return await self._database.read(work)

    async def list(self, page: ApprovalPage) -> tuple[Approval, ...]:
        """A page of approvals, newest first."""
        query = select(APPROVALS).where(_C.tenant == page.tenant)
        if page.status is not None:
            query = query.where(_C.status == page.status.value)
        if page.before is not None:
            query = query.where(_C.id < page.before)
        query = query.order_by(_C.id.desc()).limit(page.limit)
        return await self._database.read(lambda c: self._approvals(c.execute(query).all()))

    async def resolve(self, approval: Approval, resolution: Resolution) -> bool:
        """Apply the decision if the approval is still pending, not due and of this hash."""
        seal, owner = self._sealed.seal, _owner(approval)

        def work(connection: Connection) -> bool:
            statement = (
                update(APPROVALS)
                .where(
                    _C.tenant == approval.tenant,
                    _C.id == approval.id,
                    _C.status == _PENDING,
                    _C.due > resolution.at,
                    _C.payload_sha256 == approval.payload_sha256,
                )
                .values(
                    status=resolution.status.value,
                    resolved_by=resolution.by,
                    resolved_at=resolution.at,
                    self_approved=resolution.self_approved,
                    note=seal(owner, f"{approval.id}:note", resolution.note),
                    edited=seal(owner, f"{approval.id}:edited", resolution.edited),
                    edited_sha256=resolution.edited_sha256,
                )
            )
            return connection.execute(statement).rowcount == 1

        return await self._database.run(work)

    async def expire(self, now: float) -> tuple[Approval, ...]:
        """Expire what is pending and due; each approval is returned by one call only."""
        statement = (
            update(APPROVALS)
            .where(_C.status == _PENDING, _C.due <= now)
            .values(status=ApprovalStatus.EXPIRED.value, resolved_at=now)
            .returning(APPROVALS)
        )

        def work(connection: Connection) -> list[Row[Any]]:
            return list(connection.execute(statement).all())

        is_due = select(_C.id).where(_C.status == _PENDING, _C.due <= now).limit(1)
        if await self._database.read(lambda c: c.execute(is_due).first()) is None:
            return ()  # mostly so, and then nobody waits for the write lock
        rows = await self._database.run(work)
        expired = await asyncio.to_thread(self._approvals, rows)
        return tuple(sorted(expired, key=lambda each: each.id))

    def _values(self, approval: Approval) -> dict[str, object]:
        return {
            "id": approval.id,
            "tenant": approval.tenant,
            "kind": approval.kind.value,
            "decision_id": approval.decision_id,
            "run_id": approval.run_id,
            "workflow": approval.workflow,
            "step": approval.step,
            "payload": self._sealed.seal(
                _owner(approval), f"{approval.id}:payload", approval.payload
            ),
            "data_class": class_word(approval.data_class),
            "payload_sha256": approval.payload_sha256,
            "requester_id": approval.requester_id,
            "requester_name": approval.requester_name,
            "reviewers": approval.reviewers,
            "status": approval.status.value,
            "created_at": approval.created_at,
            "due": approval.due,
            "self_approved": approval.self_approved,
        }

    def _approvals(self, rows: Sequence[Row[Any]]) -> tuple[Approval, ...]:
        return tuple(self._approval(row) for row in rows)

    def _approval(self, row: Row[Any]) -> Approval:  # blocking; columns are typed by the schema
        def text(name: str, box: bytes | None, sha256: str | None) -> str | None:
            opened = self._sealed.open(row.tenant, f"{row.id}:{name}", box)
            if opened is not None and sha256 is not None and payload_sha256(opened) != sha256:
                raise WorkspaceError(
                    f"the {name} of approval {row.id} does not have the hash it was kept under",
                    next_step="the database was changed from outside; restore a backup",
                )
            return opened

        return Approval(
            id=row.id,
            tenant=row.tenant,
            kind=ApprovalKind(row.kind),
            decision_id=row.decision_id,
            run_id=row.run_id,
            workflow=row.workflow,
            step=row.step,
            payload=text("payload", row.payload, row.payload_sha256),
            payload_sha256=row.payload_sha256,
            requester_id=row.requester_id,
            requester_name=row.requester_name,
            reviewers=row.reviewers,
            created_at=row.created_at,
            due=row.due,
            status=ApprovalStatus(row.status),
            resolved_by=row.resolved_by,
            resolved_at=row.resolved_at,
            self_approved=row.self_approved,
            note=text("note", row.note, None),
            edited=text("edited", row.edited, row.edited_sha256),
            edited_sha256=row.edited_sha256,
            data_class=class_of(row.data_class),
        )


def _owner(approval: Approval) -> TextOwner:
    """An approval's texts are the data of who asked, the reviewer's words included."""
    return TextOwner(
        tenant=approval.tenant,
        subject=approval.requester_id,
        data_class=approval.data_class,
    )
