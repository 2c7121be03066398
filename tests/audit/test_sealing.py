"""Boxes open only where they were made for, and never after their key is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.audit import BoxError, KeyDestroyedError, Sealer
from befit.audit.data_keys import DataKeys
from befit.audit.keys import Pseudonyms
from befit.audit.sealing import Owner
from befit.audit.tenant_keys import SealingKey
from befit.errors import WorkspaceError
from befit.vocabulary import DataClass

key = SealingKey(tenant="default", secret=bytes(range(32)))
sealer = Sealer({"default": key})

BOX_OF_VERSION_1 = bytes.fromhex(
    "011774656e616e742d64656661756c743a6536353062343038dd70e0d606ae7896ab619b6cf0c160"
    "e1000000000000000000000000f7d15b3fdd1163b6e83fc146640300174676dca7d8a0afbdac"
)
"""What the first version of this file made of b"a passage", for default/ledger."""


def subjects(folder: Path, *, now: list[float] | None = None) -> Sealer:
    """A sealer with data keys, as a process opens it."""
    clock = now or [1_795_500_000.0]
    keys = {"default": key, "other": SealingKey(tenant="other", secret=bytes(range(2, 34)))}
    pseudonyms = Pseudonyms(bytes(32))
    data_keys = DataKeys(folder, keys, pseudonym_of=pseudonyms.of, clock=lambda: clock[0])
    return Sealer(keys, data_keys)


@given(st.binary(max_size=300))
def test_what_was_sealed_opens_in_another_process_with_the_same_key(plain: bytes) -> None:
    box = sealer.seal("default", "ledger", plain)
    assert Sealer({"default": key}).open("default", "ledger", box) == plain
    assert len(plain) < 16 or plain not in box


def test_a_box_of_an_existing_workspace_still_opens(tmp_path: Path) -> None:
    for each in (sealer, subjects(tmp_path)):
        assert each.open("default", "ledger", BOX_OF_VERSION_1) == b"a passage"


def test_equal_texts_make_different_boxes() -> None:
    boxes = {sealer.seal("default", "ledger", b"same") for _ in range(100)}
    assert len(boxes) == 100


@pytest.mark.parametrize("subject", [None, "key:alice"])
def test_a_box_with_any_byte_changed_or_cut_does_not_open(
    tmp_path: Path, subject: str | None
) -> None:
    each = subjects(tmp_path)
    box = each.seal("default", "ledger", b"a passage of some length", subject=subject)
    for at in range(len(box)):
        changed = bytearray(box)
        changed[at] ^= 0x41
        for broken in (bytes(changed), box[:at]):
            with pytest.raises((BoxError, KeyDestroyedError)):
                each.open("default", "ledger", broken)


def test_a_box_does_not_open_for_another_purpose_or_tenant(tmp_path: Path) -> None:
    box = sealer.seal("default", "ledger", b"text")
    with pytest.raises(BoxError, match="changed or moved"):
        sealer.open("default", "approval", box)
    with pytest.raises(BoxError, match="changed or moved"):
        sealer.open("other", "ledger", box)
    each = subjects(tmp_path)
    box = each.seal("default", "ledger", b"text", subject="key:alice")
    with pytest.raises(BoxError, match="changed or moved"):
        each.open("default", "approval", box)
    for opener in (each, subjects(tmp_path)):
        with pytest.raises((BoxError, KeyDestroyedError)):
            opener.open("other", "ledger", box)


def test_what_is_of_a_subject_opens_in_another_process(tmp_path: Path) -> None:
    here, there = subjects(tmp_path), subjects(tmp_path)
    for data_class in (*DataClass, None):
        box = here.seal("default", "run", b"text", subject="key:a", data_class=data_class)
        assert there.open("default", "run", box) == b"text"


def test_destroying_a_subjects_key_erases_theirs_alone(tmp_path: Path) -> None:
    each = subjects(tmp_path)
    owners = (Owner("default", "key:a"), Owner("default", "key:b"), Owner("default"))
    sealings = each.sealings(owners)
    boxes = [sealing.seal("run", b"text") for sealing in sealings]
    assert each.open("default", "run", boxes[0]) == b"text"
    each.destroy("default", [sealings[0].key_id])
    with pytest.raises(KeyDestroyedError) as caught:
        each.open("default", "run", boxes[0])
    assert caught.value.key_id == sealings[0].key_id
    assert [each.open("default", "run", box) for box in boxes[1:]] == [b"text", b"text"]
    renewed = each.seal("default", "run", b"later", subject="key:a")
    assert each.open("default", "run", renewed) == b"later"


def test_a_new_month_seals_under_new_keys(tmp_path: Path) -> None:
    now = [1_795_500_000.0]
    each = subjects(tmp_path, now=now)
    owner = (Owner("default", "key:a"),)
    (november,) = each.sealings(owner)
    now[0] += 31 * 86_400
    (december,) = each.sealings(owner)
    now[0] -= 31 * 86_400  # a clock may jump back
    (again,) = each.sealings(owner)
    assert (november.key_id[:7], december.key_id[:7]) == ("2026-11", "2026-12")
    assert again.key_id == november.key_id


def test_a_destroyed_key_erases_what_it_sealed_and_names_itself() -> None:
    box = sealer.seal("default", "ledger", b"text")
    renewed = Sealer({"default": SealingKey(tenant="default", secret=b"n" * 32)})
    with pytest.raises(KeyDestroyedError) as caught:
        renewed.open("default", "ledger", box)
    assert caught.value.key_id == key.key_id


def test_a_tenant_without_a_key_is_told_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"tenant-other\.key"):
        sealer.seal("other", "ledger", b"text")
    with pytest.raises(WorkspaceError, match=r"tenant-third\.key"):
        subjects(tmp_path).seal("third", "ledger", b"text", subject="key:a")


def test_a_key_does_not_show_in_its_representation() -> None:
    assert "secret" not in repr(key)
