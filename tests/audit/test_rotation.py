"""The signing key is rotated: recorded, endorsed both ways, and safe to crash anywhere."""

from __future__ import annotations

import asyncio
import importlib
import shutil
from pathlib import Path

import pytest

from befit.audit import (
    NoteVerifier,
    load_signer,
    open_keyring,
    open_ledger,
    verify,
    verify_receipt,
)
from befit.audit.heads import LogHead
from befit.audit.key_chain import Endorsement, KeyChain
from befit.audit.merkle import EMPTY_ROOT
from befit.audit.note import NoteError
from befit.audit.rotation import next_signer
from befit.errors import Conflict, LedgerUnavailable, WorkspaceError
from befit.testing.ledger import closing_drafts, opening_drafts


def rotated(befit: Path, times: int = 2) -> list[NoteVerifier]:
    """A ledger with a decision under each of its keys; the keys, oldest first."""

    async def write() -> None:
        ledger = open_ledger(befit, open_keyring(befit))
        for number in range(times + 1):
            await ledger.append(opening_drafts(f"dec_{number}"))
            await ledger.append(closing_drafts(f"dec_{number}"))
            if number < times:
                await ledger.rotate_key(by="local:admin", policy="")
        ledger.close()

    asyncio.run(write())
    return list(load_signer(befit)[1].keys)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    befit = tmp_path_factory.mktemp("rotated") / ".befit"
    rotated(befit)
    return befit


def test_any_key_of_the_chain_verifies_the_whole(whole: Path) -> None:
    keys = load_signer(whole)[1].keys
    assert len(keys) == 3
    for key in (None, *keys):
        report = verify(whole, public_key=key)
        assert report.ok, report.problems
        assert (report.events, report.decisions) == (14, 3)
    assert len({key.name for key in keys}) == 1
    assert len({key.key_id for key in keys}) == 3


def test_a_key_outside_the_chain_verifies_nothing(whole: Path, tmp_path: Path) -> None:
    (stranger,) = rotated(tmp_path / ".befit", times=0)
    report = verify(whole, public_key=stranger)
    assert any("is not in the chain" in problem for problem in report.problems)


def test_the_ledger_goes_on_under_the_new_key_after_a_restart(whole: Path, tmp_path: Path) -> None:
    befit = shutil.copytree(whole, tmp_path / ".befit")

    async def go_on() -> None:
        ledger = open_ledger(befit, open_keyring(befit))
        (receipt, _) = await ledger.append(opening_drafts("dec_later"))
        assert verify_receipt(receipt, ledger.keys.newest).decision == "dec_later"
        await ledger.append(closing_drafts("dec_later"))
        ledger.close()

    asyncio.run(go_on())
    report = verify(befit)
    assert report.ok, report.problems


async def test_receipts_from_before_a_rotation_still_verify(opened, answer) -> None:
    ledger = opened()
    before = ledger.keys.newest
    receipts = await answer(ledger, "dec_1")
    await ledger.rotate_key(by="local:admin", policy="")
    receipts += await answer(ledger, "dec_2")
    for receipt in receipts:
        verify_receipt(receipt, ledger.keys)
    verify_receipt(receipts[0], before)


def test_every_byte_of_the_chain_counts(whole: Path, tmp_path: Path) -> None:
    content = (whole / "ledger/keys").read_bytes()
    befit = shutil.copytree(whole, tmp_path / ".befit")
    for position in range(0, len(content), 7):
        changed = bytearray(content)
        changed[position] ^= 1
        (befit / "ledger/keys").write_bytes(changed)
        assert not verify(befit).ok, position
    (befit / "ledger/keys").unlink()
    assert not verify(befit).ok
    with pytest.raises(WorkspaceError):
        open_ledger(befit, open_keyring(befit))


def test_a_key_that_was_replaced_signs_nothing_behind_its_end(tmp_path: Path) -> None:
    befit = tmp_path / ".befit"
    rotated(befit, times=0)
    stolen = shutil.copytree(befit, tmp_path / "stolen")

    async def write(folder: Path, *, rotates: bool) -> None:
        ledger = open_ledger(folder, open_keyring(folder))
        if rotates:
            await ledger.rotate_key(by="local:admin", policy="")
        await ledger.append(opening_drafts("dec_forged"))
        await ledger.append(closing_drafts("dec_forged"))
        ledger.close()

    asyncio.run(write(befit, rotates=True))
    asyncio.run(write(stolen, rotates=False))
    # The thief's log beside the true chain of keys: signed, but by a key that had ended.
    shutil.copy(befit / "ledger/keys", stolen / "ledger/keys")
    report = verify(stolen, public_key=load_signer(befit)[1].newest)
    assert not report.ok
    assert any("was replaced at event" in problem for problem in report.problems)


STEPS = [
    "befit.audit.writer.next_signer",
    "befit.audit.writer.rotation_draft",
    "befit.audit.layout.os.pwrite",
    "befit.audit.writer.Endorsement.signed",
    "befit.audit.writer.endorse",
    "befit.audit.durable.Path.replace",
    "befit.audit.rotation.settle_rotation",
    "befit.audit.rotation.sync_folder",
    "befit.audit.checkpoint.replace_file",
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_done", [False, True])
async def test_a_crash_at_any_step_loses_no_key(
    befit, answer, monkeypatch, step: str, is_done: bool
) -> None:
    ledger = open_ledger(befit, open_keyring(befit))
    await answer(ledger, "dec_1")
    first = ledger.keys.newest
    target, _, name = step.rpartition(".")
    with monkeypatch.context() as patch:
        owner = patch_owner(target)
        real = getattr(owner, name)

        def killed(*arguments: object, **named: object) -> None:
            if is_done:
                real(*arguments, **named)
            raise OSError(5, "killed here")

        # A rotation that died: nothing behind the step runs, in memory or on the disk.
        patch.setattr(
            owner,
            name,
            staticmethod(killed) if isinstance(owner, type) and name == "signed" else killed,
        )
        patch.setattr("befit.audit.committer.Committer._try_to_resume", lambda _self: None)
        patch.setattr("befit.audit.writer.GroupWriter.give_up", lambda _self: None)
        with pytest.raises((LedgerUnavailable, OSError)):
            await ledger.rotate_key(by="local:admin", policy="")
        ledger._committer.refusal = ledger._committer.refusal or "killed"
        ledger.close()
    again = open_ledger(befit, open_keyring(befit))
    await answer(again, "dec_2")
    await again.rotate_key(by="local:admin", policy="")
    await answer(again, "dec_3")
    again.close()
    for key in (None, first, again.keys.newest):
        report = verify(befit, public_key=key)
        assert report.ok, report.problems
    assert not (befit / "keys/signing.next.pem").exists()


def patch_owner(target: str) -> object:
    parts = target.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(target)


async def test_no_key_is_rotated_while_another_process_writes_a_log(opened, answer) -> None:
    ledger, other = opened(), opened(log="1")
    await answer(other, "dec_1")
    with pytest.raises(Conflict, match=r"ledger/1\.log"):
        await ledger.rotate_key(by="local:admin", policy="")
    assert len(await answer(ledger, "dec_2")) == 4
    assert len(ledger.keys.keys) == 1


async def test_a_log_at_rest_is_bound_by_a_rotation_too(befit, answer) -> None:
    other = open_ledger(befit, open_keyring(befit), log="1")
    await answer(other, "dec_1")
    other.close()
    ledger = open_ledger(befit, open_keyring(befit))
    await ledger.rotate_key(by="local:admin", policy="")
    await answer(ledger, "dec_2")
    ledger.close()
    other = open_ledger(befit, open_keyring(befit), log="1")
    await answer(other, "dec_3")
    other.close()
    report = verify(befit)
    assert report.ok, report.problems
    (endorsement,) = load_signer(befit)[1].endorsements
    assert [(head.log, head.size) for head in endorsement.heads] == [("0", 1), ("1", 4)]


@pytest.mark.parametrize("name", ["signing.pem", "pseudonym.key"])
def test_keys_that_are_missing_or_open_to_others_are_refused(whole, tmp_path, name: str) -> None:
    befit = shutil.copytree(whole, tmp_path / ".befit")
    (befit / "keys" / name).chmod(0o644)
    with pytest.raises(WorkspaceError, match="can be read by others"):
        open_keyring(befit)
    (befit / "keys" / name).unlink()
    with pytest.raises(WorkspaceError, match="is missing"):
        open_keyring(befit)


def test_the_key_from_before_a_rotation_is_refused(whole: Path, tmp_path: Path) -> None:
    befit = tmp_path / ".befit"
    rotated(befit, times=0)
    old = (befit / "keys/signing.pem").read_bytes()

    async def rotate() -> None:
        ledger = open_ledger(befit, open_keyring(befit))
        await ledger.rotate_key(by="local:admin", policy="")
        ledger.close()

    asyncio.run(rotate())
    (befit / "keys/signing.pem").write_bytes(old)
    with pytest.raises(WorkspaceError, match="ends with another key"):
        open_keyring(befit)


def test_a_chain_is_unbroken_or_refused(befit: Path) -> None:
    first = open_keyring(befit).signer
    second = next_signer(befit, first)
    heads = (LogHead(log="0", size=0, root=EMPTY_ROOT),)
    forward = Endorsement.signed(first, second, heads)
    back = Endorsement.signed(second, first, heads)
    chain = KeyChain(first.verifier, [forward])
    assert KeyChain.from_text(chain.text).text == chain.text
    for wrong in ([back], [forward, forward], [forward, back]):
        with pytest.raises(NoteError):
            KeyChain(first.verifier, wrong)
    for text in ("", chain.text[:-1], chain.text + "\n", chain.text + "x\n"):
        with pytest.raises(NoteError):
            KeyChain.from_text(text)


def test_a_rotated_key_is_for_its_owner_only(whole: Path) -> None:
    assert (whole / "keys/signing.pem").stat().st_mode & 0o777 == 0o600
    assert (whole / "ledger/keys").stat().st_mode & 0o777 == 0o600
