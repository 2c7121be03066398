"""`Leaf`: the public line of an event, and the salted commitments it makes.

A leaf is canonical JSON: keys in the order below, no spaces, no newline. Its digest is
its RFC 6962 leaf hash. It names nobody and shows no field: the principal is a keyed
pseudonym and each field is committed to as

    base64(SHA-256(salt || name || value))

with a salt of 16 random bytes of its own, so that one field can be disclosed without
making another guessable. The name stands in the leaf, so the hashed bytes have one
reading. Salts and fields lie in the sealed line.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from befit.audit.events import EventType
from befit.audit.note import encode_base64

LEAF_VERSION = 1
SALT_BYTES = 16

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_sha256 = hashlib.sha256
_encode = msgspec.json.Encoder().encode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    """One event as the log shows it. Field order is the canonical key order.

    Attributes:
        time: RFC 3339 in UTC with microseconds; never earlier than the leaf before.
        prev: hex digest of the decision's previous event; None on the first.
        principal: pseudonym under the workspace's key; the same person in one tenant
            has the same one.
        key_id: the key that sealed the fields.
        commitments: base64 by field name, in the order of the sealed fields.
    """

    v: int
    type: EventType
    time: str
    tenant: str
    decision: str
    step: str
    prev: str | None
    policy: str
    principal: str
    key_id: str
    commitments: dict[str, str]


_decode_leaf = msgspec.json.Decoder(Leaf).decode


class LeafError(ValueError):
    """A line is not a leaf, or not in its only spelling."""


class NewLeaf(msgspec.Struct):
    """A leaf about to be appended: `Leaf` with its commitments still bytes.

    msgspec writes bytes as base64 in C, which takes a fraction of encoding each one here.
    """

    v: int
    type: str
    time: str
    tenant: str
    decision: str
    step: str
    prev: str | None
    policy: str
    principal: str
    key_id: str
    commitments: dict[str, bytes]


def encode_leaf(leaf: NewLeaf) -> bytes:
    """The canonical bytes of a leaf about to be appended, without a newline."""
    return _encode(leaf)


def decode_leaf(line: bytes) -> Leaf:
    """Read one leaf line, without its newline.

    Raises:
        LeafError: where it is not a leaf, or spelled in another way than ours.
    """
    try:
        leaf = _decode_leaf(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LeafError(f"not a leaf: {error}") from None
    if _encode(leaf) != line:
        raise LeafError("a leaf in a second spelling")
    if leaf.v != LEAF_VERSION:
        raise LeafError(f"leaf version {leaf.v}; this Befit reads {LEAF_VERSION}")
    return leaf


def is_time(text: str) -> bool:
    """Whether a text has the form of a leaf's time; such texts sort as their times do."""
    return _TIME.fullmatch(text) is not None


def time_us(text: str) -> int:
    """A leaf's time in Unix microseconds.

    Raises:
        LeafError: where it is not UTC with microseconds in our spelling.
    """
    try:
        if not is_time(text):
            raise ValueError
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise LeafError(f"{text!r} is not a time of the ledger") from None
    return (moment - _EPOCH) // timedelta(microseconds=1)


class Committer:
    """Makes the commitments of events; one a log, because it remembers field names."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[str, ...], tuple[list[bytes], struct.Struct]] = {}

    def commit(self, fields: Mapping[str, msgspec.Raw], salts: bytes) -> dict[str, bytes]:
        """The commitment of each field, in order; `salts` holds 16 bytes for each."""
        names = tuple(fields)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._remember(names)
        coded, split = shape
        salted = map(b"".join, zip(split.unpack(salts), coded, fields.values(), strict=True))
        return dict(zip(names, [value.digest() for value in map(_sha256, salted)], strict=True))

    def _remember(self, names: tuple[str, ...]) -> tuple[list[bytes], struct.Struct]:
        # Event types have a handful of shapes; the bound only guards against a caller
        # that invents field names.
        if len(self._shapes) >= 1024:
            self._shapes.clear()
        split = struct.Struct(f"{SALT_BYTES}s" * len(names))
        shape = ([name.encode() for name in names], split)
        self._shapes[names] = shape
        return shape


def pack_fields(fields: Mapping[str, msgspec.Raw], salts: bytes) -> bytes:
    """What is sealed of an event: the salts, then the fields as one JSON object."""
    return salts + _encode(fields)


def unpack_fields(leaf: Leaf, packed: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a leaf from what was sealed, by name.

    Raises:
        LeafError: where they are not the JSON object that the leaf names.
    """
    try:
        fields = _decode_fields(packed[SALT_BYTES * len(leaf.commitments) :])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LeafError(f"the sealed fields are not JSON: {error}") from None
    if list(fields) != list(leaf.commitments):
        raise LeafError("the sealed fields have other names than the leaf")
    return fields


def check_commitments(leaf: Leaf, packed: bytes) -> dict[str, msgspec.Raw]:
    """As `unpack_fields`, with every value checked against its commitment.

    Raises:
        LeafError: where a value is not the one the leaf committed to.
    """
    fields = unpack_fields(leaf, packed)
    if pack_fields(fields, packed[: SALT_BYTES * len(fields)]) != packed:
        raise LeafError("sealed fields in a second spelling")
    for at, (name, value) in enumerate(fields.items()):
        salt = packed[at * SALT_BYTES : (at + 1) * SALT_BYTES]
        committed = _sha256(b"".join((salt, name.encode(), value))).digest()
        if encode_base64(committed) != leaf.commitments[name]:
            raise LeafError(f"the sealed field {name!r} does not fit its commitment")
    return fields
