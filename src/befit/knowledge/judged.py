"""Collections and documents as policy is asked about them, and its word for one reader."""

from __future__ import annotations

from collections.abc import Callable

from befit.identity import Principal
from befit.knowledge.document import Collection
from befit.policy import Action, Inquiry, Policy, Resource, ResourceKind
from befit.vocabulary import DataClass, Tag

MayRead = Callable[[Resource], bool]
"""Policy's word on `retrieve` of a collection or document, for one reader."""


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


def may_retrieve(policy: Policy, reader: Principal, *, hour: int) -> MayRead:
    """Policy's word on `retrieve` for one reader, at an hour of the day."""

    def is_permitted(resource: Resource) -> bool:
        inquiry = Inquiry(principal=reader, action=Action.RETRIEVE, resource=resource, hour=hour)
        return policy.judge(inquiry).permitted

    return is_permitted
