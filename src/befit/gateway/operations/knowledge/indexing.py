"""The search index of a tenant, for operations that write it: its writer, and mending it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from befit.errors import Conflict
from befit.inference.embedded import DIMENSIONS
from befit.knowledge.index import IndexWriter, Vector
from befit.knowledge.ingestion import PassageModel, embed_texts
from befit.platform import Platform
from befit.policy import ClassedText
from befit.vocabulary import Progress


@asynccontextmanager
async def writing(platform: Platform, tenant: str) -> AsyncGenerator[IndexWriter]:
    """The one writer of the tenant's index.

    Raises:
        Conflict: somebody has it: an ingest, a removal or a rebuild.
    """
    try:
        writer = await asyncio.to_thread(platform.library.writer, tenant, dimensions=DIMENSIONS)
    except Conflict:
        raise _is_written(tenant) from None
    try:
        yield writer
    finally:
        await asyncio.to_thread(writer.close)


async def mended(
    platform: Platform,
    tenant: str,
    model: PassageModel,
    writer: IndexWriter,
    progress: Progress,
) -> int:
    """Build the index anew where it is damaged, or its vectors are another embedder's.

    Returns:
        How many passages were embedded anew; 0 where the index is sound.
    """
    collections = await platform.stores.knowledge.collections.list(tenant)
    is_of_another = any(each.embedder not in {"", model.embedder} for each in collections)
    if not is_of_another and not (await platform.library.verify(tenant)).problems:
        return 0
    return await rebuilt(platform, tenant, model, writer, progress)


async def rebuilt(
    platform: Platform,
    tenant: str,
    model: PassageModel,
    writer: IndexWriter,
    progress: Progress,
) -> int:
    """Build the index anew from the stored texts, beside the one that is being searched.

    Returns:
        How many passages it has.
    """
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress("rebuild", done, total)

    async def embed(texts: Sequence[ClassedText]) -> Vector:
        return await embed_texts(model, texts, told=tell)

    stores = platform.stores.knowledge
    total = sum(passages for _, passages in (await stores.documents.counts(tenant)).values())
    count = await platform.library.rebuild(tenant, embed, writer)
    for each in await stores.collections.list(tenant):
        await stores.collections.put(replace(each, embedder=model.embedder))
    return count


def _is_written(tenant: str) -> Conflict:
    return Conflict(
        f"an ingest, removal or rebuild of tenant {tenant!r} is under way",
        next_step="try again when it has ended",
    )
