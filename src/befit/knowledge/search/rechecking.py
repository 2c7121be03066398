"""`Recheck`: whether what was found before may be read now, and stands as it was cited.

An answer takes a while, and a conversation goes on for days. Rights, rules and documents may
have changed since the search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from befit.identity import Principal
from befit.knowledge.document import Collection, Document, StoredPassage, key_of
from befit.knowledge.judged import MayRead, collection_resource, document_resource
from befit.knowledge.search.found import Citation
from befit.knowledge.store import KnowledgeStores
from befit.vocabulary import DataClass, Tag


class Recheck:
    """One reader's look at passages that are known by their ids. Blocking.

    Args:
        stores: as they are now.
        reader: whose rights count, resolved for each look.
        may_read: policy's word for that reader.
        collections: the tenant's, by name.
    """

    def __init__(
        self,
        stores: KnowledgeStores,
        reader: Principal,
        may_read: MayRead,
        collections: Mapping[str, Collection],
    ) -> None:
        self._stores = stores
        self._reader = reader
        self._may_read = may_read
        self._collections = {
            name: each for name, each in collections.items() if may_read(collection_resource(each))
        }

    def readable(self, passage_ids: Sequence[str]) -> frozenset[str]:
        """Those of the passages that are there and that the reader may read."""
        return frozenset(self._permitted(passage_ids))

    def stands(self, citations: Sequence[Citation]) -> bool:
        """Whether the reader may read every cited passage, and its words are what is cited."""
        permitted = self._permitted([each.passage_id for each in citations])
        for citation in citations:
            if citation.passage_id not in permitted:
                return False
            document, passage = permitted[citation.passage_id]
            if document.version != citation.version:
                return False
            start, end = citation.start - passage.start, citation.end - passage.start
            if start < 0 or passage.text[start:end] != citation.text:
                return False
        return True

    def _permitted(
        self, passage_ids: Sequence[str]
    ) -> Mapping[str, tuple[Document, StoredPassage]]:
        """Those that the reader may read, each judged by all that it carries itself."""
        passage_ids = list(dict.fromkeys(passage_ids))
        documents = self._admitted([key_of(passage_id) for passage_id in passage_ids])
        passages = self._stores.documents.opened(self._reader.tenant, passage_ids)
        permitted: dict[str, tuple[Document, StoredPassage]] = {}
        for passage_id, passage in passages.items():
            document = documents.get(passage.key)
            if document is None:
                continue
            data_class = max(document.data_class, passage.data_class)
            if self._permits(document, data_class, document.tags | passage.tags):
                permitted[passage_id] = document, passage
        return permitted

    def _admitted(self, keys: Sequence[str]) -> Mapping[str, Document]:
        """The documents that are there, under lists that admit the reader."""
        tenant = self._reader.tenant
        standing = self._stores.documents.standing(tenant, list(dict.fromkeys(keys)))
        rights = self._stores.access.rights(self._reader)
        return {
            key: document
            for key, document in standing.items()
            if document.acl_id in rights.acl_ids and document.collection in self._collections
        }

    def _permits(self, document: Document, data_class: DataClass, tags: frozenset[Tag]) -> bool:
        collection = self._collections[document.collection]
        resource = document_resource(collection, document.doc_id, data_class=data_class, tags=tags)
        return self._may_read(resource)
