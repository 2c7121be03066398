"""Where collections, documents, access lists and passages are kept. `storage/` implements it.

Texts are sealed under the tenant's key at rest and open here. What a search needs is also
there as a blocking call, because it runs in one worker thread from rights to text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from befit.identity import Principal
from befit.knowledge.access.acl import Acl
from befit.knowledge.document import Collection, Document, DocumentState, StoredPassage
from befit.knowledge.parsing.parsed import Line
from befit.vocabulary import DataClass, Tag


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessList:
    """The people and groups of one `acl_id`. Changing them touches no document and no index.

    Attributes:
        origin: where it comes from: `rule:hr/**` of `acl.yaml`, `source` of an item's own
            metadata, `unknown` where the source has rights and could not tell them, `none`
            where nobody is known.
        key: unique in the tenant; lists of the same key are one.
    """

    acl_id: int
    tenant: str
    key: str
    origin: str
    acl: Acl


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDocument:
    """A document with its passages, put or replaced as one."""

    document: Document
    passages: Sequence[StoredPassage]
    lines: Sequence[Line] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """What a reader may read at one moment.

    Attributes:
        acl_ids: the lists that admit the reader.
        epoch: grows whenever a list, or the list that a document is under, changes.
        indexed_as: lists that the index still knows readable documents by, which have moved
            since; what it finds under these is readable only where the document's row says so.
    """

    acl_ids: frozenset[int]
    epoch: int
    indexed_as: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What an incremental run needs to know of a document that is there."""

    key: str
    doc_id: str
    version: str
    change_token: str
    acl_id: int
    data_class: DataClass
    tags: frozenset[Tag]
    state: DocumentState


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """What the check after a search asks of a document: all that its rights hang on.

    Hundreds are made for each search, which is why it is no dataclass.
    """

    collection: str
    acl_id: int
    data_class: DataClass
    tags: frozenset[Tag]


class CollectionStore(Protocol):
    """Which collections a tenant has."""

    async def find(self, tenant: str, name: str) -> Collection | None:
        """The collection of that name."""
        ...

    async def list(self, tenant: str) -> Sequence[Collection]:
        """All of a tenant, by name."""
        ...

    async def put(self, collection: Collection) -> None:
        """Add it or change what is said of it."""
        ...

    async def remove(self, tenant: str, name: str) -> None:
        """Forget a collection that holds no document any more."""
        ...

    def known(self, tenant: str) -> Mapping[str, Collection]:
        """All of a tenant now, by name. Blocking."""
        ...


class DocumentStore(Protocol):
    """The documents of all collections, and their passages."""

    async def put(self, documents: Sequence[NewDocument]) -> None:
        """Keep documents, each in place of the one of its collection and `doc_id`, in one
        transaction; those that a new one replaces are LEAVING from then on.
        """
        ...

    async def mark(self, tenant: str, keys: Sequence[str], state: DocumentState) -> None:
        """Say where documents stand now."""
        ...

    async def amend(self, documents: Sequence[Document]) -> None:
        """Keep what a source says anew of documents whose text is the same: title, address,
        path, metadata, date and change token. List, class and state stay as they are.
        """
        ...

    async def place(
        self, tenant: str, places: Mapping[str, int], *, instead_of: Mapping[str, int] | None = None
    ) -> int:
        """Put documents (by key) under other access lists; grows the epoch. How many were put.

        They are found by their new readers at once, whatever the index says. One that is not
        under the list that `instead_of` names any more stays where it is: who has moved it
        meanwhile knew better.
        """
        ...

    async def indexed(self, tenant: str, places: Mapping[str, int]) -> None:
        """Say which access list the index knows documents by now, after they were put again."""
        ...

    async def raise_class(
        self, tenant: str, keys: Sequence[str], data_class: DataClass, tags: frozenset[Tag]
    ) -> None:
        """Documents and their passages have at least this class and these tags from now on;
        grows the epoch.
        """
        ...

    async def drop(self, tenant: str, keys: Sequence[str]) -> None:
        """Remove documents with all their passages and lines."""
        ...

    async def find(self, tenant: str, collection: str, doc_id: str) -> Document | None:
        """The document that readers may find, PENDING or LIVE."""
        ...

    async def marks(self, tenant: str, collection: str, source: str) -> Mapping[str, Mark]:
        """By `doc_id`, what of a source is in a collection, PENDING or LIVE."""
        ...

    async def page(
        self,
        tenant: str,
        *,
        collection: str | None,
        after: str,
        limit: int,
        state: DocumentState | None = None,
    ) -> Sequence[Document]:
        """Documents with a key above `after`, in the order of keys; for listing and rebuilding."""
        ...

    async def counts(self, tenant: str) -> Mapping[str, tuple[int, int]]:
        """By collection, how many documents and passages there are."""
        ...

    async def passages(self, tenant: str, key: str) -> Sequence[StoredPassage]:
        """All passages of a document, opened, in order: together they are its text."""
        ...

    async def lines(self, tenant: str, key: str) -> Sequence[Line]:
        """Where the document's lines stand on its pages; empty where it has none."""
        ...

    def placements(self, tenant: str, keys: Sequence[str]) -> Mapping[str, Placement]:
        """Where the documents of these keys stand that are LIVE now. Blocking."""
        ...

    def standing(self, tenant: str, keys: Sequence[str]) -> Mapping[str, Document]:
        """The documents of these keys that are LIVE now. Blocking."""
        ...

    def opened(self, tenant: str, passage_ids: Sequence[str]) -> Mapping[str, StoredPassage]:
        """The passages of these ids, opened. Blocking."""
        ...


class AccessStore(Protocol):
    """The access lists of a tenant."""

    async def keep(self, tenant: str, key: str, origin: str, acl: Acl) -> AccessList:
        """The list of that key, made or changed to say this; a change grows the epoch."""
        ...

    async def find(self, tenant: str, acl_id: int) -> AccessList | None:
        """The list of that number."""
        ...

    async def list(self, tenant: str) -> Sequence[AccessList]:
        """All lists of a tenant."""
        ...

    def rights(self, reader: Principal) -> Rights:
        """What the reader may read now, as `Acl.admits` says of every list. Blocking."""
        ...

    def epoch(self, tenant: str) -> int:
        """The rights' epoch now. Blocking."""
        ...

    async def rules_version(self, tenant: str) -> str:
        """Which rules of `acl.yaml` the lists and documents follow; empty before any."""
        ...

    async def note_rules(self, tenant: str, version: str) -> None:
        """Say that they follow these rules now."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeStores:
    """The stores of the room, on one database."""

    collections: CollectionStore
    documents: DocumentStore
    access: AccessStore
