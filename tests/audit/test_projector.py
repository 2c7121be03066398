"""The index catches up with what is durable, in order, exactly once, and reads back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from befit.audit import EventType, LedgerReader, LogPosition, Projector
from befit.audit.keys import load_openers
from befit.errors import WorkspaceError
from befit.testing.ledger import MemoryDecisionIndex, draft


@pytest.fixture
def index() -> MemoryDecisionIndex:
    return MemoryDecisionIndex()


@pytest.fixture
def projector(befit: Path, keyring, index: MemoryDecisionIndex) -> Projector:
    return Projector(
        index=index, reader=LedgerReader(befit, keyring.sealer), batch_events=8, pause_s=0.001
    )


async def test_a_process_reads_its_own_writes(opened, answer, projector, index) -> None:
    ledger = opened()
    projector.follow(ledger)
    receipts = await answer(ledger, "dec_1")
    events = await projector.events_of("default", "dec_1")
    assert [event.type for event in events] == ["opened", "reserved", "settled", "closed"]
    assert [event.index for event in events] == [receipt.index for receipt in receipts]
    assert msgspec.json.decode(events[0].fields["kind"]) == "chat"
    assert [event.previous for event in events] == [None, *[e.digest for e in events[:-1]]]


async def test_events_are_applied_in_order_and_once(opened, answer, projector, index) -> None:
    ledger = opened()
    projector.follow(ledger)
    background = asyncio.create_task(projector.run())
    for round_number in range(3):
        names = [f"dec_{round_number}_{number}" for number in range(10)]
        await asyncio.gather(*[answer(ledger, name) for name in names], projector.caught_up())
    await projector.caught_up()
    background.cancel()
    assert [event.index for event in index.applied] == list(range(120))
    assert await index.position("0") == ledger.durable_sizes()["0"]


async def test_the_index_follows_in_the_background(opened, answer, projector, index) -> None:
    ledger = opened()
    projector.follow(ledger)
    background = asyncio.create_task(projector.run())
    await answer(ledger, "dec_1")
    while len(index.applied) < 4:
        await asyncio.sleep(0.005)
    background.cancel()


async def test_a_new_index_is_built_from_the_files(opened, answer, befit, keyring) -> None:
    ledger = opened()
    for number in range(5):
        await answer(ledger, f"dec_{number}")
    ledger.close()
    told: list[int] = []
    index = MemoryDecisionIndex()
    rebuilt = Projector(
        index=index,
        reader=LedgerReader(befit, keyring.sealer),
        sinks=(lambda events: told.append(len(events)),),
        batch_events=8,
    )
    await rebuilt.caught_up()
    assert len(index.applied) == sum(told) == 20
    assert len(told) > 1


async def test_a_decision_continues_after_a_restart(opened, befit, keyring, projector) -> None:
    first = opened()
    await first.append((draft("opened", "dec_1"),))
    await first.append((draft("waiting", "dec_1", {"approval_id": "a"}),))
    first.close()
    second = opened(previous=projector.previous_digest)
    projector.follow(second)
    await second.append((draft("resolved", "dec_1", {"approval_id": "a"}),))
    await second.append((draft("closed", "dec_1", {"status": "answered"}),))
    await second.append((draft("reviewed", "dec_1"),))
    events = await projector.events_of("default", "dec_1")
    assert [event.type for event in events] == [
        EventType.OPENED,
        EventType.WAITING,
        EventType.RESOLVED,
        EventType.CLOSED,
        EventType.REVIEWED,
    ]
    assert [event.previous for event in events] == [None, *[e.digest for e in events[:-1]]]


async def test_another_tenants_decision_is_not_found(opened, answer, projector) -> None:
    ledger = opened()
    projector.follow(ledger)
    await answer(ledger, "dec_1")
    assert await projector.events_of("other", "dec_1") == ()
    assert await projector.previous_digest("other", "dec_1") is None


async def test_a_changed_field_is_not_shown(opened, answer, befit, projector) -> None:
    ledger = opened()
    projector.follow(ledger)
    await answer(ledger, "dec_1")
    await projector.caught_up()
    path = befit / "sealed/0.log"
    changed = bytearray(path.read_bytes())
    changed[200] ^= 1
    path.write_bytes(bytes(changed))
    with pytest.raises(WorkspaceError, match="damaged"):
        await projector.events_of("default", "dec_1")


async def test_fields_of_a_destroyed_key_are_absent(opened, answer, befit, index) -> None:
    ledger = opened()
    await answer(ledger, "dec_1")
    (befit / "keys/tenant-default.key").unlink()
    blind = Projector(index=index, reader=LedgerReader(befit, load_openers(befit)))
    events = await blind.events_of("default", "dec_1")
    assert [event.fields for event in events] == [None] * 4


async def test_an_index_of_another_ledger_is_refused(opened, answer, projector, index) -> None:
    ledger = opened()
    projector.follow(ledger)
    await answer(ledger, "dec_1")
    await index.apply((), "0", LogPosition(events=99, leaf_offset=10**9, sealed_offset=10**9))
    with pytest.raises(WorkspaceError, match="has read 99 events of log 0, which holds 4"):
        await projector.caught_up()
