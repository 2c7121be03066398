"""Operations on the ledger as a whole: verify it, sign where it stands, change its key."""

from __future__ import annotations

import asyncio

from befit.audit import VerifyReport, given_key, held_notes, verify
from befit.gateway.operations.entitled import require
from befit.gateway.operations.operation import NoParams, OpDocument, OpParams, operation
from befit.identity import Principal
from befit.platform import Platform
from befit.policy import Action
from befit.storage import index_beside


class VerifyParams(OpParams, frozen=True, kw_only=True):
    """From what the verification starts, beside the workspace's own key and copies.

    Attributes:
        public_key: the ledger's public key, as whoever audits holds it.
        checkpoints: the text of a file of checkpoints, as whoever audits holds it.
    """

    public_key: str | None = None
    checkpoints: str | None = None


class VerifyDocument(OpDocument, frozen=True, kw_only=True):
    """What `audit verify --json` prints (contract).

    `erased` counts events whose key was destroyed, `unfinished` decisions that a crash
    left without an end; both leave the ledger whole.
    """

    ok: bool
    events: int
    decisions: int
    erased: int
    unfinished: int
    root: str
    problems: tuple[str, ...]


class CheckpointDocument(OpDocument, frozen=True, kw_only=True):
    """A checkpoint over all logs, and whether it reached every place it is kept in.

    `problem` is null where the database and `audit.checkpoint_file` have it too.
    """

    checkpoint: str
    public_key: str
    problem: str | None


class KeysDocument(OpDocument, frozen=True, kw_only=True):
    """The ledger's public keys, oldest first; the last one signs now."""

    public_keys: tuple[str, ...]


async def verify_ledger(
    platform: Platform, principal: Principal, params: VerifyParams
) -> VerifyDocument:
    """Verify what is durable now; what is being written behind it is not read.

    Raises:
        Forbidden: it takes the action `audit`.
        InvalidRequest: the public key or the checkpoints are none.
    """
    require(platform, principal, Action.AUDIT, "verify the ledger")
    copy = await platform.stores.checkpoints.held()
    held = held_notes(copy, params.checkpoints)
    key = given_key(params.public_key)
    live = platform.ledger.durable_sizes()
    await platform.projector.caught_up()

    def check() -> VerifyReport:
        befit = platform.workspace.befit_dir
        with index_beside(platform.stores.url) as index:
            return verify(befit, public_key=key, live=live, held=held, index=index)

    return verify_document(await asyncio.to_thread(check))


async def take_checkpoint(
    platform: Platform, principal: Principal, params: NoParams
) -> CheckpointDocument:
    """Sign where all logs stand now.

    Raises:
        Forbidden: it takes the action `audit`.
        LedgerUnavailable: it could not be written.
    """
    del params
    require(platform, principal, Action.AUDIT, "take a checkpoint of the ledger")
    note = await platform.checkpointer.take()
    return CheckpointDocument(
        checkpoint=note,
        public_key=platform.ledger.keys.newest.text,
        problem=platform.checkpointer.problem,
    )


async def rotate_key(platform: Platform, principal: Principal, params: NoParams) -> KeysDocument:
    """Have a new key sign the ledger from here on, endorsed by the one before it.

    Raises:
        Forbidden: it takes the action `administer`.
        LedgerUnavailable: the disk refused; the next start finds out which key signs.
    """
    del params
    require(platform, principal, Action.ADMINISTER, "rotate the ledger's key")
    keys = await platform.ledger.rotate_key(by=principal.id, policy=platform.policy.hash)
    await platform.checkpointer.take()
    return KeysDocument(public_keys=tuple(key.text for key in keys.keys))


def verify_document(report: VerifyReport) -> VerifyDocument:
    """A report as it is printed."""
    return VerifyDocument(
        ok=report.ok,
        events=report.events,
        decisions=report.decisions,
        erased=report.erased,
        unfinished=report.unfinished,
        root=report.root,
        problems=report.problems,
    )


OPERATIONS = (
    operation("audit.verify", VerifyParams, verify_ledger),
    operation("audit.checkpoint", NoParams, take_checkpoint),
    operation("audit.rotate_key", NoParams, rotate_key),
)
