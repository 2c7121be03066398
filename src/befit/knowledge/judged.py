"""Collections and documents as policy is asked about them."""

from __future__ import annotations

from befit.knowledge.document import Collection
from befit.policy import Resource, ResourceKind
from befit.vocabulary import DataClass, Tag


def collection_resource(collection: Collection) -> Resource:
    """`Collection::"handbook"`, owned by whoever answers for it."""
    return Resource(
        kind=ResourceKind.COLLECTION,
        name=collection.name,
        owner=collection.owner,
        data_class=collection.data_class,
        tags=collection.tags,
    )


def document_resource(
    collection: Collection, doc_id: str, *, data_class: DataClass, tags: frozenset[Tag]
) -> Resource:
    """`Document::"handbook/travel.md"`, in its collection and of its owner.

    Without a `doc_id` it stands for all documents of that class and those tags.
    """
    return Resource(
        kind=ResourceKind.DOCUMENT,
        name=f"{collection.name}/{doc_id}",
        owner=collection.owner,
        data_class=data_class,
        tags=tags,
        collection=collection.name,
    )
