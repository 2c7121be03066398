"""A key that was replaced, and then stolen, proves nothing: the newest one must vouch for it."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.audit import (
    HeldNote,
    ReceiptError,
    encode_receipt,
    given_notes,
    open_keyring,
    open_ledger,
    proof_json,
    verify,
    verify_receipt,
)
from befit.audit.events import Receipt
from befit.audit.heads import LogHead, heads_text
from befit.audit.key_chain import Endorsement
from befit.audit.merkle import Frontier, leaf_hash
from befit.audit.note import Checkpoint, NoteError, NoteSigner, encode_base64
from befit.audit.proof import SubtreeRoots, consistency_ranges, inclusion_ranges
from befit.audit.rotation import next_signer
from befit.audit.signing_key import load_private_key
from befit.audit.standalone import NotProved
from befit.errors import WorkspaceError
from befit.testing.ledger import closing_drafts, opening_drafts
from tests.audit.proofs import Proven, proven, run_alone
from tests.audit.test_proving import checked, is_refused


@dataclass(frozen=True, kw_only=True)
class Theft:
    """A ledger whose key was replaced, and who has the old key.

    Attributes:
        stolen: the folder of the keys as it was before the rotation.
        end: where the log stood at the rotation.
        leaves: the true ones, oldest first.
    """

    true: Proven
    stolen: Path
    thief: NoteSigner
    end: LogHead
    leaves: tuple[str, ...]

    @property
    def invented(self) -> str:
        """A leaf of a decision that never was."""
        leaf = json.loads(self.leaves[0]) | {"decision": "dec_invented"}
        return json.dumps(leaf, separators=(",", ":"))

    def log(self, size: int) -> list[bytes]:
        """Hashes of a log whose last event is the invented one and all others are true."""
        return [leaf_hash(line.encode()) for line in (*self.leaves[: size - 1], self.invented)]

    def note(self, size: int, signer: NoteSigner | None = None) -> str:
        frontier = Frontier()
        for digest in self.log(size):
            frontier.append(digest)
        head = LogHead(log="0", size=size, root=frontier.root())
        return (signer or self.thief).sign(heads_text(self.thief.name, [head]))

    def proof(self, size: int, since: str | None = None, since_size: int = 0) -> str:
        """Prove the invented decision, linked to an older checkpoint where one is given."""
        ranges = inclusion_ranges(size - 1, size)
        grown = consistency_ranges(since_size, size)
        roots = SubtreeRoots((*ranges, *grown))
        for digest in self.log(size):
            roots.add(digest)
        path = [encode_base64(node) for node in roots.path(ranges)]
        link = [encode_base64(node) for node in roots.path(grown)]
        event = {"log": "0", "index": size - 1, "leaf": self.invented, "path": path}
        document = json.loads(self.true.text("dec_0")) | {
            "decision": "dec_invented",
            "checkpoint": self.note(size),
            "events": [event | {"caller": None, "account": None}],
        }
        if since:
            document["since"] = {"checkpoint": since, "logs": [{"log": "0", "path": link}]}
        return proof_json(document)


@pytest.fixture(scope="module")
def theft(tmp_path_factory: pytest.TempPathFactory) -> Theft:
    folder = tmp_path_factory.mktemp("theft")
    befit, keys = folder / "true" / ".befit", folder / "stolen"
    open_keyring(befit)
    shutil.copytree(befit / "keys", keys)
    true = proven(befit, decisions=5, rotates_at=2)
    lines = (befit / "ledger/0.log").read_text().splitlines()
    return Theft(
        true=true,
        stolen=keys,
        thief=NoteSigner(load_private_key(keys / "signing.pem"), true.keys.name),
        end=true.keys.endorsements[0].heads[0],
        leaves=tuple(line for line in lines if not line.startswith('{"note":')),
    )


def rewritten(theft: Theft, folder: Path, decisions: int) -> Path:
    """A ledger that the thief invented, beside the true chain of keys."""
    befit = folder / ".befit"
    shutil.copytree(theft.stolen, befit / "keys")

    async def write() -> None:
        ledger = open_ledger(befit, open_keyring(befit))
        for number in range(decisions):
            await ledger.append(opening_drafts(f"dec_{number}", most_usd="9"))
            await ledger.append(closing_drafts(f"dec_{number}"))
        ledger.close()

    asyncio.run(write())
    shutil.copy(theft.true.befit / "ledger/keys", befit / "ledger/keys")
    shutil.copy(theft.true.befit / "keys/signing.pem", befit / "keys/signing.pem")
    return befit


def test_what_a_replaced_key_signs_proves_nothing_however_small_the_log(theft: Theft) -> None:
    for size in range(1, theft.end.size + 3):
        for key in theft.true.keys.keys:
            assert is_refused(theft.proof(size), key), size


def test_nor_where_it_is_linked_to_a_checkpoint_that_the_reader_holds(
    theft: Theft, tmp_path: Path
) -> None:
    held = theft.true.checkpoints[0]
    text = theft.proof(5, since=held, since_size=4)
    assert json.loads(text)["since"]["checkpoint"] == held
    with pytest.raises(NotProved, match="not signed by"):
        checked(text, theft.true.keys.newest, (held,))
    (tmp_path / "proof.json").write_text(text)
    (tmp_path / "held.txt").write_text(held)
    arguments = ("--public-key", theft.true.keys.newest.text, "--checkpoint", "held.txt")
    alone = run_alone(tmp_path, "proof.json", *arguments)
    assert (alone.code, alone.out) == (1, "")


def test_the_forgeries_are_sound_but_for_the_key(theft: Theft) -> None:
    # Else the tests above would pass for another reason: without the chain, who trusts the
    # old key believes it.
    held = theft.true.checkpoints[0]
    for text in (theft.proof(3), theft.proof(5, since=held, since_size=4)):
        alone = proof_json(json.loads(text) | {"endorsements": []})
        assert any("dec_invented" in line for line in checked(alone, theft.true.keys.keys[0]))


def test_an_older_checkpoint_that_a_thief_signed_is_not_linked_to_the_true_ledger(
    theft: Theft,
) -> None:
    document = json.loads(theft.true.text("dec_4", since=theft.true.checkpoints[0]))
    checked(proof_json(document), theft.true.keys.newest)
    document["since"]["checkpoint"] = theft.note(4)
    with pytest.raises(NotProved, match="does not begin with"):
        checked(proof_json(document), theft.true.keys.newest)
    with pytest.raises((ValueError, NoteError), match="does not begin with"):
        theft.true.proof("dec_4", since=theft.note(4))


def test_a_proof_is_made_from_what_the_newest_key_signed_and_linked_to_what_was_before(
    theft: Theft,
) -> None:
    before = theft.true.checkpoints[1]
    with pytest.raises(ValueError, match="a key that was replaced"):
        theft.true.proof("dec_0", checkpoint=before)
    linked = theft.true.text("dec_0", since=before)
    assert "the checkpoint that you hold" in checked(linked, theft.true.keys.newest, (before,))[-1]


def test_a_forged_beginning_of_the_chain_of_keys_lends_no_trust(theft: Theft) -> None:
    # The thief has an earlier key of his own endorsed by the stolen one.
    folder = theft.stolen.parent / "chain"
    (folder / "keys").mkdir(parents=True)
    own = next_signer(folder, theft.thief)
    before = Endorsement.signed(own, theft.thief, (LogHead(log="0", size=3, root=theft.end.root),))
    forger = replace(theft, thief=own)
    document = json.loads(forger.proof(3))
    document["endorsements"] = [before.note, *document["endorsements"]]
    with pytest.raises(NotProved, match="not signed by"):
        checked(proof_json(document), theft.true.keys.newest)


def test_a_head_at_the_end_of_a_key_is_the_endorsed_one(theft: Theft) -> None:
    keys = theft.true.keys
    for size in (theft.end.size, theft.end.size + 1):
        with pytest.raises(NoteError, match="was replaced at"):
            keys.open_heads(theft.note(size))
    real = theft.thief.sign(heads_text(keys.name, [theft.end]))
    assert keys.open_heads(real) == (theft.end,)
    assert not keys.is_current(real)
    assert keys.is_current(theft.true.checkpoints[-1])


@settings(max_examples=15, deadline=None)
@given(decisions=st.integers(1, 4))
def test_a_ledger_rewritten_with_a_replaced_key_is_found_by_anyone_and_not_gone_on_with(
    theft: Theft, decisions: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        befit = rewritten(theft, Path(folder), decisions)
        for key in theft.true.keys.keys:
            assert not verify(befit, public_key=key).ok
        with pytest.raises(WorkspaceError, match="damaged"):
            open_ledger(befit, open_keyring(befit))


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 14))
def test_no_held_note_of_a_thief_is_taken_for_the_ledgers(theft: Theft, size: int) -> None:
    befit = theft.true.befit
    every = given_notes("\n".join(theft.true.checkpoints))
    assert verify(befit, held=every).ok
    assert verify(befit, held=given_notes(theft.true.receipts[0])).ok
    for held in (HeldNote(note=theft.note(size), source="a thief's"), forged_receipt(theft, size)):
        notes = given_notes(encode_receipt(held)) if isinstance(held, Receipt) else (held,)
        assert not verify(befit, held=notes).ok


def forged_receipt(theft: Theft, size: int) -> Receipt:
    """A receipt of the invented event alone in the last group of a log."""
    frontier = Frontier()
    for digest in theft.log(size):
        frontier.append(digest)
    own = leaf_hash(theft.invented.encode())
    lines = (f"group {size - 1} {encode_base64(own)}", f"sealed 9 {encode_base64(own)}")
    origin = f"{theft.thief.name}/0"
    closing = Checkpoint(origin=origin, size=size, root=frontier.root(), extensions=lines)
    note = theft.thief.sign(closing.text)
    return Receipt(log="0", index=size - 1, leaf=theft.invented, path=(), note=note)


def test_a_receipt_of_a_replaced_key_is_refused_by_who_has_the_newest(theft: Theft) -> None:
    receipt = forged_receipt(theft, 3)
    verify_receipt(receipt, theft.true.keys.keys[0])  # as good as any, to who trusts that key
    checked(encode_receipt(receipt), theft.true.keys.keys[0])
    with pytest.raises(ReceiptError):
        verify_receipt(receipt, theft.true.keys.newest)
    with pytest.raises(NotProved, match="not signed by"):
        checked(encode_receipt(receipt), theft.true.keys.newest)


def test_the_newest_key_vouches_for_no_head_that_only_a_replaced_one_signed(
    theft: Theft, tmp_path: Path
) -> None:
    befit = tmp_path / ".befit"
    shutil.copytree(theft.stolen, befit / "keys")

    async def write() -> str:
        other = open_ledger(befit, open_keyring(befit), log="1")
        await other.append(opening_drafts("dec_1"))
        other.close()
        ledger = open_ledger(befit, open_keyring(befit))
        await ledger.rotate_key(by="local:admin", policy="")
        (head,) = [each for each in ledger.keys.endorsements[0].heads if each.log == "1"]
        root = leaf_hash(b"invented")
        nodes = f"resume 1 1 1 {encode_base64(root)}"
        origin = f"{theft.thief.name}/1"
        forged = Checkpoint(origin=origin, size=1, root=root, extensions=(nodes,))
        (befit / "ledger/1.checkpoint").write_text(theft.thief.sign(forged.text))
        note = await ledger.checkpoint()
        assert head in ledger.keys.open_heads(note)
        ledger.close()
        return note

    assert encode_base64(leaf_hash(b"invented")) not in asyncio.run(write())
