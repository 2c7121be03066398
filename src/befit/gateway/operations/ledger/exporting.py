"""The operation `audit.export`: decisions with all that proves them, as files.

Decisions are read page by page, newest first, and written as they come, so that memory
stays bounded; the files appear whole, once the export is recorded, or not at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from befit.audit import (
    DecisionRecord,
    Disclosure,
    EventPointer,
    LedgerReader,
    Receipt,
    ReceiptReader,
    ShownSection,
    fold,
    in_chain_order,
    shown_sections,
)
from befit.errors import WorkspaceError
from befit.gateway.operations.entitled import require, workflow_named
from befit.gateway.operations.ledger.export_files import ExportFiles
from befit.gateway.operations.ledger.known import require_known
from befit.gateway.operations.ledger.reading import Reading, record_reading
from befit.gateway.operations.ledger.searching import DecisionFilter, page_asked, told_of
from befit.gateway.operations.operation import OpDocument, long_operation
from befit.identity import Principal
from befit.metering import DecisionPage
from befit.platform import Platform
from befit.policy import Action
from befit.vocabulary import Progress

_PAGE = 200
_FORMAT = "befit/export/1"
_STAGE = "exporting decisions"

_encode = msgspec.json.Encoder(decimal_format="number").encode


class ExportParams(DecisionFilter, frozen=True, kw_only=True):
    """Which decisions, and where to: a folder that is made, or a file ending in `.jsonl`."""

    out: str


class ExportedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event: its receipt, and its sections with the salts of their commitments.

    The sections are null where the key that sealed them was destroyed.
    """

    receipt: Receipt
    caller: ShownSection | None
    account: ShownSection | None


class ExportedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """One line: the account of a decision, and its events with what proves each."""

    decision_id: str
    record: DecisionRecord
    events: tuple[ExportedEvent, ...]


class ExportDocument(OpDocument, frozen=True, kw_only=True):
    """The manifest of an export, as it lies beside the lines.

    Attributes:
        query: what was asked for, persons by pseudonym.
        sha256: of the file of lines, in hex.
        erased_events: how many events are without their fields because their key was destroyed.
        record: id of the administrative event that says who exported this.
        public_keys: what the receipts verify under, oldest first.
    """

    format: str
    tenant: str
    at: float
    query: dict[str, object]
    decisions: int
    events: int
    erased_events: int
    lines: str
    bytes: int
    sha256: str
    record: str
    public_keys: tuple[str, ...]


async def export(
    platform: Platform, principal: Principal, params: ExportParams, progress: Progress
) -> ExportDocument:
    """Write decisions with their leaves, receipts and fields to files of the owner's alone.

    Raises:
        Forbidden: the principal may not export.
        InvalidRequest: a word of the query means nothing here.
        NotFound: nobody of that name is known.
        Conflict: something lies at `out` already.
        LedgerUnavailable: the export cannot be recorded, and so is not there.
        WorkspaceError: the disk refuses, or the ledger is damaged.
    """
    about = workflow_named(params.workflow)
    require(platform, principal, Action.EXPORT, "export decisions", about)
    page = await page_asked(platform, principal.tenant, params, limit=_PAGE, before=None)
    await require_known(platform, page, params.who)
    # What comes in meanwhile belongs to the next export.
    page = replace(page, until=page.until or time.time())
    out = Path(params.out)
    receipts = ReceiptReader(platform.workspace.befit_dir, platform.ledger.keys)
    files = await asyncio.to_thread(ExportFiles.at, out)
    lines = _Lines(platform.reader, receipts)
    try:
        with files:
            async for pointers in _decisions(platform, page):
                await asyncio.to_thread(files.write, lines.of(pointers))
                progress(_STAGE, lines.decisions, 0)
            manifest = await _recorded(platform, principal, page, files=files, lines=lines)
            await asyncio.to_thread(files.publish, msgspec.json.format(_encode(manifest)) + b"\n")
    except OSError as error:
        raise WorkspaceError(
            f"{out} cannot be written: {error.strerror}", next_step="free space on the disk"
        ) from None
    return manifest


class _Lines:
    """The lines of an export, made as they are drawn, and how much they tell so far."""

    def __init__(self, reader: LedgerReader, receipts: ReceiptReader) -> None:
        self.decisions = 0
        self.events = 0
        self.erased_events = 0
        self.public_keys = receipts.public_keys
        self._reader = reader
        self._receipts = receipts

    def of(self, decisions: list[tuple[EventPointer, ...]]) -> Iterator[bytes]:
        """One line a decision. Blocking."""
        for pointers in decisions:
            read = [self._reader.disclosed_at(pointer) for pointer in pointers]
            record = fold(in_chain_order(each.event for each in read))
            events = tuple(map(self._exported, pointers, read))
            self.decisions += 1
            self.events += len(events)
            self.erased_events += sum(event.account is None for event in events)
            yield _encode(
                ExportedDecision(decision_id=record.decision_id, record=record, events=events)
            )

    def _exported(self, pointer: EventPointer, disclosure: Disclosure) -> ExportedEvent:
        caller, account = shown_sections(disclosure)
        receipt = self._receipts.receipt_of(pointer)
        return ExportedEvent(receipt=receipt, caller=caller, account=account)


async def _decisions(
    platform: Platform, page: DecisionPage
) -> AsyncGenerator[list[tuple[EventPointer, ...]]]:
    await platform.projector.caught_up()
    while True:
        rows = await platform.stores.usage.decisions(page)
        if rows:
            index = platform.stores.decisions
            yield [await index.events_of(page.tenant, row.decision_id) for row in rows]
        if len(rows) < page.limit:
            return
        page = replace(page, before=rows[-1].decision_id)


async def _recorded(
    platform: Platform,
    principal: Principal,
    page: DecisionPage,
    *,
    files: ExportFiles,
    lines: _Lines,
) -> ExportDocument:
    query = told_of(platform, page)
    told = {"query": query, "count": lines.decisions, "sha256": files.sha256}
    record = await record_reading(
        platform, principal, Reading.EXPORT, subject="decisions", told=told
    )
    return ExportDocument(
        format=_FORMAT,
        tenant=page.tenant,
        at=time.time(),
        query=query,
        decisions=lines.decisions,
        events=lines.events,
        erased_events=lines.erased_events,
        lines=files.lines.name,
        bytes=files.bytes,
        sha256=files.sha256,
        record=record,
        public_keys=lines.public_keys,
    )


OPERATIONS = (long_operation("audit.export", ExportParams, export),)
