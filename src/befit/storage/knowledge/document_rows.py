"""Documents and passages as rows, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, update

from befit.knowledge import Document, DocumentState, NewDocument, StoredPassage
from befit.storage import dialect
from befit.storage.columns import tag_bits
from befit.storage.knowledge.boxes import DocumentBoxes, doc_hash
from befit.storage.knowledge.schema import DOCUMENT_LINES, DOCUMENTS, PASSAGES
from befit.vocabulary import DataClass

READABLE = (DocumentState.PENDING.value, DocumentState.LIVE.value)
"""The states of a document that stands for its `doc_id`."""

AT_ONCE = 500
"""Keys a statement, well below what any database takes."""

_D = DOCUMENTS.c
_T = TypeVar("_T")

_DOCUMENTS = dialect.ManyRows(dialect.upsert(DOCUMENTS))
_PASSAGES = dialect.ManyRows(dialect.upsert(PASSAGES))
_LINES = dialect.ManyRows(dialect.upsert(DOCUMENT_LINES))


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRows:
    """Documents sealed and ready to be written, each value in the order of its table.

    Attributes:
        replacing: by tenant and collection, the hashes of what a document is called.
    """

    documents: Sequence[tuple[object, ...]]
    passages: Sequence[tuple[object, ...]]
    lines: Sequence[tuple[object, ...]]
    replacing: dict[tuple[str, str], list[str]]

    def write(self, connection: Connection) -> None:
        """Write them all; the documents that they stand in place of leave."""
        for (tenant, collection), hashes in self.replacing.items():
            for some in chunks(hashes, AT_ONCE):
                is_replaced = (
                    (_D.tenant == tenant)
                    & (_D.collection == collection)
                    & _D.doc_hash.in_(some)
                    & _D.state.in_(READABLE)
                )
                leaving = update(DOCUMENTS).where(is_replaced)
                connection.execute(leaving.values(state=DocumentState.LEAVING.value))
        _DOCUMENTS.write(connection, self.documents)
        _PASSAGES.write(connection, self.passages)
        _LINES.write(connection, self.lines)


def sealed_rows(new: Sequence[NewDocument], boxes: DocumentBoxes) -> NewRows:
    """Seal documents into rows. Of two with one `doc_id` the last one stands."""
    last = {_name_of(each.document): each.document.key for each in new}
    replacing: dict[tuple[str, str], list[str]] = {}
    for tenant, collection, hash_ in last:
        replacing.setdefault((tenant, collection), []).append(hash_)
    return NewRows(
        documents=[
            _document_row(each, boxes, stands=last[_name_of(each.document)] == each.document.key)
            for each in new
        ],
        passages=[
            _passage_row(each.document.tenant, passage, boxes)
            for each in new
            for passage in each.passages
        ],
        lines=[
            (
                each.document.tenant,
                each.document.key,
                boxes.seal_lines(each.document.tenant, each.document.key, each.lines),
            )
            for each in new
            if each.lines
        ],
        replacing=replacing,
    )


def document_of(row: tuple[Any, ...], boxes: DocumentBoxes) -> Document:
    """A document from its whole row, whose columns the schema types."""
    tenant, key, collection, _, source, version, state, acl_id, _, *rest = row
    data_class, tags, media_type, dated_s, change_token, length, _, at, decision_id, box = rest
    said = boxes.open_said(tenant, key, box)
    return Document(
        key=key,
        tenant=tenant,
        collection=collection,
        doc_id=said.doc_id,
        version=version,
        title=said.title,
        source=source,
        uri=said.uri,
        path=said.path,
        media_type=media_type,
        acl_id=acl_id,
        data_class=DataClass(data_class),
        tags=tags,
        metadata=said.metadata,
        dated_s=dated_s,
        change_token=change_token,
        length=length,
        state=DocumentState(state),
        ingested_at=at,
        decision_id=decision_id,
    )


def passage_of(row: tuple[Any, ...], boxes: DocumentBoxes) -> StoredPassage:
    """A passage from its whole row."""
    tenant, key, number, start, end, page, data_class, tags, box = row
    passage_id = f"{key}.{number}"
    return StoredPassage(
        passage_id=passage_id,
        key=key,
        start=start,
        end=end,
        page=page,
        text=boxes.open_text(tenant, passage_id, box),
        data_class=DataClass(data_class),
        tags=tags,
    )


def place_of(passage_id: str) -> tuple[str, int] | None:
    """Key and number of a passage's id; None where it is no such id."""
    key, _, number = passage_id.rpartition(".")
    return (key, int(number)) if key and number.isdecimal() and number.isascii() else None


def chunks(values: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """The values, at most `size` at a time."""
    return (values[at : at + size] for at in range(0, len(values), size))


def _name_of(document: Document) -> tuple[str, str, str]:
    return document.tenant, document.collection, doc_hash(document.doc_id)


def _document_row(new: NewDocument, boxes: DocumentBoxes, *, stands: bool) -> tuple[object, ...]:
    document = new.document
    state = document.state if stands else DocumentState.LEAVING
    return (
        document.tenant,
        document.key,
        document.collection,
        doc_hash(document.doc_id),
        document.source,
        document.version,
        state.value,
        document.acl_id,
        document.acl_id,
        int(document.data_class),
        tag_bits(document.tags),
        document.media_type,
        document.dated_s,
        document.change_token,
        document.length,
        len(new.passages),
        document.ingested_at,
        document.decision_id,
        boxes.seal_said(document),
    )


def _passage_row(tenant: str, passage: StoredPassage, boxes: DocumentBoxes) -> tuple[object, ...]:
    place = place_of(passage.passage_id)
    if place is None or place[0] != passage.key:
        raise ValueError(f"{passage.passage_id!r} is no passage of document {passage.key!r}")
    return (
        tenant,
        passage.key,
        place[1],
        passage.start,
        passage.end,
        passage.page,
        int(passage.data_class),
        tag_bits(passage.tags),
        boxes.seal_text(tenant, passage),
    )
