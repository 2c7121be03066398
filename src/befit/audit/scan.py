"""Reading a log's bytes group by group, and finding where a crash tore its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from befit.audit.group import NOTE_PREFIX, GroupNote
from befit.audit.key_chain import KeyChain
from befit.audit.merkle import Frontier, GroupTree, leaf_hash
from befit.audit.note import NoteError

_MOST_GROUP_EVENTS = 4_096  # the ledger writes fewer; a longer one is damage
_MOST_LINE_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class RawGroup:
    """The lines of one group, without newlines, not yet checked.

    Attributes:
        note_line: the closing line; None where the bytes end or run wild before one.
        start: byte offset of the first leaf.
        end: byte offset behind the closing line, or behind the last line that was read.
    """

    leaves: tuple[bytes, ...]
    note_line: bytes | None
    start: int
    end: int


class GroupError(ValueError):
    """A group's bytes are not what its signed closing line says."""


def read_groups(file: BinaryIO, *, start: int, end: int) -> Iterator[RawGroup]:
    """The groups between two offsets, in bounded memory.

    The last one has no `note_line` where the bytes do not end with a closing line.
    """
    file.seek(start)
    position = start
    leaves: list[bytes] = []
    while position < end:
        line = file.readline(min(end - position, _MOST_LINE_BYTES))
        position += len(line)
        if not line.endswith(b"\n") or len(leaves) > _MOST_GROUP_EVENTS:
            yield RawGroup(leaves=tuple(leaves), note_line=None, start=start, end=position)
            return
        if line.startswith(NOTE_PREFIX):
            closing = line[:-1]
            yield RawGroup(leaves=tuple(leaves), note_line=closing, start=start, end=position)
            start, leaves = position, []
        else:
            leaves.append(line[:-1])
    if leaves:
        yield RawGroup(leaves=tuple(leaves), note_line=None, start=start, end=position)


def check_group(raw: RawGroup, keys: KeyChain, origin: str) -> tuple[GroupNote, list[bytes]]:
    """Check a group by itself: signature, leaves against the group's root, numbers.

    Returns:
        The closing note and the leaves' hashes.

    Raises:
        GroupError: saying what does not fit.
    """
    if raw.note_line is None:
        raise GroupError("the last group has no closing line")
    try:
        note = GroupNote.from_line(raw.note_line, keys)
    except NoteError as error:
        raise GroupError(f"the closing line is wrong: {error}") from None
    if note.checkpoint.origin != origin:
        raise GroupError(f"the group belongs to {note.checkpoint.origin}, not to {origin}")
    if not raw.leaves or note.checkpoint.size - note.first != len(raw.leaves):
        raise GroupError(
            f"the group holds {len(raw.leaves)} events; its closing line says "
            f"{note.checkpoint.size - note.first}"
        )
    hashes = [leaf_hash(leaf) for leaf in raw.leaves]
    if GroupTree(hashes).root != note.root:
        raise GroupError("the events are not those the closing line was signed for")
    return note, hashes


def join_group(note: GroupNote, hashes: list[bytes], frontier: Frontier) -> None:
    """Append a checked group to the log's frontier.

    Raises:
        GroupError: the group does not follow the one before it.
    """
    if note.first != frontier.size:
        raise GroupError(f"the group begins at event {note.first}; expected {frontier.size}")
    for digest in hashes:
        frontier.append(digest)
    if frontier.root() != note.checkpoint.root:
        raise GroupError("the log before this group is not the one it was signed for")


def signed_sizes(file: BinaryIO, keys: KeyChain, *, start: int, end: int) -> Iterator[int]:
    """The tree sizes of all validly signed closing lines between two offsets.

    Used on bytes that do not form valid groups, to tell a torn end from damage.
    """
    file.seek(start)
    position = start
    while position < end:
        line = file.readline(min(end - position, _MOST_LINE_BYTES))
        position += len(line)
        if line.startswith(NOTE_PREFIX) and line.endswith(b"\n"):
            try:
                yield GroupNote.from_line(line[:-1], keys).checkpoint.size
            except NoteError:
                continue
