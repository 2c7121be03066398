"""The two public collections, indexed as the product indexes them, and their queries."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from befit.inference.embedded.embedder import DIMENSIONS, Embedder
from befit.inference.embedded.weights import MINILM, located
from befit.knowledge.index import (
    Changes,
    EmbeddedIndex,
    EmbeddedWriter,
    Passage,
    PassageRef,
    Reach,
    Snapshot,
    Vector,
    titled,
)
from befit.knowledge.retrieval import Question
from befit.messages import Message
from befit.vocabulary import DataClass

CONVERSATIONS = "rag_mtrag"
ABSTRACTS = "rag_cranfield"

_Line = TypeVar("_Line", bound=msgspec.Struct)


class MtragPassage(msgspec.Struct):
    """One passage of `rag_mtrag`."""

    passage_id: str
    collection: str
    text: str
    title: str | None


class _Turn(msgspec.Struct):
    speaker: str
    text: str


class MtragQuery(msgspec.Struct):
    """One question of a conversation of `rag_mtrag`, with what is relevant to it."""

    task_id: str
    collection: str
    query_last_turn: str
    history: list[_Turn]
    relevant_passage_ids: list[str]


class CranfieldDocument(msgspec.Struct):
    """One abstract of `rag_cranfield`."""

    doc_id: int
    title: str
    text: str


class CranfieldQuery(msgspec.Struct):
    """One query of `rag_cranfield`, with the grade of each relevant abstract."""

    query_id: int
    query: str
    gain: dict[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A query with what is relevant to it; `group` is its collection."""

    question: Question
    group: str
    relevant: dict[str, int]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Collection:
    """One data set, indexed."""

    name: str
    snapshot: Snapshot
    queries: tuple[Judged, ...]
    vectors: dict[str, Vector]

    def embedded(self, question: Question) -> Vector:
        """A vector for each of the question's texts."""
        return np.array([self.vectors[text] for text in question.texts])


def data_folder() -> Path:
    """Where the data sets lie."""
    root = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("BEFIT_SHARED_DATA") or root)


def conversations(folder: Path) -> Collection:
    """The queries with a history of `rag_mtrag`, over its four collections in one index."""
    data = data_folder() / CONVERSATIONS
    passages = lines(data / "corpus" / "passages_mtrag_un.jsonl.gz", MtragPassage)
    queries = [
        Judged(
            question=Question.of(line.query_last_turn, _history(line.history)),
            group=line.collection,
            relevant=dict.fromkeys(line.relevant_passage_ids, 1),
        )
        for line in lines(data / "dev" / "mtrag_un_retrieval.jsonl", MtragQuery)
        if line.history
    ]
    documents = [(p.passage_id, p.collection, p.title or "", p.text) for p in passages]
    return _indexed(CONVERSATIONS, documents, queries, folder / CONVERSATIONS)


def abstracts(folder: Path) -> Collection:
    """The queries of `rag_cranfield`, over its abstracts."""
    data = data_folder() / ABSTRACTS
    documents = [
        (str(line.doc_id), ABSTRACTS, line.title, line.text)
        for line in lines(data / "corpus" / "docs.jsonl.gz", CranfieldDocument)
    ]
    queries = [
        Judged(question=Question.of(line.query), group=ABSTRACTS, relevant=line.gain)
        for line in lines(data / "dev" / "queries_qrels.jsonl", CranfieldQuery)
    ]
    return _indexed(ABSTRACTS, documents, queries, folder / ABSTRACTS)


def _history(turns: Iterable[_Turn]) -> list[Message]:
    roles = {"user": "user", "agent": "assistant"}
    return [Message(role=roles[turn.speaker], content=turn.text) for turn in turns]


def _indexed(
    name: str,
    documents: Sequence[tuple[str, str, str, str]],
    queries: Sequence[Judged],
    folder: Path,
) -> Collection:
    texts = [titled(title, text) for _, _, title, text in documents]
    asked = [text for query in queries for text in query.question.texts]
    vectors = kept_vectors(name, [*texts, *asked])
    groups = sorted({group for _, group, _, _ in documents})
    passages = [
        Passage(
            ref=PassageRef(
                passage_id=passage_id,
                doc_id=passage_id,
                version="1",
                collection=group,
                acl_id=groups.index(group),
                data_class=DataClass.PUBLIC,
                title=title,
            ),
            text=text,
            vector=vectors[titled(title, text)],
        )
        for passage_id, group, title, text in documents
    ]
    with EmbeddedWriter(folder, dimensions=DIMENSIONS) as writer:
        writer.apply(Changes(put=passages))
    snapshot = EmbeddedIndex(folder).snapshot()
    return Collection(name=name, snapshot=snapshot, queries=tuple(queries), vectors=vectors)


def reach_of(collection: Collection, query: Judged, *, across: bool) -> Reach:
    """The query's own collection, or all of the data set's."""
    groups = sorted({each.group for each in collection.queries})
    return Reach.of(range(len(groups)), groups if across else [query.group])


def kept_vectors(name: str, texts: Sequence[str]) -> dict[str, Vector]:
    """A vector for each text, kept beside other temporary files from one run to the next."""
    distinct = sorted(set(texts))
    digest = hashlib.sha256("\0".join([MINILM, *distinct]).encode()).hexdigest()[:16]
    kept = Path(tempfile.gettempdir()) / f"befit-benchmark-{name}-{digest}.npy"
    if not kept.is_file():
        found = Embedder(located(MINILM), threads=2).embed(distinct).vectors
        aside = kept.with_suffix(f".{os.getpid()}.npy")
        np.save(aside, found)
        aside.replace(kept)
    matrix: Vector = np.load(kept)
    return dict(zip(distinct, matrix, strict=True))


def lines(path: Path, kind: type[_Line]) -> list[_Line]:
    """The rows of a file, packed or not."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return msgspec.json.Decoder(kind).decode_lines(content)
