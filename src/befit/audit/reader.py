"""`LedgerReader`: events as they were, read back from the files and opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from befit.audit.events import Event
from befit.audit.group import FRAME_HEADER, SEAL_PURPOSE
from befit.audit.index import Batch, EventPointer, IndexedEvent, LogPosition
from befit.audit.layout import LedgerPaths
from befit.audit.leaf import (
    Leaf,
    LeafError,
    check_commitments,
    decode_leaf,
    salts_of,
    unpack_sections,
)
from befit.audit.merkle import leaf_hash
from befit.audit.scan import RawGroup, read_groups
from befit.audit.sealing import BoxError, KeyDestroyedError, Sealer
from befit.audit.sections import Sections
from befit.errors import WorkspaceError

MOST_BOX_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Disclosure:
    """All there is to show of one event: its leaf, and what opens its commitments.

    Attributes:
        event: as `event_at` reads it.
        sections: None where the key that sealed them was destroyed.
        salts: for caller and account.
    """

    event: Event
    leaf: str
    sections: Sections | None
    salts: tuple[bytes, bytes]


class LedgerReader:
    """Reads events of all logs. Blocking: call it from a thread."""

    def __init__(self, befit: Path, sealer: Sealer) -> None:
        self._paths = LedgerPaths(befit=befit)
        self._sealer = sealer

    def logs(self) -> tuple[str, ...]:
        """The names of the logs there are."""
        return self._paths.logs()

    def read(
        self, log: str, position: LogPosition, *, until: LogPosition | None, most_events: int
    ) -> Batch:
        """Whole groups from a position on, at least one where there is one.

        Args:
            log: the log's name.
            position: where the last batch ended.
            until: what is durable; None reads up to the last closed group.
            most_events: after this many events the batch ends with its group.

        Raises:
            WorkspaceError: the files are damaged here.
        """
        path = self._paths.leaves(log)
        rows: list[IndexedEvent] = []
        with path.open("rb") as leaves, self._paths.sealed(log).open("rb") as sealed:
            end = until.leaf_offset if until else path.stat().st_size
            sealed.seek(position.sealed_offset)
            for raw in read_groups(leaves, start=position.leaf_offset, end=end):
                if raw.note_line is None:
                    break
                rows.extend(self._rows(log, raw, sealed, position))
                position = LogPosition(
                    events=position.events + len(raw.leaves),
                    leaf_offset=raw.end,
                    sealed_offset=sealed.tell(),
                )
                if len(rows) >= most_events:
                    break
        return Batch(rows=tuple(rows), position=position)

    def event_at(self, pointer: EventPointer) -> Event:
        """One event, its leaf and fields checked against each other.

        Raises:
            WorkspaceError: the files are damaged here.
        """
        line, leaf, packed = self._read_at(pointer)
        fields = None if packed is None else unpack_sections(packed)
        return _event(pointer.log, pointer.index, leaf, line=line, fields=fields)

    def disclosed_at(self, pointer: EventPointer) -> Disclosure:
        """One event with the salts of its commitments, checked as `event_at` checks it.

        Raises:
            WorkspaceError: the files are damaged here.
        """
        line, leaf, packed = self._read_at(pointer)
        sections = None if packed is None else unpack_sections(packed)
        return Disclosure(
            event=_event(pointer.log, pointer.index, leaf, line=line, fields=sections),
            leaf=line.decode(),
            sections=sections,
            salts=(b"", b"") if packed is None else salts_of(packed),
        )

    def _read_at(self, pointer: EventPointer) -> tuple[bytes, Leaf, bytes | None]:
        """A leaf, and what its box holds, checked against the leaf's commitments."""
        path = self._paths.leaves(pointer.log)
        with path.open("rb") as leaves, self._paths.sealed(pointer.log).open("rb") as sealed:
            leaves.seek(pointer.leaf_offset)
            line = leaves.readline().removesuffix(b"\n")
            sealed.seek(pointer.sealed_offset)
            try:
                leaf = decode_leaf(line)
                packed = open_box(self._sealer, leaf, read_box(sealed))
                if packed is not None:
                    check_commitments(leaf, packed)
            except (LeafError, BoxError) as error:
                raise _damaged(path, pointer.leaf_offset, str(error)) from None
        return line, leaf, packed

    def _rows(
        self, log: str, raw: RawGroup, sealed: BinaryIO, position: LogPosition
    ) -> Iterator[IndexedEvent]:
        leaf_offset = raw.start
        for index, line in enumerate(raw.leaves, position.events):
            sealed_offset = sealed.tell()
            try:
                leaf, box = decode_leaf(line), read_box(sealed)
                fields = open_fields(self._sealer, leaf, box, is_checked=False)
            except (LeafError, BoxError) as error:
                raise _damaged(self._paths.leaves(log), leaf_offset, str(error)) from None
            yield IndexedEvent(
                event=_event(log, index, leaf, line=line, fields=fields),
                pointer=EventPointer(
                    log=log, index=index, leaf_offset=leaf_offset, sealed_offset=sealed_offset
                ),
            )
            leaf_offset += len(line) + 1


def read_box(sealed: BinaryIO) -> bytes:
    """The next sealed box of a sealed file.

    Raises:
        BoxError: the file ends within it.
    """
    header = sealed.read(FRAME_HEADER.size)
    if len(header) < FRAME_HEADER.size:
        raise BoxError("the sealed file ends before the event's fields")
    (length,) = FRAME_HEADER.unpack(header)
    if length > MOST_BOX_BYTES:
        raise BoxError(f"sealed fields of {length} bytes")
    box = sealed.read(length)
    if len(box) < length:
        raise BoxError("the sealed file ends within the event's fields")
    return box


def open_fields(sealer: Sealer, leaf: Leaf, box: bytes, *, is_checked: bool) -> Sections | None:
    """The fields of an event; None where the key that sealed them was destroyed.

    Args:
        sealer: holds the keys there are.
        leaf: the event's leaf.
        box: its sealed box.
        is_checked: whether the sections are compared with their commitments.

    Raises:
        BoxError: the box was changed.
        LeafError: the fields are not those the leaf committed to.
    """
    packed = open_box(sealer, leaf, box)
    if packed is None:
        return None
    return check_commitments(leaf, packed) if is_checked else unpack_sections(packed)


def open_box(sealer: Sealer, leaf: Leaf, box: bytes) -> bytes | None:
    """What an event's box holds; None where the key that sealed it was destroyed.

    Raises:
        BoxError: the box was changed.
        LeafError: it is sealed under another key than the leaf says.
    """
    try:
        return sealer.open(leaf.tenant, SEAL_PURPOSE, box)
    except KeyDestroyedError as error:
        if error.key_id != leaf.key_id:
            raise LeafError(f"sealed under {error.key_id}, not {leaf.key_id}") from None
        return None


def _event(log: str, index: int, leaf: Leaf, *, line: bytes, fields: Sections | None) -> Event:
    return Event(
        log=log,
        index=index,
        type=leaf.type,
        time=leaf.time,
        tenant=leaf.tenant,
        decision_id=leaf.decision,
        step=leaf.step,
        policy=leaf.policy,
        digest=leaf_hash(line).hex(),
        previous=leaf.prev,
        fields=fields,
    )


def _damaged(path: Path, offset: int, detail: str) -> WorkspaceError:
    return WorkspaceError(
        f"{path} is damaged at byte {offset}: {detail}",
        next_step="run `befit audit verify`, then restore the ledger from a backup",
    )
