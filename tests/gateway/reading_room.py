"""A gateway with documents on its shelves and the real embedder beside it.

Documents are put through the stores and the index, as an ingest leaves them.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from befit.errors import WeightsMissing
from befit.gateway.background import Background
from befit.gateway.process import gateway
from befit.inference.embedded import ModelProcess, ModelProcessSettings
from befit.inference.embedded.embedder import DIMENSIONS, Embedder
from befit.inference.embedded.weights import MINILM, located
from befit.knowledge import Collection, Document, DocumentState, NewDocument, StoredPassage
from befit.knowledge.access import Acl
from befit.knowledge.index import Changes, Passage, titled
from befit.knowledge.indexed import ref_of
from befit.platform import Platform
from befit.testing import ScriptedUpstream
from befit.vocabulary import DataClass, new_id
from tests.gateway.conftest import House, write_workspace

EMBEDDER = """
  minilm-l6:
    via: embedded
    weights: minilm-l6
    family: minilm
    size: small
    context_window: 256
    capabilities: [embeddings]
"""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A document of one or more passages.

    Attributes:
        classes: of passages by their number, where it is higher than the document's.
    """

    doc_id: str
    title: str
    passages: tuple[str, ...]
    acl: Acl
    collection: str = "handbook"
    data_class: DataClass = DataClass.INTERNAL
    classes: Mapping[int, DataClass] = field(default_factory=dict[int, DataClass])
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    dated_s: int | None = None


@cache
def embedder() -> Embedder:
    try:
        return Embedder(located(MINILM), threads=1)
    except WeightsMissing as missing:
        pytest.skip(f"{missing}")


async def shelve(platform: Platform, *pages: Page, tenant: str = "default") -> None:
    """Put documents on the shelves; they can be found when it returns."""
    stores = platform.stores.knowledge
    made: list[tuple[Document, list[StoredPassage]]] = []
    for page in pages:
        collection = Collection(
            tenant=tenant,
            name=page.collection,
            owner="local:admin",
            data_class=DataClass.PUBLIC,
            version=1,
            embedder="minilm-l6",
        )
        await stores.collections.put(collection)
        acl = await stores.access.keep(tenant, f"source:{page.doc_id}", "source", page.acl)
        made.append(_document(page, tenant, acl.acl_id))
    await stores.documents.put(
        [NewDocument(document=document, passages=passages) for document, passages in made]
    )
    await asyncio.to_thread(_index, platform, tenant, made)
    keys = [document.key for document, _ in made]
    await stores.documents.mark(tenant, keys, DocumentState.LIVE)


def _document(page: Page, tenant: str, acl_id: int) -> tuple[Document, list[StoredPassage]]:
    key = new_id("doc")
    passages: list[StoredPassage] = []
    start = 0
    for number, text in enumerate(page.passages):
        passages.append(
            StoredPassage(
                passage_id=f"{key}.{number}",
                key=key,
                start=start,
                end=start + len(text),
                page=number + 1,
                text=text,
                data_class=page.classes.get(number, page.data_class),
            )
        )
        start += len(text)
    document = Document(
        key=key,
        tenant=tenant,
        collection=page.collection,
        doc_id=page.doc_id,
        version="sha256:0001",
        title=page.title,
        source="test",
        uri=f"file:///shelves/{page.doc_id}",
        path=page.doc_id,
        media_type="text/plain",
        acl_id=acl_id,
        data_class=page.data_class,
        metadata=page.metadata,
        dated_s=page.dated_s,
        length=start,
    )
    return document, passages


def _index(
    platform: Platform, tenant: str, made: list[tuple[Document, list[StoredPassage]]]
) -> None:
    texts = [titled(document.title, each.text) for document, some in made for each in some]
    vectors = iter(embedder().embed(texts).vectors)
    put = [
        Passage(ref=ref_of(document, each), text=each.text, vector=next(vectors))
        for document, some in made
        for each in some
    ]
    writer = platform.library.writer(tenant, dimensions=DIMENSIONS)
    try:
        writer.apply(Changes(put=put))
    finally:
        writer.close()


@asynccontextmanager
async def reading_room(folder: Path, *, more: str = "") -> AsyncIterator[House]:
    """A house of `conftest` whose platform can embed."""
    embedder()  # skips where there are no weights
    boot_key = secrets.token_bytes(32)
    async with ScriptedUpstream("near says so") as near, ScriptedUpstream("far says so") as far:
        workspace = write_workspace(folder, near=near.url, far=far.url, more=EMBEDDER + more)
        workspace.prepare()
        settings = ModelProcessSettings(
            socket=workspace.socket_path("models"),
            log=workspace.logs_dir / "models.log",
            artefacts=workspace.artefacts_dir,
            threads=1,
        )
        async with (
            ModelProcess(settings, boot_key=boot_key),
            Platform.opened(
                workspace, boot_key=boot_key, models_socket=settings.socket
            ) as platform,
            Background() as background,
            gateway(platform, background) as server,
        ):
            listener = socket.create_server(("127.0.0.1", 0))
            house = House(
                platform=platform,
                server=server,
                near=near,
                far=far,
                url=f"http://127.0.0.1:{listener.getsockname()[1]}",
                serving=asyncio.create_task(server.serve(listener)),
            )
            for role in ("user", "reviewer", "auditor", "admin"):
                house.keys[role] = await house.key(role, roles=[role])
            house.keys["other"] = await house.key("other")
            try:
                yield house
            finally:
                server.stop()
                server.stop()
                await house.serving
