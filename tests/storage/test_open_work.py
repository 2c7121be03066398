"""What is under way is told by whose it is and since when, and what has ended is not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import insert

from befit.approvals import Approval, ApprovalKind, ApprovalStatus, payload_sha256
from befit.audit import Sealer
from befit.storage import Database, SqlApprovalStore, SqlOpenWork, SqlRunStore
from befit.storage.schema import DECISIONS
from befit.workflows import Run, RunStatus


@pytest.fixture
def work(database: Database) -> SqlOpenWork:
    return SqlOpenWork(database)


async def decide(database: Database, name: str, **told: Any) -> None:
    values = {"tenant": "default", "decision_id": name, "opened_at": 100.0, **told}
    await database.run(lambda c: c.execute(insert(DECISIONS).values(**values)))


def run_of(who: str, status: RunStatus, *, at: float, tenant: str = "default") -> Run:
    return Run(
        run_id=f"run_{who}_{status}",
        decision_id="dec_1",
        tenant=tenant,
        workflow="triage",
        principal_id=who,
        created_at=at,
        status=status,
    )


def approval_of(who: str, status: ApprovalStatus, *, at: float) -> Approval:
    return Approval(
        id=f"apr_{who}_{status}",
        tenant="default",
        kind=ApprovalKind.ANSWER,
        decision_id="dec_1",
        run_id="run_1",
        workflow="advice",
        step="1",
        payload="{}",
        payload_sha256=payload_sha256("{}"),
        requester_id=who,
        requester_name=who,
        reviewers=(),
        created_at=at,
        due=time.time() + 3600,
        status=status,
    )


async def test_only_what_has_not_ended_counts(
    database: Database, work: SqlOpenWork, sealer: Sealer
) -> None:
    await decide(database, "dec_open", principal_id="key:opened")
    await decide(database, "dec_closed", principal_id="key:closed", closed_at=200.0)
    await decide(database, "dec_other", principal_id="key:other", tenant="other")
    await decide(database, "dec_nobody")  # who asked was cleared from it
    runs, approvals = SqlRunStore(database, sealer), SqlApprovalStore(database, sealer)
    for status in RunStatus:
        await runs.add(run_of(f"key:{status}", status, at=300.0))
    await runs.add(run_of("key:other", RunStatus.RUNNING, at=300.0, tenant="other"))
    for status in ApprovalStatus:
        await approvals.add(approval_of(f"key:approval-{status}", status, at=400.0))
    assert await work.begun("default") == {
        "key:opened": 100.0,
        "key:running": 300.0,
        "key:pending_person": 300.0,
        "key:approval-pending": 400.0,
    }
    assert await work.begun("other") == {"key:other": 100.0}


async def test_the_oldest_of_a_persons_counts(
    database: Database, work: SqlOpenWork, sealer: Sealer
) -> None:
    approvals = SqlApprovalStore(database, sealer)
    await SqlRunStore(database, sealer).add(run_of("key:a", RunStatus.RUNNING, at=70.0))
    await decide(database, "dec_a", principal_id="key:a")
    await approvals.add(approval_of("key:a", ApprovalStatus.PENDING, at=400.0))
    assert await work.begun("default") == {"key:a": 70.0}
