"""`verify_index`: whether a tenant's index holds what was written, and what is stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from befit.knowledge.document import DocumentState
from befit.knowledge.index import SearchIndex
from befit.knowledge.store import DocumentStore

_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexCheck:
    """What was found.

    Attributes:
        problems: what is wrong, one line each; empty where nothing is.
        is_counted: whether passages were counted against those that are stored. They are not
            while documents are on their way: beside a run, or until the next one has finished
            what was cut off.
    """

    problems: tuple[str, ...]
    is_counted: bool


async def verify_index(documents: DocumentStore, index: SearchIndex, tenant: str) -> IndexCheck:
    """Read every byte of an index, and count what is in it; others may write meanwhile.

    Raises:
        WorkspaceError: the store cannot be read.
    """
    problems = await asyncio.to_thread(index.verify)
    if problems:
        return IndexCheck(problems=problems, is_counted=False)
    for _ in range(_ATTEMPTS):
        counted = await _counted(documents, index, tenant)
        if counted is not None:
            held, stored = counted
            told = f"the index holds {held} passages of {stored} that are stored"
            return IndexCheck(problems=() if held == stored else (told,), is_counted=True)
    return IndexCheck(problems=(), is_counted=False)


async def _counted(
    documents: DocumentStore, index: SearchIndex, tenant: str
) -> tuple[int, int] | None:
    """Passages in the index and in the store; None where they were not still.

    What changes is on its way in the store before the index's commit and until after it. So
    where nothing is on its way before and after, and no commit lies between, both counts are
    of one moment.
    """
    if await _is_on_its_way(documents, tenant):
        return None
    before = await asyncio.to_thread(index.snapshot)
    counts = await documents.counts(tenant)
    if await _is_on_its_way(documents, tenant):
        return None
    after = await asyncio.to_thread(index.snapshot)
    if after.epoch != before.epoch:
        return None
    return before.count, sum(passages for _, passages in counts.values())


async def _is_on_its_way(documents: DocumentStore, tenant: str) -> bool:
    for state in (DocumentState.PENDING, DocumentState.LEAVING):
        if await documents.page(tenant, collection=None, after="", limit=1, state=state):
            return True
    return False
