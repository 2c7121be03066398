"""Made-up documents for the suites of the stores of knowledge."""

from __future__ import annotations

from typing import Any

from befit.knowledge import Document, DocumentState, NewDocument, StoredPassage
from befit.knowledge.parsing import Line
from befit.vocabulary import DataClass


def document(key: str, doc_id: str | None = None, **said: Any) -> Document:
    """Document `key` of the handbook, LIVE and under access list 1 unless told otherwise."""
    told: dict[str, Any] = {
        "tenant": "default",
        "collection": "handbook",
        "version": "sha256:0a0a",
        "title": f"Title of {key}",
        "source": "file:/srv/handbook",
        "uri": f"file:///srv/handbook/{key}.md",
        "path": f"{key}.md",
        "media_type": "text/markdown",
        "acl_id": 1,
        "data_class": DataClass.INTERNAL,
        "state": DocumentState.LIVE,
    }
    return Document(key=key, doc_id=doc_id or f"{key}.md", **(told | said))


def new(one: Document, *texts: str, lines: tuple[Line, ...] = (), **said: Any) -> NewDocument:
    """The document with these passages."""
    passages: list[StoredPassage] = []
    start = 0
    for number, text in enumerate(texts or ("Pumps leak.",)):
        passages.append(
            StoredPassage(
                **{
                    "passage_id": f"{one.key}.{number}",
                    "key": one.key,
                    "start": start,
                    "end": start + len(text),
                    "page": None,
                    "text": text,
                    "data_class": one.data_class,
                    **said,
                }
            )
        )
        start += len(text)
    return NewDocument(document=one, passages=passages, lines=lines)
