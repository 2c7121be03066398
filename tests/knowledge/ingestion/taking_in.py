"""A run over real stores, a real index and real files; only the vectors are made up."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from befit.errors import Forbidden, ModelFailure
from befit.identity import Principal
from befit.knowledge import Collection, Document, DocumentState, KnowledgeStores
from befit.knowledge.access import AccessRules, Acl, Rule
from befit.knowledge.index import IndexWriter, Vector
from befit.knowledge.ingestion import Ingestion, IngestJob, IngestReport
from befit.knowledge.parsing import Parser
from befit.knowledge.sources import Fetched, Item, Skipped, Source, SourceFailed, open_source
from befit.policy import ClassedText
from befit.vocabulary import DEFAULT_TENANT, DataClass, Tag, silent
from tests.knowledge.shelves import DIMENSIONS, Shelves, about

FOR_EVERYONE = AccessRules(rules=(Rule(path="**", acl=Acl(groups=frozenset({"everyone"}))),))


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is one: a run waits for the disk at every commit."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@dataclass
class Model:
    """Reads what it is given; "card" makes a text restricted, "forbidden" may not be read."""

    embedder: str = "made-up@1"
    decision_id: str = "dec_1"
    embedded_texts: list[ClassedText] = field(default_factory=list)
    failures: int = 0
    before: Callable[[], None] = lambda: None

    async def examined(self, texts: Sequence[ClassedText]) -> Sequence[ClassedText]:
        return [
            replace(each, data_class=DataClass.RESTRICTED, tags=each.tags | {Tag.PCI})
            if "card" in each.text
            else each
            for each in texts
        ]

    async def embedded(self, texts: Sequence[ClassedText]) -> Vector:
        self.before()
        if self.failures:
            self.failures -= 1
            raise ModelFailure("the model process died")
        if any("forbidden" in each.text for each in texts):
            raise Forbidden("the embedder may not read it")
        self.embedded_texts += texts
        return np.stack([about(each.text.split("\n")[-1] or "-") for each in texts])


@dataclass
class Listed:
    """A source of items and texts as a test says, which counts what is fetched of it."""

    offered: dict[str, str]
    name: str = "test:listed"
    items_said: dict[str, dict[str, object]] = field(default_factory=dict)
    breaks_after: int | None = None
    unseen: str | None = None
    fetched: list[str] = field(default_factory=list)
    closed: int = 0

    def items(self) -> Iterator[Item | Skipped]:
        for number, doc_id in enumerate(self.offered):
            if number == self.breaks_after:
                raise SourceFailed("the share is gone", retry=True)
            said = {
                "doc_id": doc_id,
                "uri": f"test://{doc_id}",
                "path": doc_id,
                "change_token": f"{hash(self.offered[doc_id])}",
            }
            yield Item(**(said | self.items_said.get(doc_id, {})))
        if self.unseen is not None:
            yield Skipped(what=self.unseen, reason="closed", below=self.unseen)

    def fetch(self, item: Item) -> Fetched:
        self.fetched.append(item.doc_id)
        return Fetched(name=item.doc_id, text=self.offered[item.doc_id])

    def close(self) -> None:
        self.closed += 1


@dataclass
class Place:
    """Where tests take documents in."""

    shelves: Shelves
    model: Model = field(default_factory=Model)
    rules: AccessRules = FOR_EVERYONE
    parser: Parser = field(default_factory=Parser)

    async def run(
        self,
        source: Source | Path,
        *,
        stores: KnowledgeStores | None = None,
        wrapped: Callable[[IndexWriter], IndexWriter] = lambda writer: writer,
        **said: object,
    ) -> IngestReport:
        """One run into the handbook."""
        kept = stores or self.shelves.stores
        found = await self.shelves.stores.collections.find(DEFAULT_TENANT, "handbook")
        new = Collection(
            tenant=DEFAULT_TENANT, name="handbook", owner="mara", data_class=DataClass.INTERNAL
        )
        collection = replace(found or new, **said)
        await self.shelves.stores.collections.put(collection)
        job = IngestJob(
            collection=collection,
            source=open_source(str(source)) if isinstance(source, Path) else source,
            parser=self.parser,
            rules=lambda: self.rules,
        )
        with self.shelves.library.writer(DEFAULT_TENANT, dimensions=DIMENSIONS) as writer:
            return await Ingestion(job, self.model, kept, wrapped(writer), silent).run()

    async def found(self, who: Principal, text: str) -> set[str]:
        """What documents are found, by their sources' names."""
        found = await self.shelves.search(who, text, "handbook")
        return {each.doc_id for each in found.passages}

    async def documents(self) -> dict[str, Document]:
        """All of the handbook, whatever their state, by name and state."""
        page = await self.shelves.stores.documents.page(
            DEFAULT_TENANT, collection="handbook", after="", limit=1000
        )
        return {each.doc_id: each for each in page}

    async def texts(self) -> dict[str, str]:
        """What is there, word for word; every document has to be LIVE."""
        texts: dict[str, str] = {}
        for doc_id, document in (await self.documents()).items():
            assert document.state is DocumentState.LIVE
            passages = await self.shelves.stores.documents.passages(DEFAULT_TENANT, document.key)
            texts[doc_id] = "".join(each.text for each in passages)
        return texts

    def index_problems(self) -> tuple[str, ...]:
        return self.shelves.library._index(DEFAULT_TENANT).verify()
