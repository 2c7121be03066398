"""Opening a log: where it continues, and repairing an end that a crash tore.

A crash can leave one group that was not finished; nobody holds a receipt for it. It is
cut off, and an `administrative` event records how many bytes were cut and their SHA-256.
Anything else that does not verify is damage, and damage is refused, not repaired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from befit.audit.administrative import administrative_draft
from befit.audit.chains import ChainHeads
from befit.audit.checkpoint import read_note, state_of_checkpoint
from befit.audit.events import Draft
from befit.audit.group import GroupBuilder, GroupNote, LogState, log_origin
from befit.audit.key_chain import KeyChain
from befit.audit.keys import Keyring
from befit.audit.layout import LedgerPaths, LogFiles
from befit.audit.leaf import LeafError, decode_leaf, time_us
from befit.audit.merkle import Frontier
from befit.audit.note import NoteError
from befit.audit.scan import GroupError, check_group, join_group, read_groups, signed_sizes
from befit.errors import WorkspaceError

LEDGER_PRINCIPAL = "local:ledger"
"""Who causes the events that the ledger writes on its own account."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """What was cut off a log's end at start.

    Attributes:
        had_signature: the cut leaves ended with a closing line signed by our key: either
            the crash came between writing and syncing it, or someone changed the last
            group. Whoever holds a receipt of it can tell.
    """

    log: str
    leaf_bytes: int
    leaf_sha256: str
    sealed_bytes: int
    sealed_sha256: str
    had_signature: bool


def read_state(paths: LedgerPaths, log: str, keys: KeyChain) -> LogState:
    """Where a log's last valid group ends, continuing from its checkpoint.

    Raises:
        WorkspaceError: the log or its checkpoint is damaged in a way no crash causes.
    """
    origin = log_origin(keys.name, log)
    path, checkpoint = paths.leaves(log), paths.checkpoint(log)
    try:
        note = read_note(checkpoint)
        state = _beginning() if note is None else state_of_checkpoint(note, keys, log=log)
    except NoteError as error:
        raise _damaged(checkpoint, str(error)) from None
    end = path.stat().st_size
    if end < state.leaf_bytes:
        raise _damaged(path, f"it has {end} bytes, and {state.leaf_bytes} at its checkpoint")
    with path.open("rb") as file:
        _replay(file, state, keys, origin=origin, end=end)
        beyond = signed_sizes(file, keys, start=state.leaf_bytes, end=end)
        # One signed group may lie beyond the last valid one: a crash can lose a page of
        # it and keep its closing line. A second one proves that the first was durable.
        if len(set(beyond) - {state.frontier.size}) > 1:
            raise _damaged(path, f"the group at byte {state.leaf_bytes} was changed")
    endorsed = keys.least_head(log).size
    if state.frontier.size < endorsed:
        detail = f"it ends at event {state.frontier.size}; its key was replaced at {endorsed}"
        raise _damaged(path, detail)
    sealed = paths.sealed(log).stat().st_size
    if sealed < state.sealed_bytes:
        raise _damaged(
            paths.sealed(log), f"it has {sealed} bytes; the ledger names {state.sealed_bytes}"
        )
    return state


def repair_tail(
    paths: LedgerPaths, files: LogFiles, keyring: Keyring, *, log: str, state: LogState
) -> Repair | None:
    """Cut what lies behind the last valid group, and record it in the log.

    The record is written over the torn bytes before the rest is cut, so a crash in
    between leaves another torn end and never an unrecorded cut.

    Raises:
        OSError: the repair could not be made durable; the next start does it.
    """
    repair = _torn(paths, keyring.chain, log=log, state=state)
    files.move_ends(leaf_end=state.leaf_bytes, sealed_end=state.sealed_bytes)
    if repair is None:
        return None
    builder = GroupBuilder(log, keyring=keyring, state=state, heads=ChainHeads())
    group = builder.build([_record(repair)], {})
    files.write_group(group.sealed, group.leaves)
    files.cut_back()
    return repair


def _beginning() -> LogState:
    return LogState(frontier=Frontier())


def _replay(file: BinaryIO, state: LogState, keys: KeyChain, *, origin: str, end: int) -> None:
    for raw in read_groups(file, start=state.leaf_bytes, end=end):
        try:
            note, hashes = check_group(raw, keys, origin)
            last = decode_leaf(raw.leaves[-1])
            before = Frontier(state.frontier.size, state.frontier.nodes)
            join_group(note, hashes, before)
        except (GroupError, LeafError):
            return
        state.frontier = before
        state.leaf_bytes = raw.end
        state.sealed_bytes = note.sealed_bytes
        state.last_time_us = time_us(last.time)


def _torn(paths: LedgerPaths, keys: KeyChain, *, log: str, state: LogState) -> Repair | None:
    leaf_bytes, leaf_sha256, last_line = _digest_tail(paths.leaves(log), state.leaf_bytes)
    sealed_bytes, sealed_sha256, _ = _digest_tail(paths.sealed(log), state.sealed_bytes)
    if not leaf_bytes and not sealed_bytes:
        return None
    return Repair(
        log=log,
        leaf_bytes=leaf_bytes,
        leaf_sha256=leaf_sha256,
        sealed_bytes=sealed_bytes,
        sealed_sha256=sealed_sha256,
        had_signature=_is_signed(last_line, keys),
    )


def _digest_tail(path: Path, start: int) -> tuple[int, str, bytes]:
    digest, length, tail = hashlib.sha256(), 0, b""
    with path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            length += len(chunk)
            tail = (tail + chunk)[-65_536:]
    return length, digest.hexdigest(), tail.rstrip(b"\n").rpartition(b"\n")[2]


def _is_signed(line: bytes, keys: KeyChain) -> bool:
    try:
        GroupNote.from_line(line, keys)
    except NoteError:
        return False
    return True


def resumption_draft(log: str, reason: str) -> Draft:
    """The event that records that the log was interrupted by a failure, and goes on."""
    return _own_draft("resumed", log, {"reason": reason})


def _record(repair: Repair) -> Draft:
    told = {
        "cut_leaf_bytes": repair.leaf_bytes,
        "cut_leaf_sha256": repair.leaf_sha256,
        "cut_sealed_bytes": repair.sealed_bytes,
        "cut_sealed_sha256": repair.sealed_sha256,
        "had_signature": repair.had_signature,
    }
    return _own_draft("repaired", repair.log, told)


def _own_draft(action: str, log: str, told: Mapping[str, object]) -> Draft:
    return administrative_draft(action, f"ledger/{log}.log", by=LEDGER_PRINCIPAL, told=told)


def _damaged(path: Path, detail: str) -> WorkspaceError:
    return WorkspaceError(
        f"{path} is damaged: {detail}",
        next_step="run `befit audit verify`, then restore .befit/ledger and .befit/sealed "
        "from a backup; nothing is appended to a damaged ledger",
    )
