"""`verify`: re-read every byte of the ledger and say what is not as it was signed.

It checks each group's signature and root, the root of the whole log before it, each
decision's chain and grammar, each sealed box against its hash and its commitments, the
checkpoint files, and that nothing else lies in the folder. It writes nothing into the
workspace. Memory is bounded by the open decisions: what it must remember of closed ones
goes to a temporary file.

What it cannot see: groups cut off the end of a log *together with* the checkpoints that
named them. Whoever holds a receipt or a copied checkpoint can; pass it as `held`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from befit.audit.checkpoint import LogHead, combined_root, heads_of_text
from befit.audit.findings import Problems, SeenEvent
from befit.audit.index import LogPosition
from befit.audit.keys import load_openers, load_signer
from befit.audit.layout import LedgerPaths
from befit.audit.note import NoteError, NoteVerifier
from befit.audit.verify_decisions import DecisionCheck
from befit.audit.verify_files import CheckpointCheck, unexpected_files
from befit.audit.verify_log import LogCheck


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyReport:
    """What a verification found.

    Attributes:
        events: leaves read.
        decisions: decisions opened.
        erased: events whose fields cannot be read because their key was destroyed,
            which is no problem: their leaves still verify.
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


def verify(
    befit: Path,
    *,
    public_key: NoteVerifier | None = None,
    live: Mapping[str, LogPosition] | None = None,
    held: str | None = None,
) -> VerifyReport:
    """Verify the ledger of a `.befit/` folder.

    Args:
        befit: the folder.
        public_key: whose signature is expected; None takes the workspace's own key.
        live: what a running server has made durable, by log; bytes behind it are its
            work in progress and are not read. None expects a ledger at rest.
        held: a checkpoint of checkpoints kept elsewhere, such as the database's copy.

    Raises:
        WorkspaceError: the workspace's key is needed and cannot be read.
    """
    paths = LedgerPaths(befit=befit)
    verifier = public_key or load_signer(befit).verifier
    problems = Problems()
    unexpected_files(paths, problems, is_live=live is not None)
    checkpoints = CheckpointCheck(paths, verifier, problems, live=live)
    if held is not None:
        _expect_held(held, verifier, checkpoints, problems)
    sealer = load_openers(befit)
    logs = [
        LogCheck(paths, log, verifier=verifier, sealer=sealer, problems=problems)
        for log in paths.logs()
    ]
    with DecisionCheck(problems) as decisions:
        for event in _merged(logs, live, checkpoints):
            decisions.follow(event)
        decisions.end(is_live=live is not None)
        opened = decisions.opened
    checkpoints.end({check.log for check in logs})
    heads = tuple(
        LogHead(log=check.log, size=check.frontier.size, root=check.frontier.root())
        for check in logs
    )
    return VerifyReport(
        ok=not problems.found,
        events=sum(check.events for check in logs),
        decisions=opened,
        erased=sum(check.erased for check in logs),
        root=combined_root(heads).hex(),
        problems=problems.listed,
    )


def _expect_held(
    held: str, verifier: NoteVerifier, checkpoints: CheckpointCheck, problems: Problems
) -> None:
    try:
        heads = heads_of_text(verifier.open_own(held), key_name=verifier.name)
    except NoteError as error:
        problems.add(f"the checkpoint held elsewhere is not this ledger's: {error}")
        return
    checkpoints.expect(heads, "the checkpoint held elsewhere")


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
