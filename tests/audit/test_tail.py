"""What is kept in memory of a log's end is what its files say, and never grows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from befit.audit import Keyring, LedgerReader, LogPosition, Projector
from befit.audit.index import Batch
from befit.audit.tail import Tail
from befit.testing.ledger import MemoryDecisionIndex, draft


def _at(events: int) -> LogPosition:
    return LogPosition(events=events, leaf_offset=10 * events, sealed_offset=10 * events)


class _Unreadable(LedgerReader):
    def read(self, *_: object, **__: object) -> Batch:  # type: ignore[override]
        raise AssertionError("what this process has just written was read back")


async def test_memory_and_files_tell_the_same_events(
    opened, answer, befit: Path, keyring: Keyring
) -> None:
    ledger = opened()
    await asyncio.gather(*[answer(ledger, f"dec_{number}") for number in range(20)])
    await ledger.append((draft("administrative", "admin_1", {"action": "a", "by": "key:x"}),))
    until = ledger.durable_sizes()["0"]
    remembered = ledger.recent(LogPosition(), most_events=1_000)
    reader = LedgerReader(befit, keyring.sealer)
    read = reader.read("0", LogPosition(), until=until, most_events=1_000)
    assert remembered is not None
    assert len(read.rows) == 81
    for ours, theirs in zip(remembered.rows, read.rows, strict=True):
        assert ours == theirs
        assert reader.event_at(ours.pointer) == theirs.event
    assert remembered.position == read.position == until


async def test_a_process_does_not_read_back_what_it_has_just_written(
    opened, answer, befit: Path, keyring: Keyring
) -> None:
    ledger, index = opened(), MemoryDecisionIndex()
    projector = Projector(index=index, reader=_Unreadable(befit, keyring.sealer))
    projector.follow(ledger)
    await answer(ledger, "dec_1")
    await projector.caught_up()
    assert [event.type for event in index.applied] == ["opened", "reserved", "settled", "closed"]


async def test_what_an_earlier_process_wrote_is_read_from_the_files(
    opened: Callable[..., object], answer, befit: Path, keyring: Keyring
) -> None:
    first = opened()
    await answer(first, "dec_1")
    first.close()
    second, index = opened(), MemoryDecisionIndex()
    projector = Projector(index=index, reader=LedgerReader(befit, keyring.sealer))
    projector.follow(second)
    await answer(second, "dec_2")
    await projector.caught_up()
    assert [event.index for event in index.applied] == list(range(8))


async def test_a_projection_that_fell_out_of_memory_goes_on_from_the_files(
    opened, answer, befit: Path, keyring: Keyring
) -> None:
    ledger, index = opened(), MemoryDecisionIndex()
    ledger._writer.tail = Tail(most_events=8)
    projector = Projector(index=index, reader=LedgerReader(befit, keyring.sealer), batch_events=4)
    projector.follow(ledger)
    for number in range(10):
        await answer(ledger, f"dec_{number}")
    await projector.caught_up()
    assert [event.index for event in index.applied] == list(range(40))


def test_it_holds_no_more_than_it_may() -> None:
    rows = tuple(range(4))
    by_events, by_bytes = Tail(most_events=40), Tail(most_bytes=800)
    for tail in (by_events, by_bytes):
        for first in range(0, 4_000, 4):
            tail.add(_at(first), Batch(rows=rows, position=_at(first + 4)))  # type: ignore[arg-type]
        assert tail.after(_at(3_956), most_events=1_000) is None
        batch = tail.after(_at(3_960), most_events=1_000)
        assert batch is not None
        assert len(batch.rows) == 40
        assert batch.position == _at(4_000)
        assert tail.after(_at(4_000), most_events=1_000) is None


def test_a_batch_ends_with_the_group_that_fills_it() -> None:
    tail = Tail()
    for first in range(0, 40, 4):
        tail.add(_at(first), Batch(rows=tuple(range(4)), position=_at(first + 4)))  # type: ignore[arg-type]
    batch = tail.after(_at(0), most_events=6)
    assert batch is not None
    assert batch.position == _at(8)


def test_another_place_at_the_same_count_is_not_taken_for_ours() -> None:
    tail = Tail()
    tail.add(_at(4), Batch(rows=tuple(range(4)), position=_at(8)))  # type: ignore[arg-type]
    elsewhere = LogPosition(events=4, leaf_offset=1, sealed_offset=1)
    assert tail.after(elsewhere, most_events=1) is None
