"""The texts of the two public collections."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import msgspec

from benchmarks.retrieval.collections import ABSTRACTS, CONVERSATIONS, data_folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A document as its data set has it."""

    doc_id: str
    group: str
    title: str
    text: str


class _MtragPassage(msgspec.Struct):
    passage_id: str
    collection: str
    text: str
    title: str | None


class _CranfieldDocument(msgspec.Struct):
    doc_id: int
    title: str
    text: str


def conversation_texts() -> list[Text]:
    """Of `rag_mtrag`."""
    path = data_folder() / CONVERSATIONS / "corpus" / "passages_mtrag_un.jsonl.gz"
    lines = msgspec.json.Decoder(_MtragPassage).decode_lines(gzip.decompress(path.read_bytes()))
    return [
        Text(doc_id=line.passage_id, group=line.collection, title=line.title or "", text=line.text)
        for line in lines
    ]


def abstract_texts() -> list[Text]:
    """Of `rag_cranfield`."""
    path = data_folder() / ABSTRACTS / "corpus" / "docs.jsonl.gz"
    lines = msgspec.json.Decoder(_CranfieldDocument).decode_lines(
        gzip.decompress(path.read_bytes())
    )
    return [
        Text(doc_id=str(line.doc_id), group=ABSTRACTS, title=line.title, text=line.text)
        for line in lines
        if line.text.strip()
    ]
