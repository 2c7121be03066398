"""Boxes open only where they were made for, and never after their key is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.audit import BoxError, KeyDestroyedError, Sealer
from befit.audit.sealing import SealingKey
from befit.errors import WorkspaceError

key = SealingKey(tenant="default", secret=bytes(range(32)))
sealer = Sealer({"default": key})


@given(st.binary(max_size=300))
def test_what_was_sealed_opens_in_another_process_with_the_same_key(plain: bytes) -> None:
    box = sealer.seal("default", "ledger", plain)
    assert Sealer({"default": key}).open("default", "ledger", box) == plain
    assert len(plain) < 16 or plain not in box


def test_equal_texts_make_different_boxes() -> None:
    boxes = {sealer.seal("default", "ledger", b"same") for _ in range(100)}
    assert len(boxes) == 100


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_box_with_any_byte_changed_does_not_open(position: int, mask: int) -> None:
    box = bytearray(sealer.seal("default", "ledger", b"a passage of some length"))
    box[position % len(box)] ^= mask
    with pytest.raises((BoxError, KeyDestroyedError)):
        sealer.open("default", "ledger", bytes(box))


def test_a_cut_box_does_not_open() -> None:
    box = sealer.seal("default", "ledger", b"text")
    for length in range(len(box)):
        with pytest.raises((BoxError, KeyDestroyedError)):
            sealer.open("default", "ledger", box[:length])


def test_a_box_does_not_open_for_another_purpose_or_tenant() -> None:
    box = sealer.seal("default", "ledger", b"text")
    with pytest.raises(BoxError, match="changed or moved"):
        sealer.open("default", "approval", box)
    with pytest.raises(BoxError, match="changed or moved"):
        sealer.open("other", "ledger", box)


def test_a_destroyed_key_erases_what_it_sealed_and_names_itself() -> None:
    box = sealer.seal("default", "ledger", b"text")
    renewed = Sealer({"default": SealingKey(tenant="default", secret=b"n" * 32)})
    with pytest.raises(KeyDestroyedError) as caught:
        renewed.open("default", "ledger", box)
    assert caught.value.key_id == key.key_id


def test_a_tenant_without_a_key_is_told_which_file_is_missing() -> None:
    with pytest.raises(WorkspaceError, match=r"tenant-other\.key"):
        sealer.seal("other", "ledger", b"text")


def test_a_key_does_not_show_in_its_representation() -> None:
    assert "secret" not in repr(key)
