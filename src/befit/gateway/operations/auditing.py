"""The operation `audit.verify`: the ledger re-read, byte for byte, beside its own writer."""

from __future__ import annotations

import asyncio
from functools import partial

from befit.audit import VerifyReport, verify
from befit.gateway.operations.entitled import require_admin
from befit.gateway.operations.operation import NoParams, OpDocument
from befit.identity import Principal
from befit.platform import Platform


class VerifyDocument(OpDocument, frozen=True, kw_only=True):
    """What `audit verify --json` prints (contract).

    `erased` counts events whose key was destroyed; their leaves still verify.
    """

    ok: bool
    events: int
    decisions: int
    erased: int
    root: str
    problems: tuple[str, ...]


async def verify_ledger(
    platform: Platform, principal: Principal, params: NoParams
) -> VerifyDocument:
    """Verify what is durable now; what is being written behind it is not read."""
    del params
    require_admin(principal, "verify the ledger")
    held = await platform.stores.checkpoints.held()
    live = platform.ledger.durable_sizes()
    check = partial(verify, platform.workspace.befit_dir, live=live, held=held)
    return verify_document(await asyncio.to_thread(check))


def verify_document(report: VerifyReport) -> VerifyDocument:
    """A report as it is printed."""
    return VerifyDocument(
        ok=report.ok,
        events=report.events,
        decisions=report.decisions,
        erased=report.erased,
        root=report.root,
        problems=report.problems,
    )
