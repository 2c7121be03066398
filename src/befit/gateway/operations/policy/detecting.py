"""The operation `detect`: what texts hold, and the class that it asks for, in one decision."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from befit.errors import Conflict, InvalidRequest
from befit.gateway.operations.entitled import require
from befit.gateway.operations.measuring.case_file import absolute_path
from befit.gateway.operations.operation import OpParams, long_operation
from befit.gateway.operations.policy.detection_rows import (
    DetectDocument,
    DetectResult,
    Row,
    read_rows,
    results,
    rows_of,
)
from befit.identity import Principal
from befit.orchestrator import BulkArrival, BulkRun, Kind, Source
from befit.platform import Platform
from befit.policy import Action
from befit.vocabulary import Progress, silent

_BATCH_CHARACTERS = 1_000_000
_BATCH_ROWS = 1_000


class DetectParams(OpParams, frozen=True, kw_only=True):
    """What is examined: `file` is the whole path of one that the server may read, `content`
    what came on standard input."""

    file: str | None = None
    content: str | None = None


class TextsToDetect(OpParams, frozen=True, kw_only=True):
    """What is examined, over HTTP: one text, or several."""

    text: str | None = None
    texts: tuple[str, ...] | None = None


async def detect(
    platform: Platform, principal: Principal, params: DetectParams, progress: Progress
) -> DetectDocument:
    """Examine the rows of a file or of standard input.

    Raises:
        InvalidRequest: they cannot be read.
        Forbidden: a file is read by the server, which takes an administrator.
        Conflict: detection is switched off.
    """
    if (params.file is None) == (params.content is None):
        raise InvalidRequest("name a file, or give the content", param="file")
    if params.file is not None:
        require(platform, principal, Action.ADMINISTER, "detect in a file of the server")
        rows = await asyncio.to_thread(read_rows, Path(absolute_path(params.file)))
    else:
        rows = await asyncio.to_thread(rows_of, params.content or "")
    return await _examined(platform, principal, rows, progress=progress, source=Source.CLI)


async def detect_texts(
    platform: Platform, principal: Principal, params: TextsToDetect
) -> DetectDocument:
    """Examine the caller's own texts; the rows are numbered from 1.

    Raises:
        InvalidRequest: no text is given, or both forms are.
        Conflict: detection is switched off.
    """
    if (params.text is None) == (params.texts is None):
        raise InvalidRequest("give `text` or `texts`", param="texts")
    texts = params.texts if params.text is None else (params.text,)
    rows = tuple(Row(id=str(number), text=text) for number, text in enumerate(texts or (), start=1))
    if not rows:
        raise InvalidRequest("`texts` is empty", param="texts")
    return await _examined(platform, principal, rows, progress=silent, source=Source.HTTP)


async def _examined(
    platform: Platform,
    principal: Principal,
    rows: Sequence[Row],
    *,
    progress: Progress,
    source: Source,
) -> DetectDocument:
    arrival = BulkArrival(
        principal=principal,
        kind=Kind.DETECT,
        workflow=None,
        content=msgspec.json.encode([row.text for row in rows]),
        source=source,
    )
    found: list[DetectResult] = []
    failed: dict[str, str] = {}
    detectors: tuple[str, ...] = ()
    async with await platform.orchestrator.bulk(arrival) as bulk:
        progress("detect", 0, len(rows))
        for batch in _batches(rows):
            detectors = await _examine_batch(bulk, batch, found, failed)
            progress("detect", len(found), len(rows))
    return DetectDocument(
        results=tuple(found), decision_id=bulk.decision_id, detectors=detectors, failed=failed
    )


async def _examine_batch(
    bulk: BulkRun, batch: Sequence[Row], found: list[DetectResult], failed: dict[str, str]
) -> tuple[str, ...]:
    """Examine some rows; where one of many cannot be, each is examined by itself."""
    examination = await bulk.examine([row.text for row in batch])
    if examination is None:
        raise Conflict(
            "detection is switched off", next_step="set `detection: {enabled: true}` in befit.yaml"
        )
    if examination.failed is not None:
        if len(batch) > 1:
            for row in batch:
                await _examine_batch(bulk, (row,), found, failed)
            return examination.detectors
        failed[batch[0].id] = examination.failed
    found += results(batch, examination)
    return examination.detectors


def _batches(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows in batches that take a moment each."""
    batches: list[list[Row]] = [[]]
    characters = 0
    for row in rows:
        characters += len(row.text)
        if batches[-1] and (characters > _BATCH_CHARACTERS or len(batches[-1]) >= _BATCH_ROWS):
            batches.append([])
            characters = len(row.text)
        batches[-1].append(row)
    return batches


OPERATIONS = (long_operation("detect", DetectParams, detect),)
"""What the registry loads when somebody first asks for it."""
