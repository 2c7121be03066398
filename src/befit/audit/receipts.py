"""Receipts outside Befit: one header value, and the check that anyone can make.

    leaf = verify_receipt(decode_receipt(value), verifier)

needs the receipt and the public key, and nothing else of Befit's.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from befit.audit.events import Receipt
from befit.audit.group import GroupNote, log_origin
from befit.audit.key_chain import KeyChain
from befit.audit.leaf import Leaf, LeafError, decode_leaf
from befit.audit.merkle import leaf_hash, root_from_path
from befit.audit.note import NoteError, NoteVerifier, decode_base64

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Receipt).decode
_decode_json = msgspec.json.Decoder(Receipt, strict=True).decode


class ReceiptError(ValueError):
    """A receipt is malformed, forged, or belongs to another ledger."""


def encode_receipt(receipt: Receipt) -> str:
    """The receipt as one header value: base64url without padding."""
    return base64.urlsafe_b64encode(_encode(receipt)).rstrip(b"=").decode()


def decode_receipt(value: str) -> Receipt:
    """Read a header value.

    Raises:
        ReceiptError: it is not a receipt.
    """
    try:
        raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        return _decode(raw)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise ReceiptError(f"not a receipt: {error}") from None


def receipt_to_json(receipt: Receipt) -> bytes:
    """The receipt as a JSON object."""
    return msgspec.json.encode(receipt)


def receipt_from_json(body: bytes) -> Receipt:
    """Read a JSON object.

    Raises:
        ReceiptError: it is not a receipt.
    """
    try:
        return _decode_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReceiptError(f"not a receipt: {error}") from None


def verify_receipt(receipt: Receipt, public_key: NoteVerifier | KeyChain) -> Leaf:
    """The leaf that the holder of the key has promised to keep.

    Args:
        receipt: as it came with the answer.
        public_key: the key that signed then, or the chain of the ledger's keys. Of a key
            that was replaced a receipt tells no more than that it signed: a thief of it
            could. The log, or a proof, tells whether it was so.

    Raises:
        ReceiptError: the leaf, path, place or signature is not what was promised.
    """
    keys = public_key if isinstance(public_key, KeyChain) else KeyChain(public_key)
    try:
        note = GroupNote.from_note(receipt.note, keys)
        path = [decode_base64(node) for node in receipt.path]
        leaf = decode_leaf(receipt.leaf.encode())
    except (NoteError, LeafError, UnicodeEncodeError) as error:
        raise ReceiptError(str(error)) from None
    if note.checkpoint.origin != log_origin(keys.name, receipt.log):
        raise ReceiptError(f"the receipt belongs to {note.checkpoint.origin}")
    root = root_from_path(
        leaf_hash(receipt.leaf.encode()),
        receipt.index - note.first,
        note.checkpoint.size - note.first,
        path,
    )
    if root != note.root:
        raise ReceiptError("the leaf is not in the group that the note was signed for")
    return leaf
