"""Signed notes against the specification's own examples, and one spelling only."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from befit.audit.note import (
    Checkpoint,
    NoteError,
    NoteSigner,
    NoteVerifier,
    decode_base64,
    encode_base64,
)

# From the documentation of Go's sumdb/note package, on which C2SP's notes are modelled.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfq"
    "dngotpRZb6KE6RyyBwJnAM=\n"
)

signer = NoteSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
head = Checkpoint(origin="befit/x/0", size=7, root=bytes(32), extensions=("group 0 x",))
note = signer.sign(head.text)


def test_a_published_note_verifies_with_its_published_key() -> None:
    verifier = NoteVerifier.from_text(PUBLISHED_KEY)
    assert verifier.open(PUBLISHED_NOTE).startswith("If you think cryptography")
    assert verifier.text == PUBLISHED_KEY


def test_the_public_key_survives_being_written_down() -> None:
    assert NoteVerifier.from_text(signer.verifier.text).open(note) == head.text
    assert signer.name.startswith("befit/")


def test_a_checkpoint_reads_back_as_it_was_written() -> None:
    assert Checkpoint.from_text(signer.verifier.open_own(note)) == head


@given(st.integers(0, len(note.encode()) - 1), st.integers(1, 255))
def test_a_note_with_any_byte_changed_is_refused(position: int, mask: int) -> None:
    changed = bytearray(note.encode())
    changed[position] ^= mask
    try:
        text = changed.decode()
    except UnicodeDecodeError:
        return  # refused before it is a note
    with pytest.raises(NoteError):
        signer.verifier.open_own(text)


def test_another_key_of_the_same_name_is_refused() -> None:
    other = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(NoteError, match="no signature"):
        NoteVerifier(other, signer.name).open(note)


def test_a_witness_signature_passes_in_a_receipt_but_not_in_our_own_files() -> None:
    witness = NoteSigner(Ed25519PrivateKey.generate()).sign(head.text)
    cosigned = note + witness.rpartition("\n\n")[2]
    assert signer.verifier.open(cosigned) == head.text
    with pytest.raises(NoteError, match="a further signature line"):
        signer.verifier.open_own(cosigned)


@pytest.mark.parametrize(
    "text",
    [
        "befit/x/0\n7\n",
        "befit/x/0\n07\n" + encode_base64(bytes(32)) + "\n",
        "befit/x/0\n-7\n" + encode_base64(bytes(32)) + "\n",
        "befit/x/0\n7\n" + encode_base64(bytes(31)) + "\n",
        "befit/x/0\n7\n" + encode_base64(bytes(32)),
        "befit/x/0\n7\n" + encode_base64(bytes(32)) + "\n\n",
        "\n7\n" + encode_base64(bytes(32)) + "\n",
    ],
)
def test_a_checkpoint_has_one_spelling(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.from_text(text)


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QR==", "Q Q==", "QQ==\n", "-_8=", "QQ==QQ=="])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(NoteError):
        decode_base64(text)


def test_a_verifier_key_with_another_hash_is_refused() -> None:
    with pytest.raises(NoteError, match="is not that of the key"):
        NoteVerifier.from_text(PUBLISHED_KEY.replace("c74f20a3", "c74f20a4"))
