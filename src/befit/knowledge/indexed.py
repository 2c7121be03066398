"""A stored passage as the index takes it."""

from __future__ import annotations

from befit.knowledge.document import Document, StoredPassage
from befit.knowledge.index import PassageRef
from befit.knowledge.index.passage import MOST_NAME_CHARS
from befit.knowledge.index.words import encodable


def ref_of(document: Document, passage: StoredPassage) -> PassageRef:
    """What a search finds of the passage.

    Metadata that no search can filter by, because it is empty or long, stays in the store.
    """
    return PassageRef(
        passage_id=passage.passage_id,
        doc_id=document.key,
        version=document.version,
        collection=document.collection,
        acl_id=document.acl_id,
        data_class=max(document.data_class, passage.data_class),
        tags=document.tags | passage.tags,
        title=encodable(document.title),
        metadata={
            key: value
            for key, value in document.metadata.items()
            if _is_name(key) and _is_name(value)
        },
        dated_s=document.dated_s,
    )


def _is_name(value: str) -> bool:
    return 0 < len(value) <= MOST_NAME_CHARS and encodable(value) == value
