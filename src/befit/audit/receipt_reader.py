"""`ReceiptReader`: the receipt of an event, made again from the log long after.

    receipt = receipts.receipt_of(pointer)       # verifies as on the day of the answer

A receipt is the leaf, its path to the root of its group, and the signed note that closed
the group. All three lie in the log, so that a decision can be handed out with what proves
it, though nobody kept the receipt that came with the answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from befit.audit.events import Receipt
from befit.audit.group import NOTE_PREFIX, GroupNote, note_of_line
from befit.audit.index import EventPointer
from befit.audit.key_chain import KeyChain
from befit.audit.layout import LedgerPaths
from befit.audit.merkle import GroupTree, leaf_hash
from befit.audit.note import NoteError, encode_base64
from befit.audit.scan import RawGroup, read_groups
from befit.errors import WorkspaceError

_STEP_BYTES = 64 << 10
_CLOSING = b"\n" + NOTE_PREFIX
_MOST_GROUPS = 16


class _Group:
    """A group that was read: the paths of all its leaves, worked out once."""

    def __init__(self, raw: RawGroup | None, keys: KeyChain) -> None:
        if raw is None or raw.note_line is None:
            raise NoteError("the group is not closed")
        self.start, self.end = raw.start, raw.end
        self.note = note_of_line(raw.note_line)
        self.first = GroupNote.from_note(self.note, keys).first
        self.leaves = raw.leaves
        self.paths = tuple(GroupTree([leaf_hash(line) for line in raw.leaves]).paths(encode_base64))

    def place_of(self, index: int) -> int:
        """Which of its leaves is the log's event of a number."""
        at = index - self.first
        if not 0 <= at < len(self.leaves):
            raise NoteError(f"the group of event {self.first} does not hold event {index}")
        return at


class ReceiptReader:
    """Makes receipts from the files. Blocking: use it in a thread, one at a time.

    Args:
        befit: the folder that the ledger lies in.
        keys: the public keys that signed it so far.

    Attributes:
        public_keys: what receipts verify under, oldest first.
    """

    def __init__(self, befit: Path, keys: KeyChain) -> None:
        self._paths = LedgerPaths(befit=befit)
        self._keys = keys
        self.public_keys = tuple(key.text for key in keys.keys)
        self._groups: dict[tuple[str, int], _Group] = {}

    def receipt_of(self, pointer: EventPointer) -> Receipt:
        """The receipt of an event.

        Raises:
            WorkspaceError: the log is damaged here.
        """
        path = self._paths.leaves(pointer.log)
        try:
            group = self._group(pointer)
            at = group.place_of(pointer.index)
            return Receipt(
                log=pointer.log,
                index=pointer.index,
                leaf=group.leaves[at].decode(),
                path=group.paths[at],
                note=group.note,
            )
        except (NoteError, OSError) as error:
            raise WorkspaceError(
                f"{path} is damaged at byte {pointer.leaf_offset}: {error}",
                next_step="run `befit audit verify`, then restore the ledger from a backup",
            ) from None

    def _group(self, pointer: EventPointer) -> _Group:
        for (log, _), group in self._groups.items():
            if log == pointer.log and group.start <= pointer.leaf_offset < group.end:
                return group
        with self._paths.leaves(pointer.log).open("rb") as leaves:
            start = _start_of_group(leaves, pointer.leaf_offset)
            end = leaves.seek(0, 2)
            group = _Group(next(read_groups(leaves, start=start, end=end), None), self._keys)
        if len(self._groups) >= _MOST_GROUPS:
            del self._groups[next(iter(self._groups))]
        self._groups[pointer.log, start] = group
        return group


def _start_of_group(leaves: BinaryIO, offset: int) -> int:
    """The offset behind the last closing line before an offset; no leaf begins like one."""
    end = offset
    while end > 0:
        start = max(0, end - _STEP_BYTES)
        leaves.seek(start)
        # A little more than the step, so that no closing line's beginning is cut in two.
        chunk = leaves.read(min(end + len(_CLOSING), offset) - start)
        found = chunk.rfind(_CLOSING)
        if found >= 0:
            leaves.seek(start + found + 1)
            leaves.readline()
            return leaves.tell()
        end = start
    return 0
