"""`Document` and `StoredPassage`: what a collection holds of a source's item, once taken in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from befit.vocabulary import DataClass, Tag


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """Documents kept together, such as a department's handbook.

    Attributes:
        owner: who answers for it.
        data_class: the least class of what is in it.
        version: grows with every run that changed something.
        embedder: the model, with its version, that its vectors are of.
    """

    tenant: str
    name: str
    owner: str
    data_class: DataClass
    tags: frozenset[Tag] = frozenset()
    version: int = 0
    embedder: str = ""
    created_at: float = 0.0


class DocumentState(StrEnum):
    """Where a document stands between store and index."""

    PENDING = "pending"  # stored, not in the index yet
    LIVE = "live"
    LEAVING = "leaving"  # no longer readable, still in the index


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One document of a collection, without its text.

    Attributes:
        key: unique in the tenant and never used again; what the index calls `doc_id`.
        doc_id: what its source calls it; unique in the collection.
        version: `sha256:` of its text, shortened as answers show it.
        source: the source that it came from; deletions are judged within one source.
        uri: where it can be found.
        path: what the rules of `acl.yaml` match.
        acl_id: which access list it is under.
        change_token: what the source says changes with the content.
        length: characters of its text.
        decision_id: the decision of the run that took it in.
    """

    key: str
    tenant: str
    collection: str
    doc_id: str
    version: str
    title: str
    source: str
    uri: str
    path: str
    media_type: str
    acl_id: int
    data_class: DataClass
    tags: frozenset[Tag] = frozenset()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    dated_s: int | None = None
    change_token: str = ""
    length: int = 0
    state: DocumentState = DocumentState.PENDING
    ingested_at: float = 0.0
    decision_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPassage:
    """A stretch of a document's text. The passages of a document cover its text without overlap.

    Attributes:
        passage_id: `KEY.N`, N counting from 0.
        start, end: characters of the document's text.
        page: of a document with pages, the one it begins on.
        data_class: of the document, or higher where the passage holds more.
    """

    passage_id: str
    key: str
    start: int
    end: int
    page: int | None
    text: str
    data_class: DataClass
    tags: frozenset[Tag] = frozenset()


def key_of(passage_id: str) -> str:
    """The key of the document that a passage is of."""
    return passage_id.rpartition(".")[0]
