from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from befit.approvals import (
    Approval,
    ApprovalKind,
    ApprovalPage,
    ApprovalStatus,
    ApprovalStore,
    Resolution,
    payload_sha256,
)
from befit.audit.sealing import Sealer
from befit.errors import WorkspaceError
from befit.storage import Database, SqlApprovalStore
from befit.storage.schema import APPROVALS

PAYLOAD = '{"answer": "the rumpelstiltskin clause"}'


def approval(number: int = 1, **changes: object) -> Approval:
    made = Approval(
        id=f"apr_{number:04}",
        tenant="default",
        kind=ApprovalKind.ANSWER,
        decision_id="dec_1",
        run_id="run_1",
        workflow="triage",
        step="1",
        payload=PAYLOAD,
        payload_sha256=payload_sha256(PAYLOAD),
        requester_id="key:K1",
        requester_name="desk",
        reviewers=("ana", "group:desk"),
        created_at=100.5,
        due=200.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def resolution(status: ApprovalStatus = ApprovalStatus.APPROVED, **changes: object) -> Resolution:
    return replace(Resolution(status=status, by="key:K2", at=150.0), **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(database: Database, sealer: Sealer) -> ApprovalStore:
    return SqlApprovalStore(database, sealer)


async def test_an_approval_comes_back_as_it_was_kept(store: ApprovalStore) -> None:
    kept = approval(kind=ApprovalKind.EFFECT)
    await store.add(kept)
    assert await store.get("default", kept.id) == kept
    assert await store.get("other", kept.id) is None
    assert await store.get("default", "apr_9") is None


async def test_no_text_lies_open_in_the_database(store: ApprovalStore, database: Database) -> None:
    await store.add(approval())
    edited = '{"answer": "pumpernickel"}'
    await store.resolve(
        approval(),
        resolution(
            ApprovalStatus.EDITED,
            note="gingerbread",
            edited=edited,
            edited_sha256=payload_sha256(edited),
        ),
    )
    (row,) = await database.read(lambda c: c.execute(select(APPROVALS)).all())
    for word in ("rumpelstiltskin", "pumpernickel", "gingerbread"):
        assert word not in repr(tuple(row))
    back = await store.get("default", "apr_0001")
    assert back is not None
    assert (back.note, back.edited, back.effective_payload) == ("gingerbread", edited, edited)
    assert back.effective_sha256 == payload_sha256(edited)


async def test_a_destroyed_key_leaves_the_approval_without_its_texts(
    store: ApprovalStore, database: Database
) -> None:
    await store.add(approval())
    back = await SqlApprovalStore(database, Sealer({})).get("default", "apr_0001")
    assert back == approval(payload=None)


async def test_texts_are_opened_off_the_event_loop(
    store: ApprovalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.add(approval())
    threads: list[int] = []
    real = Sealer.open

    def told(sealer: Sealer, tenant: str, purpose: str, box: bytes) -> bytes:
        threads.append(threading.get_ident())
        return real(sealer, tenant, purpose, box)

    monkeypatch.setattr(Sealer, "open", told)
    await store.get("default", "apr_0001")
    await store.list(ApprovalPage())
    await store.expire(200.0)
    assert len(threads) == 3
    assert threading.get_ident() not in threads


async def test_a_payload_moved_from_another_row_is_not_shown(
    store: ApprovalStore, database: Database
) -> None:
    await store.add(approval(1))
    await store.add(approval(2))
    columns = APPROVALS.c

    def swap(connection: object) -> None:
        box = select(columns.payload).where(columns.id == "apr_0001").scalar_subquery()
        change = update(APPROVALS).where(columns.id == "apr_0002").values(payload=box)
        connection.execute(change)  # type: ignore[attr-defined]

    await database.run(swap)
    with pytest.raises(Exception, match="changed or moved"):
        await store.get("default", "apr_0002")


async def test_a_payload_that_has_not_its_hash_is_not_shown(
    store: ApprovalStore, database: Database
) -> None:
    await store.add(approval())
    change = update(APPROVALS).values(payload_sha256="00")
    await database.run(lambda c: c.execute(change))
    with pytest.raises(WorkspaceError, match="hash"):
        await store.get("default", "apr_0001")


async def test_resolving_is_once_and_final(store: ApprovalStore) -> None:
    await store.add(approval())
    assert await store.resolve(approval(), resolution())
    assert not await store.resolve(approval(), resolution(ApprovalStatus.REJECTED))
    back = await store.get("default", "apr_0001")
    assert back is not None
    assert (back.status, back.resolved_by, back.resolved_at) == ("approved", "key:K2", 150.0)


@pytest.mark.parametrize(
    ("seen", "decided"),
    [
        (approval(payload_sha256="00"), resolution()),
        (approval(), resolution(at=200.0)),
        (approval(tenant="other"), resolution()),
    ],
    ids=["another payload", "due", "another tenant"],
)
async def test_a_decision_that_does_not_fit_changes_nothing(
    store: ApprovalStore, seen: Approval, decided: Resolution
) -> None:
    await store.add(approval())
    assert not await store.resolve(seen, decided)
    assert await store.get("default", "apr_0001") == approval()


async def test_of_decisions_at_once_by_several_processes_exactly_one_wins(
    store: ApprovalStore, sealer: Sealer, another: Callable[[], Database]
) -> None:
    await store.add(approval())
    stores = [store, *(SqlApprovalStore(another(), sealer) for _ in range(3))]
    won = await asyncio.gather(
        *(
            each.resolve(approval(), resolution(by=f"key:{number}"))
            for number, each in enumerate(stores * 5)
        )
    )
    assert won.count(True) == 1
    back = await store.get("default", "apr_0001")
    assert back is not None
    assert back.resolved_by == f"key:{won.index(True)}"


async def test_deciding_and_expiring_at_once_has_one_winner(
    store: ApprovalStore, sealer: Sealer, another: Callable[[], Database]
) -> None:
    second = SqlApprovalStore(another(), sealer)
    for number in range(20):
        await store.add(approval(number))
        won, expired = await asyncio.gather(
            store.resolve(approval(number), resolution(at=199.0)), second.expire(200.0)
        )
        assert won is not bool(expired)


async def test_what_is_due_expires_once(store: ApprovalStore) -> None:
    for number, due in enumerate((10.0, 20.0, 30.0)):
        await store.add(approval(number, due=due))
    expired = await store.expire(20.0)
    assert [each.id for each in expired] == ["apr_0000", "apr_0001"]
    assert all((each.status, each.resolved_at) == ("expired", 20.0) for each in expired)
    assert await store.expire(20.0) == ()


async def test_pages_come_newest_first_and_only_of_the_status_asked_for(
    store: ApprovalStore,
) -> None:
    for number in range(4):
        await store.add(approval(number))
    await store.add(approval(9, tenant="other"))
    await store.resolve(approval(2), resolution())

    async def ids(**asked: object) -> list[str]:
        page = replace(ApprovalPage(), **asked)  # type: ignore[arg-type]
        return [each.id for each in await store.list(page)]

    assert await ids() == ["apr_0003", "apr_0002", "apr_0001", "apr_0000"]
    assert await ids(status=ApprovalStatus.PENDING, limit=2) == ["apr_0003", "apr_0001"]
    assert await ids(status=ApprovalStatus.PENDING, before="apr_0001") == ["apr_0000"]
    assert await ids(tenant="other") == ["apr_0009"]
