"""`verify`: re-read every byte of the ledger and say what is not as it was signed.

It checks each group's signature and root, the root of the whole log before it, each
decision's chain and grammar, each sealed box against its hash and its commitments, the
checkpoint files, that nothing else lies in the folder, and that the database's index finds
it all. It writes nothing into the workspace. Memory is bounded by the open decisions: what it
must remember of closed ones goes to a temporary file.

What it cannot see: groups cut off the end of a log *together with* the checkpoints that
named them, and a log that was written anew by whoever has the signing key. Whoever holds
a receipt or a copied checkpoint can; pass checkpoints as `held`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from befit.audit.destroyed_keys import DestroyedKeys
from befit.audit.findings import Problems, SeenEvent
from befit.audit.heads import LogHead, combined_root
from befit.audit.held import HeldNote
from befit.audit.index import LogPosition
from befit.audit.key_chain import KeyChain, read_chain
from befit.audit.keys import load_openers
from befit.audit.layout import LedgerPaths
from befit.audit.note import NoteError, NoteVerifier
from befit.audit.signing_key import load_public_key
from befit.audit.verify_decisions import DecisionCheck
from befit.audit.verify_files import CheckpointCheck, unexpected_files
from befit.audit.verify_index import HeldIndex, IndexCheck
from befit.audit.verify_log import LogCheck


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyReport:
    """What a verification found.

    Attributes:
        events: leaves read.
        decisions: decisions opened.
        erased: events whose fields cannot be read because their key was destroyed,
            which is no problem: their leaves still verify.
        unfinished: decisions without an end on a ledger at rest, as a crash leaves them:
            nothing that was signed has changed, and the next start ends them.
        root: hex of the Merkle root; with several logs the RFC 6962 root over one leaf
            `LOG SIZE BASE64-ROOT` a log, in order of their numbers.
        problems: what is wrong, most basic first; capped, the last one says so.
    """

    ok: bool
    events: int
    decisions: int
    erased: int
    root: str
    problems: tuple[str, ...]
    unfinished: int = 0


def verify(
    befit: Path,
    *,
    public_key: NoteVerifier | None = None,
    live: Mapping[str, LogPosition] | None = None,
    held: Sequence[HeldNote] = (),
    index: HeldIndex | None = None,
) -> VerifyReport:
    """Verify the ledger of a `.befit/` folder.

    Args:
        befit: the folder.
        public_key: whose signature is expected, or that of any key in one chain of
            endorsements with it; None takes the workspace's own key.
        live: what a running server has made durable, by log; bytes behind it are its
            work in progress and are not read. None expects a ledger at rest.
        held: checkpoints of checkpoints kept elsewhere, such as the database's copy.
        index: the database's index, caught up with what is durable; None compares none.

    Raises:
        WorkspaceError: the workspace's key is needed and cannot be read.
    """
    paths = LedgerPaths(befit=befit)
    problems = Problems()
    unexpected_files(paths, problems, is_live=live is not None)
    keys = _trusted_keys(paths, public_key or load_public_key(befit), problems)
    checkpoints = CheckpointCheck(paths, keys, problems, live=live)
    for each in held:
        checkpoints.expect_note(each.note, each.source)
    sealer = load_openers(befit)
    destroyed = DestroyedKeys(sealer, problems)
    logs = [
        LogCheck(paths, log, keys=keys, sealer=sealer, destroyed=destroyed, problems=problems)
        for log in paths.logs()
    ]
    indexed = None if index is None else IndexCheck(index, problems, is_live=live is not None)
    with DecisionCheck(problems) as decisions:
        for event in _merged(logs, live, checkpoints):
            decisions.follow(event)
            if indexed is not None:
                indexed.follow(event)
        unfinished = decisions.end(is_live=live is not None)
        opened = decisions.opened
    checkpoints.end({check.log for check in logs})
    destroyed.end()
    if indexed is not None:
        indexed.end()
    heads = tuple(
        LogHead(log=check.log, size=check.frontier.size, root=check.frontier.root())
        for check in logs
    )
    return VerifyReport(
        ok=not problems.found,
        events=sum(check.events for check in logs),
        decisions=opened,
        erased=destroyed.erased,
        root=combined_root(heads).hex(),
        problems=problems.listed,
        unfinished=unfinished,
    )


def _trusted_keys(paths: LedgerPaths, trusted: NoteVerifier, problems: Problems) -> KeyChain:
    """The chain of keys that `trusted` belongs to; that key alone where there is none."""
    try:
        chain = read_chain(paths.keys)
    except (NoteError, OSError) as error:
        problems.add(f"ledger/{paths.keys.name}: {error}")
        chain = None
    if chain is not None and not chain.holds(trusted):
        problems.add(f"ledger/{paths.keys.name}: the key {trusted.text} is not in the chain")
        chain = None
    return chain or KeyChain(trusted)


def _merged(
    logs: list[LogCheck],
    live: Mapping[str, LogPosition] | None,
    checkpoints: CheckpointCheck,
) -> Iterator[SeenEvent]:
    # Logs are read side by side in order of time, so that a decision that goes on in
    # another log is met there after its beginning.
    streams = [
        check.events_until(live.get(check.log) if live else None, checkpoints) for check in logs
    ]
    return heapq.merge(*streams, key=lambda event: event.time)
