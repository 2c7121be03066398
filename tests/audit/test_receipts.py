"""A receipt verifies with the public key alone, and a changed one never does."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.audit import (
    NoteVerifier,
    Receipt,
    ReceiptError,
    decode_receipt,
    encode_receipt,
    open_keyring,
    open_ledger,
    receipt_from_json,
    receipt_to_json,
    verify_receipt,
)
from befit.testing.ledger import opening_drafts


@pytest.fixture(scope="module")
def given_receipts(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[Receipt], NoteVerifier]:
    befit = tmp_path_factory.mktemp("receipts") / ".befit"
    keyring = open_keyring(befit)

    async def write() -> list[Receipt]:
        ledger = open_ledger(befit, keyring)
        groups = [ledger.append(opening_drafts(f"dec_{number}")) for number in range(7)]
        receipts = [receipt for group in await asyncio.gather(*groups) for receipt in group]
        ledger.close()
        return receipts

    return asyncio.run(write()), NoteVerifier.from_text(keyring.signer.verifier.text)


def test_every_receipt_survives_header_and_json_and_verifies(given_receipts) -> None:
    receipts, public_key = given_receipts
    for receipt in receipts:
        header = encode_receipt(receipt)
        assert len(header) < 4096
        assert set(header) <= set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        )
        assert decode_receipt(header) == receipt_from_json(receipt_to_json(receipt)) == receipt
        leaf = verify_receipt(receipt, public_key)
        assert leaf.decision in receipt.leaf


@given(st.integers(0, 13), st.integers(0, 10**6), st.integers(1, 127))
def test_a_receipt_whose_leaf_was_changed_does_not_verify(
    given_receipts, which: int, position: int, mask: int
) -> None:
    receipts, public_key = given_receipts
    leaf = bytearray(receipts[which].leaf.encode())
    leaf[position % len(leaf)] ^= mask
    changed = msgspec.structs.replace(receipts[which], leaf=leaf.decode("latin-1"))
    with pytest.raises(ReceiptError):
        verify_receipt(changed, public_key)


@given(st.integers(0, 13), st.integers(0, 13))
def test_a_receipt_does_not_verify_at_another_place(given_receipts, which: int, other: int) -> None:
    receipts, public_key = given_receipts
    if which == other:
        return
    moved = msgspec.structs.replace(receipts[which], index=other)
    swapped = msgspec.structs.replace(receipts[which], leaf=receipts[other].leaf)
    other_log = msgspec.structs.replace(receipts[which], log="1")
    for changed in (moved, swapped, other_log):
        with pytest.raises(ReceiptError):
            verify_receipt(changed, public_key)


@given(st.text(max_size=60))
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(ReceiptError):
        decode_receipt(text)
    with pytest.raises(ReceiptError):
        receipt_from_json(text.encode())
