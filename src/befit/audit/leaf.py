"""`Leaf`: the public line of an event, and the salted commitments it makes.

A leaf is canonical JSON: keys in the order below, no spaces, no newline. Its digest is
its RFC 6962 leaf hash. It names nobody and shows no field: the principal is a keyed
pseudonym, and each section of the fields (`Sections`) is committed to as

    base64(SHA-256(salt || name of the section || section))

with a salt of 16 random bytes of its own, so that one section can be disclosed without
making the other guessable. Salts and sections lie in the sealed box:

    16 bytes salt of caller | 16 bytes salt of account | 4 bytes length | caller | account
"""

from __future__ import annotations

import hashlib
import re
import struct
from datetime import UTC, datetime, timedelta

import msgspec

from befit.audit.events import EventType
from befit.audit.note import encode_base64
from befit.audit.sections import Sections

LEAF_VERSION = 1
SALTS_BYTES = 32
"""Of one event: 16 for each section."""

_HEAD = struct.Struct(">16s16sI")
_split_salts = struct.Struct("16s16s").unpack

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_sha256 = hashlib.sha256
_encode = msgspec.json.Encoder().encode


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    """One event as the log shows it. Field order is the canonical key order.

    Attributes:
        time: RFC 3339 in UTC with microseconds; never earlier than the leaf before.
        prev: hex digest of the decision's previous event; None on the first.
        principal: pseudonym under the workspace's key; the same person in one tenant
            has the same one.
        key_id: the key that sealed the fields.
        caller: base64 commitment to the section that says who.
        account: base64 commitment to the section that says all else.
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
    caller: str
    account: str


_decode_leaf = msgspec.json.Decoder(Leaf).decode


class LeafError(ValueError):
    """A line is not a leaf, or not in its only spelling."""


class NewLeaf(msgspec.Struct):
    """A leaf about to be appended: `Leaf` with its commitments still bytes.

    msgspec writes bytes as base64 in C, which takes a fraction of encoding each one here.
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
    caller: bytes
    account: bytes


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


def commit(sections: Sections, salts: bytes) -> tuple[bytes, bytes]:
    """The commitments to both sections; `salts` holds 16 bytes for each."""
    for_caller, for_account = _split_salts(salts)
    return (
        _sha256(for_caller + b"caller" + sections.caller).digest(),
        _sha256(for_account + b"account" + sections.account).digest(),
    )


def pack_sections(sections: Sections, salts: bytes) -> bytes:
    """What is sealed of an event."""
    caller = sections.caller
    return b"".join((salts, len(caller).to_bytes(4), caller, sections.account))


def unpack_sections(packed: bytes) -> Sections:
    """The sections from what was sealed.

    Raises:
        LeafError: where they are not two JSON objects without a name in common.
    """
    if len(packed) < _HEAD.size:
        raise LeafError("the sealed fields are cut")
    length: int = _HEAD.unpack_from(packed)[2]
    end = _HEAD.size + length
    try:
        return Sections.read(packed[_HEAD.size : end], packed[end:])
    except ValueError as error:
        raise LeafError(f"the sealed fields cannot be read: {error}") from None


def salts_of(packed: bytes) -> tuple[bytes, bytes]:
    """The salts of both commitments from what was sealed."""
    for_caller, for_account = _split_salts(packed[:SALTS_BYTES])
    return for_caller, for_account


def check_commitments(leaf: Leaf, packed: bytes) -> Sections:
    """As `unpack_sections`, with both sections checked against their commitments.

    Raises:
        LeafError: also where a section is not the one the leaf committed to.
    """
    sections = unpack_sections(packed)
    caller, account = commit(sections, packed[:SALTS_BYTES])
    if encode_base64(caller) != leaf.caller:
        raise LeafError("the sealed caller does not fit its commitment")
    if encode_base64(account) != leaf.account:
        raise LeafError("the sealed account does not fit its commitment")
    return sections
