"""Data keys are durable before use, shared by processes, nameless, and gone once destroyed."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.audit import BoxError, KeyDestroyedError
from befit.audit.data_key_file import KeyFile, KeyRecord
from befit.audit.data_keys import Bucket, DataKeys
from befit.audit.durable import sync_folder
from befit.audit.keys import Pseudonyms
from befit.audit.month import month_end, month_of, month_start
from befit.audit.tenant_keys import SealingKey
from befit.errors import WorkspaceError
from befit.vocabulary import DataClass

TENANT = SealingKey(tenant="default", secret=bytes(range(32)))
OTHER = SealingKey(tenant="other", secret=bytes(range(1, 33)))
ALICE = Bucket("default", "key:alice", DataClass.INTERNAL)
BOB = ALICE._replace(subject="key:bob")
NOVEMBER, DECEMBER = 1_795_500_000.0, 1_796_500_000.0


def opened(folder: Path, *, now: Callable[[], float] = lambda: NOVEMBER) -> DataKeys:
    """As another process would open them."""
    tenants = {"default": TENANT, "other": OTHER}
    pseudonyms = Pseudonyms(bytes(32))
    return DataKeys(folder / "data", tenants, pseudonym_of=pseudonyms.of, clock=now)


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((folder / "data").rglob("*.keys")))


def test_a_bucket_keeps_its_key_over_restarts(tmp_path: Path) -> None:
    key = opened(tmp_path).current([ALICE])[ALICE]
    again = opened(tmp_path)
    assert again.current([ALICE])[ALICE] == key
    assert again.secret("default", key.key_id) == key.secret


def test_subjects_classes_tenants_and_months_have_keys_of_their_own(tmp_path: Path) -> None:
    buckets = [
        ALICE,
        BOB,
        ALICE._replace(tenant="other"),
        *(ALICE._replace(data_class=each) for each in (*DataClass, None)),
    ]
    now = [NOVEMBER]
    keys = opened(tmp_path, now=lambda: now[0])
    first = keys.current(buckets)
    now[0] = DECEMBER
    second = keys.current(buckets)
    made = {key.key_id for key in (*first.values(), *second.values())}
    assert len(made) == 2 * len(set(buckets))
    assert {key.key_id[:7] for key in first.values()} == {"2026-11"}
    assert {key.key_id[:7] for key in second.values()} == {"2026-12"}
    assert keys.secret("default", first[ALICE].key_id) == first[ALICE].secret


def test_the_files_name_nobody_are_for_their_owner_and_hold_no_key_in_the_open(
    tmp_path: Path,
) -> None:
    key = opened(tmp_path).current([ALICE])[ALICE]
    (path,) = (tmp_path / "data").rglob("*.keys")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert b"alice" not in files(tmp_path)
    assert key.secret not in files(tmp_path)
    assert key.secret.hex() not in repr(key)


def test_a_destroyed_key_is_overwritten_where_it_lay_and_never_comes_back(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    made = keys.current([ALICE, BOB])
    before = files(tmp_path)
    keys.destroy("default", [made[ALICE].key_id])
    after = files(tmp_path)
    assert len(after) == len(before)
    start = before.index(bytes.fromhex(made[ALICE].key_id[8:])) + 10
    lay = before[start : start + 76]  # pseudonym, nonce and wrapped key
    assert lay.strip(b"\0")
    assert lay not in after
    for each in (keys, opened(tmp_path)):
        with pytest.raises(KeyDestroyedError):
            each.secret("default", made[ALICE].key_id)
        assert not each.holds("default", made[ALICE].key_id)
        assert each.secret("default", made[BOB].key_id) == made[BOB].secret
        assert each.current([ALICE])[ALICE].key_id != made[ALICE].key_id


def test_destroying_again_and_what_never_was_changes_nothing(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    made = keys.current([ALICE, BOB])
    keys.destroy("default", [made[ALICE].key_id])
    left = files(tmp_path)
    keys.destroy("default", [made[ALICE].key_id, "2026-11." + "0" * 20, "2001-01." + "0" * 20])
    assert files(tmp_path) == left


def test_a_key_that_another_process_destroyed_is_noticed(tmp_path: Path) -> None:
    here, there = opened(tmp_path), opened(tmp_path)
    key = here.current([ALICE])[ALICE]
    assert not here.renewed()
    there.destroy("default", [key.key_id])
    here._look_at = 0.0  # a second later
    assert here.renewed()
    with pytest.raises(KeyDestroyedError):
        here.secret("default", key.key_id)
    assert here.current([ALICE])[ALICE].key_id != key.key_id


def test_a_key_that_another_process_made_is_found(tmp_path: Path) -> None:
    here, there = opened(tmp_path), opened(tmp_path)
    here.current([BOB])
    key = there.current([ALICE])[ALICE]
    assert here.secret("default", key.key_id) == key.secret
    assert here.current([ALICE])[ALICE] == key


MAKING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_data_keys import opened, ALICE
keys = opened(Path(sys.argv[1]))
buckets = [ALICE._replace(subject=f"key:{number}") for number in range(50)]
print(*sorted(key.key_id for key in keys.current(buckets).values()))
"""


def test_processes_that_make_keys_at_once_make_the_same_ones(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAKING, str(tmp_path), str(Path(__file__).parent)]
    makers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = {maker.communicate(timeout=60)[0] for maker in makers}
    assert [maker.returncode for maker in makers] == [0, 0, 0]
    assert len(told) == 1
    assert len(told.pop().split()) == 50


@given(lost=st.integers(0, 6 * 128), garbage=st.binary(max_size=127))
@settings(max_examples=40, deadline=None)
def test_an_end_that_a_crash_tore_loses_only_what_it_cut(
    tmp_path_factory: pytest.TempPathFactory, lost: int, garbage: bytes
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    buckets = [ALICE._replace(subject=f"key:{number}") for number in range(5)]
    made = [opened(folder).current([bucket])[bucket] for bucket in buckets]
    (path,) = (folder / "data").rglob("*.keys")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - lost] + garbage[: lost % 128])
    keys = opened(folder)
    survivors = made[: max(0, len(made) - -(-lost // 128))]
    for key in survivors:
        assert keys.secret("default", key.key_id) == key.secret
    again = keys.current(buckets)
    assert [again[bucket] for bucket in buckets][: len(survivors)] == survivors
    assert opened(folder).current(buckets) == again


@given(at=st.integers(0, 87), mask=st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_changed_record_never_gives_another_key(
    tmp_path_factory: pytest.TempPathFactory, at: int, mask: int
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    key = opened(folder).current([ALICE])[ALICE]
    (path,) = (folder / "data").rglob("*.keys")
    changed = bytearray(path.read_bytes())
    changed[128 + at] ^= mask
    path.write_bytes(bytes(changed))
    keys = opened(folder)
    with pytest.raises((BoxError, KeyDestroyedError)):
        keys.secret("default", key.key_id)
    assert keys.current([ALICE])[ALICE].secret != key.secret


def test_a_key_that_could_not_be_synced_is_never_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = opened(tmp_path)
    keys.current([BOB])
    before = files(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _refusing)
        with pytest.raises(OSError, match="no space"):
            keys.current([ALICE])
    assert files(tmp_path) == before
    key = keys.current([ALICE])[ALICE]
    assert opened(tmp_path).secret("default", key.key_id) == key.secret


@pytest.mark.parametrize("is_refused_first", [False, True])
def test_a_new_files_name_is_durable_and_so_are_those_of_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_refused_first: bool
) -> None:
    keys = opened(tmp_path)
    if is_refused_first:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", _refusing)
            with pytest.raises(OSError, match="no space"):
                keys.current([ALICE])
    synced: set[Path] = set()
    real = sync_folder

    def told(folder: Path) -> None:
        real(folder)
        synced.add(folder)

    monkeypatch.setattr("befit.audit.data_key_file.sync_folder", told)
    keys.current([ALICE])
    assert synced >= {tmp_path, tmp_path / "data", tmp_path / "data" / "default"}


def test_a_file_that_bears_no_months_name_is_none_of_keys(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    key = keys.current([ALICE])[ALICE]
    folder = tmp_path / "data" / "default"
    shutil.copy(folder / "2026-11.keys", folder / "2026-13.keys")
    assert [entry.key_id for entry in keys.entries("default")] == [key.key_id]


def test_keys_of_another_tenant_key_are_refused_and_not_made_anew(tmp_path: Path) -> None:
    opened(tmp_path).current([ALICE])
    before = files(tmp_path)
    swapped = DataKeys(
        tmp_path / "data",
        {"default": SealingKey(tenant="default", secret=secrets.token_bytes(32))},
        pseudonym_of=Pseudonyms(bytes(32)).of,
        clock=lambda: NOVEMBER,
    )
    with pytest.raises(WorkspaceError, match="another tenant key"):
        swapped.current([ALICE])
    assert files(tmp_path) == before


def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data" / "default" / "2026-11.keys"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 512)
    with pytest.raises(WorkspaceError, match="holds no data keys"):
        opened(tmp_path).current([ALICE])


def many(count: int) -> list[Bucket]:
    return [ALICE._replace(subject=f"key:{number}") for number in range(count)]


def test_listing_keys_names_every_live_one_and_takes_no_memory_for_each(tmp_path: Path) -> None:
    now = [NOVEMBER]
    keys = opened(tmp_path, now=lambda: now[0])
    made = keys.current(many(20_000))
    now[0] = DECEMBER
    made |= keys.current([BOB])
    keys.destroy("default", [made.pop(many(1)[0]).key_id])
    again = opened(tmp_path)
    assert {entry.key_id for entry in again.entries("default")} == {
        key.key_id for key in made.values()
    }
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    assert sum(1 for _ in again.entries("default")) == 20_000
    now_held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert now_held - before < 50_000
    assert most - before < 3_000_000


def test_who_seals_waits_neither_for_a_listing_nor_for_a_lookup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOVEMBER]
    old = opened(tmp_path, now=lambda: now[0]).current([ALICE])[ALICE]
    now[0] = DECEMBER
    keys = opened(tmp_path, now=lambda: now[0])
    readers: list[threading.Thread] = []
    arrived, go_on = threading.Semaphore(0), threading.Event()
    real = KeyFile.read

    def slowly(file: KeyFile, start: int) -> Iterator[tuple[int, KeyRecord]]:
        for each in real(file, start):
            if threading.current_thread() in readers:
                arrived.release()
                assert go_on.wait(60)
            yield each

    monkeypatch.setattr(KeyFile, "read", slowly)
    listed: list[str] = []
    readers += [
        threading.Thread(target=lambda: listed.extend(e.key_id for e in keys.entries("default"))),
        threading.Thread(target=lambda: listed.append(keys.secret("default", old.key_id).hex())),
    ]
    sealing = threading.Thread(target=lambda: keys.current([ALICE, BOB]))
    try:
        for reader in readers:
            reader.start()
        for _ in readers:
            assert arrived.acquire(timeout=60)
        sealing.start()
        sealing.join(timeout=20)
        assert not sealing.is_alive()
    finally:
        go_on.set()
        for thread in (*readers, sealing):
            thread.join()
    assert {old.key_id, old.secret.hex()} <= set(listed)


def test_a_half_read_listing_keeps_no_other_process_from_making_keys(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    keys.current(many(10))
    listing = keys.entries("default")
    next(listing)
    command = [sys.executable, "-c", MAKING, str(tmp_path), str(Path(__file__).parent)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert len(told.split()) == 50
    assert len(list(listing)) == 9


def test_destroying_keys_of_a_past_month_leaves_this_months_known(tmp_path: Path) -> None:
    now = [NOVEMBER]
    keys = opened(tmp_path, now=lambda: now[0])
    old = keys.current([ALICE])[ALICE]
    now[0] = DECEMBER
    new = keys.current([ALICE])[ALICE]
    keys.destroy("default", [old.key_id])
    assert keys.current([ALICE])[ALICE] == new
    assert not keys.holds("default", old.key_id)


@pytest.mark.parametrize(
    "key_id", ["", "x", "2026-11", "../../x.aa", "2026-1\u0661.00", "tenant-a:1"]
)
def test_an_id_that_is_none_opens_nothing(tmp_path: Path, key_id: str) -> None:
    with pytest.raises(KeyDestroyedError):
        opened(tmp_path).secret("default", key_id)


@given(st.integers(0, 4_000_000_000))
def test_a_moment_lies_in_its_month(unix_s: int) -> None:
    month = month_of(unix_s)
    assert month_start(month) <= unix_s < month_end(month)
    assert month_of(month_end(month)) != month


def _refusing(descriptor: int) -> None:
    raise OSError(28, "no space left on device")
