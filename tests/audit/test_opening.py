"""After a crash at any byte the log reopens, keeps what was acknowledged, and says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from befit.audit import FileLedger, Keyring, LedgerReader, LogPosition, open_ledger, verify
from befit.errors import WorkspaceError
from befit.testing.ledger import opening_drafts


def reopened(befit: Path, keyring: Keyring) -> FileLedger:
    ledger = open_ledger(befit, keyring)
    ledger.close()
    return ledger


def administrative(befit: Path, keyring: Keyring) -> list[dict[str, object]]:
    batch = LedgerReader(befit, keyring.sealer).read(
        "0", LogPosition(), until=None, most_events=10**6
    )
    return [
        {name: msgspec.json.decode(bytes(raw)) for name, raw in row.event.fields.items()}
        for row in batch.rows
        if row.event.type == "administrative"
    ]


@pytest.fixture
async def crashed(opened, answer, befit, tmp_path) -> tuple[Path, LogPosition, LogPosition]:
    """A folder as a crash leaves it, where the last group began and where it ended."""
    ledger = opened()
    await answer(ledger, "dec_1")
    await answer(ledger, "dec_2")
    before = ledger.durable_sizes()["0"]
    await ledger.append(opening_drafts("dec_3"))
    after = ledger.durable_sizes()["0"]
    return shutil.copytree(befit, tmp_path / "crashed"), before, after


def cut(folder: Path, *, leaves: int, sealed: int) -> None:
    for name, length in (("ledger", leaves), ("sealed", sealed)):
        with (folder / name / "0.log").open("rb+") as file:
            file.truncate(length)


def check_reopened(folder: Path, keyring: Keyring, kept: bytes, *, is_torn: bool) -> None:
    assert (not verify(folder, live={}).ok) == is_torn
    ledger = reopened(folder, keyring)
    assert (folder / "ledger/0.log").read_bytes().startswith(kept)
    assert (ledger.repaired is not None) == is_torn
    report = verify(folder, live={})
    assert report.ok, report.problems
    assert len(administrative(folder, keyring)) == is_torn


async def test_a_crash_while_leaves_are_written(crashed, keyring, tmp_path) -> None:
    folder, before, after = crashed
    kept = (folder / "ledger/0.log").read_bytes()[: before.leaf_offset]
    for end in range(before.leaf_offset, after.leaf_offset + 1, 19):
        copy = shutil.copytree(folder, tmp_path / f"at-{end}")
        cut(copy, leaves=end, sealed=after.sealed_offset)
        check_reopened(copy, keyring, kept, is_torn=end < after.leaf_offset)
        shutil.rmtree(copy)


async def test_a_crash_while_sealed_fields_are_written(crashed, keyring, tmp_path) -> None:
    folder, before, after = crashed
    kept = (folder / "ledger/0.log").read_bytes()[: before.leaf_offset]
    for end in range(before.sealed_offset, after.sealed_offset + 1, 13):
        copy = shutil.copytree(folder, tmp_path / f"at-{end}")
        cut(copy, leaves=before.leaf_offset, sealed=end)
        check_reopened(copy, keyring, kept, is_torn=end > before.sealed_offset)
        shutil.rmtree(copy)


@pytest.mark.heavy
async def test_a_crash_at_every_byte_of_the_leaves(crashed, keyring, tmp_path) -> None:
    folder, before, after = crashed
    kept = (folder / "ledger/0.log").read_bytes()[: before.leaf_offset]
    for end in range(before.leaf_offset, after.leaf_offset + 1):
        copy = shutil.copytree(folder, tmp_path / f"at-{end}")
        cut(copy, leaves=end, sealed=after.sealed_offset)
        check_reopened(copy, keyring, kept, is_torn=end < after.leaf_offset)
        shutil.rmtree(copy)


async def test_a_crash_that_lost_a_page_and_kept_the_closing_line(crashed, keyring) -> None:
    folder, before, _ = crashed
    path = folder / "ledger/0.log"
    torn = bytearray(path.read_bytes())
    torn[before.leaf_offset + 10 : before.leaf_offset + 400] = bytes(390)
    path.write_bytes(bytes(torn))
    ledger = reopened(folder, keyring)
    assert ledger.repaired is not None
    assert ledger.repaired.had_signature
    assert administrative(folder, keyring)[0]["had_signature"] is True
    assert verify(folder, live={}).ok


async def test_a_crash_in_the_middle_of_a_repair_is_repaired_and_recorded(
    crashed, keyring, tmp_path
) -> None:
    folder, before, after = crashed
    cut(folder, leaves=after.leaf_offset - 30, sealed=after.sealed_offset)
    torn = (folder / "ledger/0.log").read_bytes()
    reopened(folder, keyring)
    repaired = (folder / "ledger/0.log").read_bytes()
    sealed = (folder / "sealed/0.log").read_bytes()
    kept = torn[: before.leaf_offset]
    for written in range(0, len(repaired) - len(kept), 41):
        # The record has reached the disk up to here; what it overwrites stands behind it.
        copy = shutil.copytree(folder, tmp_path / f"at-{written}")
        mixed = repaired[: len(kept) + written] + torn[len(kept) + written :]
        (copy / "ledger/0.log").write_bytes(mixed)
        (copy / "sealed/0.log").write_bytes(sealed)
        (copy / "ledger/0.checkpoint").unlink()
        (copy / "ledger/checkpoint").unlink()
        reopened(copy, keyring)
        assert administrative(copy, keyring)
        assert verify(copy, live={}).ok
        shutil.rmtree(copy)


async def test_a_repair_records_what_was_cut(crashed, keyring) -> None:
    folder, before, _ = crashed
    cut(folder, leaves=before.leaf_offset + 5, sealed=before.sealed_offset)
    repaired = reopened(folder, keyring).repaired
    (record,) = administrative(folder, keyring)
    assert repaired is not None
    assert (repaired.leaf_bytes, repaired.sealed_bytes) == (5, 0)
    assert record["action"] == "repaired"
    assert record["subject"] == "ledger/0.log"
    assert record["cut_leaf_sha256"] == repaired.leaf_sha256
    assert reopened(folder, keyring).repaired is None


@pytest.mark.parametrize("with_checkpoint", [True, False])
async def test_damage_that_no_crash_causes_is_refused(
    opened, answer, befit, keyring, with_checkpoint: bool
) -> None:
    ledger = opened()
    for number in range(4):
        await answer(ledger, f"dec_{number}")
    if with_checkpoint:
        ledger.close()
    else:
        ledger._writer._files.close()  # as a crash would: no checkpoint is written
        ledger._writer.finish = lambda **_: None
    path = befit / "ledger/0.log"
    whole = path.read_bytes()
    damages: list[Callable[[bytes], bytes]] = [lambda data: data[:-1]] if with_checkpoint else []
    damages.append(lambda data: b"" if with_checkpoint else data[:100] + b"x" + data[101:])
    for damage in damages:
        path.write_bytes(damage(whole))
        damaged = path.read_bytes()
        with pytest.raises(WorkspaceError, match="damaged"):
            open_ledger(befit, keyring)
        assert path.read_bytes() == damaged
    path.write_bytes(whole)


async def test_missing_sealed_fields_are_refused_not_repaired(
    opened, answer, befit, keyring
) -> None:
    ledger = opened()
    await answer(ledger, "dec_1")
    ledger.close()
    (befit / "sealed/0.log").write_bytes(b"")
    with pytest.raises(WorkspaceError, match=r"sealed/0\.log is damaged"):
        open_ledger(befit, keyring)


async def test_time_never_goes_back_over_a_restart(
    opened, answer, befit, keyring, monkeypatch
) -> None:
    ledger = opened()
    await answer(ledger, "dec_1")
    ledger.close()
    monkeypatch.setattr("befit.audit.group.time.time_ns", lambda: 1_000_000_000)
    again = opened()
    await answer(again, "dec_2")
    again.close()
    report = verify(befit)
    assert report.ok, report.problems
