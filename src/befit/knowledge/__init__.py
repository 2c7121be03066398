"""The company's own documents: found by whoever may read them, and by nobody else."""

from befit.knowledge.ask import Ask, Filters, MayRead
from befit.knowledge.document import Collection, Document, DocumentState, StoredPassage
from befit.knowledge.found import Citation, Found, FoundPassage
from befit.knowledge.judged import collection_resource, document_resource
from befit.knowledge.library import Library
from befit.knowledge.rebuilding import Embed
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
    "Ask",
    "Citation",
    "Collection",
    "CollectionStore",
    "Document",
    "DocumentState",
    "DocumentStore",
    "Embed",
    "Filters",
    "Found",
    "FoundPassage",
    "KnowledgeStores",
    "Library",
    "Mark",
    "MayRead",
    "NewDocument",
    "Placement",
    "Rights",
    "RuleChanges",
    "StoredPassage",
    "apply_rules",
    "collection_resource",
    "document_resource",
]
