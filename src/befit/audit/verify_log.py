"""Verifying one log's bytes: groups, leaves, and the sealed boxes behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from befit.audit.destroyed_keys import DestroyedKeys
from befit.audit.events import EventType
from befit.audit.findings import Problems, SeenEvent
from befit.audit.group import FRAME_HEADER, GroupNote, log_origin
from befit.audit.index import LogPosition
from befit.audit.key_chain import KeyChain
from befit.audit.layout import LedgerPaths
from befit.audit.leaf import Leaf, LeafError, decode_leaf, is_time
from befit.audit.merkle import Frontier, leaf_hash
from befit.audit.reader import open_fields, read_box
from befit.audit.scan import GroupError, RawGroup, check_group, join_group, read_groups
from befit.audit.sealing import BoxError, Sealer
from befit.audit.verify_files import CheckpointCheck

_TORN = ", as a crash leaves them; the next start cuts them off and records it"
_PERMIT = msgspec.json.Decoder(str)


class LogCheck:
    """Verifies one log as its events are drawn from `events_until`.

    Attributes:
        events: leaves read so far.
        frontier: over all groups that fit; behind the first that does not, roots of the
            whole log are no longer compared.
    """

    def __init__(
        self,
        paths: LedgerPaths,
        log: str,
        *,
        keys: KeyChain,
        sealer: Sealer,
        destroyed: DestroyedKeys,
        problems: Problems,
    ) -> None:
        self.log = log
        self.events = 0
        self.frontier = Frontier()
        self._paths = paths
        self._keys = keys
        self._origin = log_origin(keys.name, log)
        self._sealer = sealer
        self._destroyed = destroyed
        self._problems = problems
        self._is_joined = True
        self._last_time = ""

    def events_until(
        self, durable: LogPosition | None, checkpoints: CheckpointCheck
    ) -> Iterator[SeenEvent]:
        """The log's events, each verified; `durable` limits what is read."""
        leaf_path, sealed_path = self._paths.leaves(self.log), self._paths.sealed(self.log)
        checkpoints.meet(self.log, self.frontier)
        try:
            with leaf_path.open("rb") as leaves, sealed_path.open("rb") as sealed:
                end = durable.leaf_offset if durable else leaf_path.stat().st_size
                for raw in read_groups(leaves, start=0, end=end):
                    yield from self._group(raw, sealed)
                    if self._is_joined:
                        checkpoints.meet(self.log, self.frontier)
                self._end_of_sealed(sealed, durable)
        except OSError as error:
            self._problems.add(f"log {self.log} cannot be read: {error}")

    def _group(self, raw: RawGroup, sealed: BinaryIO) -> Iterator[SeenEvent]:
        if raw.note_line is None:
            self._is_joined = False
            self._add(raw.start, f"bytes at its end that no closing line signs{_TORN}")
            return
        start = sealed.tell()
        note = self._check(raw)
        leaf_offset = raw.start
        for line in raw.leaves:
            seen = self._leaf(line, sealed, leaf_offset=leaf_offset)
            leaf_offset += len(line) + 1
            if seen is not None:
                yield seen
        if note is None:
            return
        if note.sealed_bytes != sealed.tell():
            self._problems.add(f"sealed/{self.log}.log: boxes do not end where the ledger says")
            sealed.seek(note.sealed_bytes)
        if _hash_between(sealed, start, note.sealed_bytes) != note.sealed_hash:
            self._problems.add(f"sealed/{self.log}.log: bytes {start} on were changed")

    def _check(self, raw: RawGroup) -> GroupNote | None:
        try:
            note, hashes = check_group(raw, self._keys, self._origin)
        except GroupError as error:
            self._is_joined = False
            self._add(raw.start, str(error))
            return None
        if self._is_joined:
            joined = Frontier(self.frontier.size, self.frontier.nodes)
            try:
                join_group(note, hashes, joined)
                self.frontier = joined
            except GroupError as error:
                self._is_joined = False
                self._add(raw.start, str(error))
        return note

    def _leaf(self, line: bytes, sealed: BinaryIO, *, leaf_offset: int) -> SeenEvent | None:
        index, sealed_offset = self.events, sealed.tell()
        place = f"log {self.log}, event {index}"
        self.events += 1
        permit_id = None
        try:
            leaf = decode_leaf(line)
            permit_id = self._fields(leaf, sealed, place=place)
            if not is_time(leaf.time):
                raise LeafError(f"{leaf.time!r} is not a time of the ledger")
            if leaf.time < self._last_time:
                self._problems.add(f"{place}: its time lies before the event before it")
            self._last_time = leaf.time
        except (LeafError, BoxError) as error:
            self._problems.add(f"{place}: {error}")
            return None
        return SeenEvent(
            place=place,
            log=self.log,
            index=index,
            leaf_offset=leaf_offset,
            sealed_offset=sealed_offset,
            time=leaf.time,
            type=leaf.type,
            tenant=leaf.tenant,
            decision_id=leaf.decision,
            digest=leaf_hash(line).hex(),
            previous=leaf.prev,
            permit_id=permit_id,
        )

    def _fields(self, leaf: Leaf, sealed: BinaryIO, *, place: str) -> str | None:
        fields = open_fields(self._sealer, leaf, read_box(sealed), is_checked=True)
        if fields is None:
            self._destroyed.miss(leaf, place=place)
            return None
        if leaf.type == EventType.ADMINISTRATIVE:
            self._destroyed.follow(leaf, fields, place=place)
        if leaf.type not in {EventType.RESERVED, EventType.SETTLED}:
            return None
        try:
            return _PERMIT.decode(fields["permit_id"])
        except (KeyError, msgspec.DecodeError):
            raise LeafError(f"a {leaf.type} event without its permit_id") from None

    def _end_of_sealed(self, sealed: BinaryIO, durable: LogPosition | None) -> None:
        if durable is None and sealed.read(FRAME_HEADER.size):
            told = f"bytes at its end that no group names{_TORN}"
            self._problems.add(f"sealed/{self.log}.log: {told}")

    def _add(self, offset: int, detail: str) -> None:
        self._problems.add(f"ledger/{self.log}.log, byte {offset}: {detail}")


def _hash_between(file: BinaryIO, start: int, end: int) -> bytes:
    digest = hashlib.sha256()
    file.seek(start)
    left = end - start
    while left > 0 and (chunk := file.read(min(left, 1 << 20))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.digest()
