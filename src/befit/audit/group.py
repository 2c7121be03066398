"""A group: the events that become durable together under one signature.

    {"v":1,"type":"opened",...}          a leaf
    {"v":1,"type":"reserved",...}        a leaf
    {"note":"befit/1f3a09c2/0\\n128\\n...  the group's closing line

The closing line is a signed checkpoint of the whole log with two extension lines:

    group FIRST ROOT       index of the group's first event, Merkle root of its leaves
    sealed END SHA256      bytes of the sealed file so far, hash of the group's part of it

so a receipt needs a short path only, and every sealed byte is bound even where the key
that could open it is gone.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from befit.audit.chains import ChainHeads, DecisionKey, begins_chain, ends_chain
from befit.audit.events import Draft, Event, EventType, Receipt
from befit.audit.index import EventPointer, IndexedEvent
from befit.audit.key_chain import KeyChain
from befit.audit.keys import Keyring
from befit.audit.leaf import (
    LEAF_VERSION,
    SALTS_BYTES,
    NewLeaf,
    commit,
    encode_leaf,
    pack_sections,
)
from befit.audit.merkle import Frontier, GroupTree, leaf_hash
from befit.audit.note import Checkpoint, NoteError, decode_base64, encode_base64
from befit.audit.sealing import Owner
from befit.audit.sections import Sections

SEAL_PURPOSE = "ledger"
NOTE_PREFIX = b'{"note":'


class _NoteLine(msgspec.Struct, forbid_unknown_fields=True):
    note: str


FRAME_HEADER = struct.Struct(">I")
"""Before each box of the sealed file: its length."""

_encode_line = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(_NoteLine).decode


@dataclass(kw_only=True, slots=True)
class LogState:
    """Where a log stands: all that is needed to append the next group.

    Attributes:
        last_time_us: time of the last event in Unix microseconds; time never goes back.
    """

    frontier: Frontier
    leaf_bytes: int = 0
    sealed_bytes: int = 0
    last_time_us: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """One group ready to be written: bytes for both files, one receipt an event.

    Attributes:
        rows: the events as they will be read back.
    """

    sealed: bytes
    leaves: bytes
    receipts: tuple[Receipt, ...]
    rows: tuple[IndexedEvent, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupNote:
    """A group's closing note, read."""

    checkpoint: Checkpoint
    first: int
    root: bytes
    sealed_bytes: int
    sealed_hash: bytes

    @classmethod
    def from_note(cls, note: str, keys: KeyChain) -> GroupNote:
        """Check the signature of a note and read it.

        Raises:
            NoteError: forged, malformed, or not a group's closing note.
        """
        checkpoint = keys.open_checkpoint(note)
        try:
            group, sealed = checkpoint.extensions
            _, first, root = group.split(" ")
            _, sealed_bytes, sealed_hash = sealed.split(" ")
            read = cls(
                checkpoint=checkpoint,
                first=int(first),
                root=decode_base64(root),
                sealed_bytes=int(sealed_bytes),
                sealed_hash=decode_base64(sealed_hash),
            )
        except ValueError:
            raise NoteError("the note does not close a group") from None
        if read.extensions != checkpoint.extensions:
            raise NoteError("a group's note in a second spelling")
        return read

    @classmethod
    def from_line(cls, line: bytes, keys: KeyChain) -> GroupNote:
        """As `from_note`, from a line of the log without its newline.

        Raises:
            NoteError: as `from_note`, or where the line is spelled in another way.
        """
        return cls.from_note(note_of_line(line), keys)

    @property
    def extensions(self) -> tuple[str, str]:
        """The two extension lines as they are signed."""
        return (
            f"group {self.first} {encode_base64(self.root)}",
            f"sealed {self.sealed_bytes} {encode_base64(self.sealed_hash)}",
        )


class _Lines:
    """The events of a group under construction, in each form they are needed in."""

    def __init__(self, log: str, state: LogState) -> None:
        self.sealed: list[bytes] = []
        self.leaves: list[bytes] = []
        self.hashes: list[bytes] = []
        self.rows: list[IndexedEvent] = []
        self._log = log
        self._index = state.frontier.size
        self._leaf_offset = state.leaf_bytes
        self._sealed_offset = state.sealed_bytes

    def add(self, leaf: NewLeaf, sections: Sections, box: bytes) -> str:
        """Take the next event; the digest of its leaf in hex."""
        line = encode_leaf(leaf)
        digest = leaf_hash(line)
        hexed = digest.hex()
        header = FRAME_HEADER.pack(len(box))
        self.sealed += (header, box)
        self.leaves.append(line)
        self.hashes.append(digest)
        event = Event(
            log=self._log,
            index=self._index,
            type=leaf.type,
            time=leaf.time,
            tenant=leaf.tenant,
            decision_id=leaf.decision,
            step=leaf.step,
            policy=leaf.policy,
            digest=hexed,
            previous=leaf.prev,
            fields=sections,
        )
        pointer = EventPointer(
            log=self._log,
            index=self._index,
            leaf_offset=self._leaf_offset,
            sealed_offset=self._sealed_offset,
        )
        self.rows.append(IndexedEvent(event=event, pointer=pointer))
        self._index += 1
        self._leaf_offset += len(line) + 1
        self._sealed_offset += len(header) + len(box)
        return hexed


class GroupBuilder:
    """Turns drafts into groups, one after the other, for one log.

    Not safe from two threads; the state it was given moves on with each group, so a
    group that could not be written leaves a builder that must not be used again.
    """

    def __init__(self, log: str, *, keyring: Keyring, state: LogState, heads: ChainHeads) -> None:
        self._log = log
        self._origin = log_origin(keyring.signer.name, log)
        self._keyring = keyring
        self._state = state
        self._heads = heads
        self._second = (-1, "")

    def build(self, drafts: Sequence[Draft], known: Mapping[DecisionKey, str]) -> Group:
        """The next group. `known` gives chain heads that may have left memory."""
        state, log = self._state, self._log
        first = state.frontier.size
        lines = self._lines(drafts, known)
        for digest in lines.hashes:
            state.frontier.append(digest)
        tree = GroupTree(lines.hashes)
        sealed_part = b"".join(lines.sealed)
        state.sealed_bytes += len(sealed_part)
        note = self._sign(first, tree.root, hashlib.sha256(sealed_part).digest())
        leaf_part = b"\n".join((*lines.leaves, _encode_line(_NoteLine(note)), b""))
        state.leaf_bytes += len(leaf_part)
        receipts = tuple(
            Receipt(log=log, index=index, leaf=leaf.decode(), path=path, note=note)
            for index, (leaf, path) in enumerate(
                zip(lines.leaves, tree.paths(encode_base64), strict=True), first
            )
        )
        return Group(
            sealed=sealed_part, leaves=leaf_part, receipts=receipts, rows=tuple(lines.rows)
        )

    def _lines(self, drafts: Sequence[Draft], known: Mapping[DecisionKey, str]) -> _Lines:
        heads, pseudonym = self._heads, self._keyring.pseudonyms.of
        sealings = self._keyring.sealer.sealings([_owner(draft) for draft in drafts])
        lines = _Lines(self._log, self._state)
        now = self._time()
        salts = os.urandom(SALTS_BYTES * len(drafts))
        for at, (draft, sealing) in enumerate(zip(drafts, sealings, strict=True)):
            tenant, sections = draft.tenant, Sections.of(draft.fields)
            key = (tenant, draft.decision_id)
            own = salts[at * SALTS_BYTES : (at + 1) * SALTS_BYTES]
            leaf = NewLeaf(
                LEAF_VERSION,
                draft.type,
                now,
                tenant,
                draft.decision_id,
                draft.step,
                None if begins_chain(draft.type) else _head(heads.get(key) or known[key]),
                draft.policy,
                pseudonym(tenant, draft.principal),
                sealing.key_id,
                *commit(sections, own),
            )
            box = sealing.seal(SEAL_PURPOSE, pack_sections(sections, own))
            digest = lines.add(leaf, sections, box)
            heads.advance(key, digest, has_ended=ends_chain(draft.type))
        return lines

    def _time(self) -> str:
        now_us = max(time.time_ns() // 1000, self._state.last_time_us)
        self._state.last_time_us = now_us
        second, micros = divmod(now_us, 1_000_000)
        if second != self._second[0]:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        return f"{self._second[1]}.{micros:06d}Z"

    def _sign(self, first: int, root: bytes, sealed_hash: bytes) -> str:
        state = self._state
        head = Checkpoint(origin=self._origin, size=state.frontier.size, root=state.frontier.root())
        closing = GroupNote(
            checkpoint=head,
            first=first,
            root=root,
            sealed_bytes=state.sealed_bytes,
            sealed_hash=sealed_hash,
        )
        return self._keyring.signer.sign(head.text + "\n".join((*closing.extensions, "")))


def _head(digest: str) -> str:
    if not digest:
        raise ValueError("an event continues a decision whose opening was not appended")
    return digest


def _owner(draft: Draft) -> Owner:
    # Administrative events are the tenant's: who changed or read what outlives a person's
    # data, and the record of a destroyed key must stay readable.
    if draft.type is EventType.ADMINISTRATIVE:
        return Owner(draft.tenant)
    return Owner(draft.tenant, draft.subject or draft.principal, draft.data_class)


def note_of_line(line: bytes) -> str:
    """The note that a closing line of the log holds, its signature not yet checked.

    Raises:
        NoteError: it is no closing line, or spelled in another way.
    """
    try:
        read = _decode_line(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoteError(f"not a group's closing line: {error}") from None
    if _encode_line(read) != line:
        raise NoteError("a group's closing line in a second spelling")
    return read.note


def log_origin(key_name: str, log: str) -> str:
    """The origin line of a log's checkpoints."""
    return f"{key_name}/{log}"
