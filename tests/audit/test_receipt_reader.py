"""A receipt made again from the log is the one that was given, and of no other event."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from befit.audit import (
    EventPointer,
    KeyChain,
    LedgerReader,
    LogPosition,
    Receipt,
    ReceiptReader,
    open_keyring,
    open_ledger,
    verify_receipt,
)
from befit.errors import WorkspaceError
from befit.testing.ledger import closing_drafts, opening_drafts


@pytest.fixture(scope="module")
def written(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, KeyChain, dict[EventPointer, Receipt]]:
    """A ledger at rest whose signing key is elsewhere, and what was given for each event."""
    befit = tmp_path_factory.mktemp("written") / ".befit"
    keyring = open_keyring(befit)

    async def write() -> tuple[KeyChain, list[Receipt]]:
        ledger = open_ledger(befit, keyring)
        given: list[Receipt] = []
        for number in range(3):
            given += await ledger.append(opening_drafts(f"dec_{number}"))
            given += await ledger.append(closing_drafts(f"dec_{number}"))
            if number == 1:
                await ledger.rotate_key(by="local:admin", policy="")
        keys = ledger.keys
        ledger.close()
        return keys, given

    keys, given = asyncio.run(write())
    reader = LedgerReader(befit, keyring.sealer)
    rows = reader.read("0", LogPosition(), until=None, most_events=1_000).rows
    places = {row.pointer.index: row.pointer for row in rows}
    (befit / "keys/signing.pem").unlink()
    return befit, keys, {places[each.index]: each for each in given}


def test_receipts_come_again_as_they_were_given_without_the_signing_key(written) -> None:
    befit, keys, given = written
    receipts = ReceiptReader(befit, keys)
    assert receipts.public_keys == tuple(key.text for key in keys.keys)
    for pointer, receipt in reversed(given.items()):
        assert receipts.receipt_of(pointer) == receipt
    verify_receipt(receipts.receipt_of(pointer), keys.keys[0])


@pytest.mark.parametrize("by", [-2, -1, 2, 40])
def test_an_event_that_its_group_does_not_hold_has_no_receipt(written, by: int) -> None:
    befit, keys, given = written
    receipts = ReceiptReader(befit, keys)
    pointer = next(each for each in given if each.index == 6)  # the first of its group
    assert receipts.receipt_of(msgspec.structs.replace(pointer, index=7)).index == 7
    with pytest.raises(WorkspaceError, match=rf"does not hold event {6 + by}"):
        receipts.receipt_of(msgspec.structs.replace(pointer, index=6 + by))


def test_a_place_behind_the_end_has_no_receipt(written) -> None:
    befit, keys, given = written
    end = (befit / "ledger/0.log").stat().st_size
    pointer = msgspec.structs.replace(next(iter(given)), leaf_offset=end)
    with pytest.raises(WorkspaceError, match="not closed"):
        ReceiptReader(befit, keys).receipt_of(pointer)
