"""The company's own documents: found by whoever may read them, and by nobody else."""

from befit.knowledge.document import Collection, Document, DocumentState, StoredPassage
from befit.knowledge.judged import collection_resource, document_resource, may_retrieve
from befit.knowledge.rule_changes import RuleChanges, apply_rules
from befit.knowledge.store import (
    AccessList,
    AccessStore,
    CollectionStore,
    DocumentStore,
    KnowledgeStores,
    Mark,
    NewDocument,
    Placement,
    Rights,
)

__all__ = [
    "AccessList",
    "AccessStore",
    "Collection",
    "CollectionStore",
    "Document",
    "DocumentState",
    "DocumentStore",
    "KnowledgeStores",
    "Mark",
    "NewDocument",
    "Placement",
    "Rights",
    "RuleChanges",
    "StoredPassage",
    "apply_rules",
    "collection_resource",
    "document_resource",
    "may_retrieve",
]
