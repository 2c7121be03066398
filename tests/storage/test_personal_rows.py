"""What the database repeats of a person is cleared with their keys, and nobody else's."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from befit.approvals import Approval, ApprovalKind, ApprovalStatus, payload_sha256
from befit.audit import Sealer
from befit.conversation import Carried
from befit.identity import KeyGrant, issue_key
from befit.storage import (
    Database,
    SqlApprovalStore,
    SqlConversationStore,
    SqlKeyStore,
    SqlPersonalRows,
    SqlRunStore,
)
from befit.storage.schema import CALL_SCOPES, CALLS, DECISIONS
from befit.vocabulary import DataClass, Tag
from befit.workflows import Run, RunStatus

OLD, NEW = 100.0, 1_000.0
CARRIED = Carried(data_class=DataClass.RESTRICTED, tags=frozenset({Tag.PII}))


@pytest.fixture
def rows(database: Database) -> SqlPersonalRows:
    return SqlPersonalRows(database)


def run_of(who: str, *, at: float = OLD, data_class: DataClass | None = None) -> Run:
    return Run(
        run_id=f"run_{who}_{at}_{data_class}",
        decision_id=f"dec_{who}",
        tenant="default",
        workflow="triage",
        principal_id=who,
        created_at=at,
        status=RunStatus.ANSWERED,
        output='"the answer"',
        finished_at=at,
        data_class=data_class,
    )


def approval_of(who: str, *, status: ApprovalStatus = ApprovalStatus.APPROVED) -> Approval:
    payload = '{"request": "something private"}'
    return Approval(
        id=f"apr_{who}",
        tenant="default",
        kind=ApprovalKind.ANSWER,
        decision_id=f"dec_{who}",
        run_id=f"run_{who}",
        workflow="advice",
        step="1",
        payload=payload,
        payload_sha256=payload_sha256(payload),
        requester_id=who,
        requester_name=who,
        reviewers=(),
        created_at=OLD,
        due=time.time() + 3600,
        status=status,
    )


async def decide(database: Database, who: str, **more: Any) -> None:
    decision = {"tenant": "default", "decision_id": f"dec_{who}"}
    told = {"principal_id": who, "key_id": "K1", "opened_at": OLD, "closed_at": OLD, **more}
    call = {**decision, "permit_id": "p"}

    def work(connection: Connection) -> None:
        connection.execute(insert(DECISIONS).values(**decision, **told, workflow="triage"))
        connection.execute(
            insert(CALLS).values(**call, step="1", at=OLD, day="", key_id="K1", cost_usd=None)
        )
        for scope in ("key:K1", "workflow:triage"):
            connection.execute(insert(CALL_SCOPES).values(**call, scope=scope))

    await database.run(work)


async def kept(database: Database) -> dict[str, Any]:
    def work(connection: Connection) -> dict[str, Any]:
        decisions = connection.execute(select(DECISIONS)).all()
        calls = connection.execute(select(CALLS)).all()
        scopes = connection.execute(select(CALL_SCOPES.c.scope, CALL_SCOPES.c.decision_id)).all()
        return {
            "who": {row.decision_id: (row.principal_id, row.key_id) for row in decisions},
            "keys": {row.decision_id: row.key_id for row in calls},
            "scopes": sorted(tuple(row) for row in scopes),
        }

    return await database.read(work)


async def test_a_person_is_cleared_everywhere_and_nobody_else(
    database: Database, rows: SqlPersonalRows, sealer: Sealer
) -> None:
    runs, approvals = SqlRunStore(database, sealer), SqlApprovalStore(database, sealer)
    conversations = SqlConversationStore(database)
    for who in ("key:a", "key:b"):
        await decide(database, who)
        await runs.add(run_of(who))
        await approvals.add(approval_of(who))
        await conversations.join("default", who, "c-1", CARRIED)
    assert await rows.forget("default", "key:a") == 6
    found = await kept(database)
    assert found["who"] == {"dec_key:a": (None, None), "dec_key:b": ("key:b", "K1")}
    assert found["keys"] == {"dec_key:a": None, "dec_key:b": "K1"}
    assert found["scopes"] == [
        ("key:K1", "dec_key:b"),
        ("workflow:triage", "dec_key:a"),
        ("workflow:triage", "dec_key:b"),
    ]
    gone = await runs.get("default", run_of("key:a").run_id)
    assert gone is not None
    assert (gone.principal_id, gone.output) == ("erased", None)
    erased = await approvals.get("default", "apr_key:a")
    assert erased is not None
    assert (erased.requester_id, erased.requester_name) == ("erased", "erased")
    assert (erased.payload, erased.payload_sha256, erased.note) == (None, "", None)
    assert await conversations.carried("default", "key:a", "c-1") is None
    for other in (
        await runs.get("default", run_of("key:b").run_id) == run_of("key:b"),
        (await approvals.get("default", "apr_key:b")).payload is not None,  # type: ignore[union-attr]
        await conversations.carried("default", "key:b", "c-1") == CARRIED,
    ):
        assert other
    assert await rows.forget("default", "key:a") == 0


async def test_what_a_person_asked_for_in_their_own_words_goes_with_them(
    database: Database, rows: SqlPersonalRows
) -> None:
    typed = {"asked_model": "a secret", "asked_workflow": "another"}
    for who, at in (("key:a", OLD), ("key:b", OLD), ("key:c", NEW)):
        await decide(database, who, **{**typed, "opened_at": at})
    await rows.forget("default", "key:a")
    assert await asked_for(database) == {"dec_key:b", "dec_key:c"}
    await rows.expire("default", DataClass.PUBLIC, before=500.0)
    assert await asked_for(database) == {"dec_key:b", "dec_key:c"}
    await rows.expire("default", None, before=500.0)
    assert await asked_for(database) == {"dec_key:c"}


async def asked_for(database: Database) -> set[str]:
    """The decisions that still show what was asked for."""
    rows = await database.read(lambda c: c.execute(select(DECISIONS)).all())
    return {row.decision_id for row in rows if row.asked_model or row.asked_workflow}


async def test_a_person_takes_the_names_of_keys_that_no_longer_work_with_them(
    database: Database, rows: SqlPersonalRows
) -> None:
    keys, now = SqlKeyStore(database), time.time()
    named: dict[str, str] = {}
    for name, person_id, tenant, ends in (
        ("revoked", "person:a", "default", None),
        ("expired", "person:a", "default", now - 1),
        ("working", "person:a", "default", now + 3600),
        ("another", "person:b", "default", now - 1),
        ("service", None, "default", now - 1),
        ("elsewhere", "person:a", "other", now - 1),
    ):
        grant = KeyGrant(tenant=tenant, person_id=person_id, expires_at=ends)
        key, _ = issue_key(name, created_at=OLD, grant=grant)
        await keys.add(key)
        named[name] = key.id
    await keys.revoke("default", named["revoked"], at=now)
    assert await rows.forget("default", "person:a") == 2
    assert await rows.forget("default", "person:a") == 0
    assert await rows.forget("default", f"key:{named['service']}") == 1
    found = {name: await keys.find(key_id) for name, key_id in named.items()}
    erased = {name for name, key in found.items() if key and key.name == "erased"}
    assert erased == {"revoked", "expired", "service"}
    assert all(key and key.name == name for name, key in found.items() if name not in erased)


async def test_another_tenants_person_of_the_same_id_stays(
    database: Database, rows: SqlPersonalRows
) -> None:
    await decide(database, "key:a")
    assert await rows.forget("other", "key:a") == 0
    assert (await kept(database))["who"] == {"dec_key:a": ("key:a", "K1")}


async def test_what_is_under_way_is_told(
    database: Database, rows: SqlPersonalRows, sealer: Sealer
) -> None:
    await decide(database, "key:a", closed_at=None)
    approvals = SqlApprovalStore(database, sealer)
    await approvals.add(approval_of("key:a", status=ApprovalStatus.PENDING))
    standing = await rows.standing("default", "key:a")
    assert (standing.waiting, standing.open, standing.key_ids) == (1, 1, ("K1",))
    nobody = await rows.standing("default", "key:b")
    assert (nobody.waiting, nobody.open, nobody.key_ids) == (0, 0, ())


async def test_texts_of_a_class_go_once_they_are_old_enough(
    database: Database, rows: SqlPersonalRows, sealer: Sealer
) -> None:
    runs = SqlRunStore(database, sealer)
    told = [
        run_of("key:a", at=at, data_class=data_class)
        for at in (OLD, NEW)
        for data_class in (DataClass.PUBLIC, DataClass.INTERNAL, None)
    ]
    for run in told:
        await runs.add(run)
    assert await rows.expire("default", DataClass.PUBLIC, before=500.0) == 1
    left = [await runs.get("default", run.run_id) for run in told]
    assert [run.output is None for run in left if run] == [True] + [False] * 5
    assert {run.principal_id for run in left if run} == {"key:a"}
    assert await rows.expire("default", DataClass.PUBLIC, before=500.0) == 0


async def test_what_is_under_way_stays_whole_however_old_it_is(
    database: Database, rows: SqlPersonalRows, sealer: Sealer
) -> None:
    runs = SqlRunStore(database, sealer)
    for who in ("key:a", "key:b"):
        ended = OLD if who == "key:a" else None
        await decide(database, who, closed_at=ended, asked_model="auto")
    for status in RunStatus:
        await runs.add(replace(run_of(f"key:{status}"), status=status))
    unfinished = {status for status in RunStatus if not status.is_final}
    assert RunStatus.PENDING_PERSON in unfinished
    await rows.expire("default", None, before=500.0)
    found = await kept(database)
    assert found["who"] == {"dec_key:a": (None, None), "dec_key:b": ("key:b", "K1")}
    assert await asked_for(database) == {"dec_key:b"}
    for status in RunStatus:
        run = replace(run_of(f"key:{status}"), status=status)
        cleared = replace(run, principal_id="erased", output=None)
        left = await runs.get("default", run.run_id)
        assert left == (run if status in unfinished else cleared)


async def test_who_asked_goes_with_what_was_sealed_before_its_class_was_known(
    database: Database, rows: SqlPersonalRows, sealer: Sealer
) -> None:
    await decide(database, "key:a")
    await decide(database, "key:b", opened_at=NEW)
    approvals = SqlApprovalStore(database, sealer)
    await approvals.add(approval_of("key:a"))
    await approvals.add(approval_of("key:b", status=ApprovalStatus.PENDING))
    await rows.expire("default", None, before=500.0)
    found = await kept(database)
    assert found["who"] == {"dec_key:a": (None, None), "dec_key:b": ("key:b", "K1")}
    assert len(found["scopes"]) == 4  # what a key has spent stays counted
    pending = await approvals.get("default", "apr_key:b")
    assert pending is not None
    assert (pending.requester_id, pending.payload is None) == ("key:b", False)
