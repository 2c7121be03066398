"""What the room `knowledge` keeps: collections, documents with their passages, access lists."""

from befit.storage.knowledge.access import SqlAccessStore
from befit.storage.knowledge.collections import SqlCollectionStore
from befit.storage.knowledge.documents import SqlDocumentStore

__all__ = ["SqlAccessStore", "SqlCollectionStore", "SqlDocumentStore"]
