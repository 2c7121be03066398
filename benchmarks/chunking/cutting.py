"""A collection of the retrieval benchmark with its documents cut into passages."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from befit.inference.embedded.embedder import DIMENSIONS, Embedder
from befit.inference.embedded.weights import MINILM, located
from befit.knowledge.chunking import ChunkLimits, chunk
from befit.knowledge.index import (
    Changes,
    EmbeddedIndex,
    EmbeddedWriter,
    Passage,
    PassageRef,
    Vector,
    titled,
)
from befit.knowledge.parsing import parse_text
from befit.vocabulary import DataClass
from benchmarks.chunking.texts import Text
from benchmarks.retrieval.collections import Collection, Judged


def cut(whole: Collection, texts: Sequence[Text], limits: ChunkLimits, folder: Path) -> Collection:
    """The collection with its documents cut; a passage is as relevant as its document."""
    groups = sorted({each.group for each in texts})
    named: list[tuple[str, Text, str]] = []
    for each in texts:
        for number, part in enumerate(chunk(parse_text(each.text), limits)):
            named.append((f"{each.doc_id}#{number}", each, each.text[part.start : part.end]))
    bodies = [titled(each.title, text) for _, each, text in named]
    vectors = _embedded(bodies)
    with EmbeddedWriter(folder, dimensions=DIMENSIONS) as writer:
        passages = [
            Passage(
                ref=PassageRef(
                    passage_id=passage_id,
                    doc_id=each.doc_id,
                    version="1",
                    collection=each.group,
                    acl_id=groups.index(each.group),
                    data_class=DataClass.PUBLIC,
                    title=each.title,
                ),
                text=text,
                vector=vectors[titled(each.title, text)],
            )
            for passage_id, each, text in named
        ]
        writer.apply(Changes(put=passages))
    parts: dict[str, list[str]] = {}
    for passage_id, each, _ in named:
        parts.setdefault(each.doc_id, []).append(passage_id)
    queries = tuple(
        Judged(
            question=query.question,
            group=query.group,
            relevant={
                part: grade
                for doc_id, grade in query.relevant.items()
                for part in parts.get(doc_id, [f"{doc_id}#0"])
            },
        )
        for query in whole.queries
    )
    marks = {f"passage:{passage_id}": np.zeros(0, np.float32) for passage_id, _, _ in named}
    return Collection(
        name=whole.name,
        snapshot=EmbeddedIndex(folder).snapshot(),
        queries=queries,
        vectors={**whole.vectors, **marks},
    )


def _embedded(texts: Sequence[str]) -> dict[str, Vector]:
    """A vector for each text, kept beside other temporary files from one run to the next."""
    distinct = sorted(set(texts))
    digest = hashlib.sha256("\0".join([MINILM, *distinct]).encode()).hexdigest()[:16]
    kept = Path(tempfile.gettempdir()) / f"befit-benchmark-chunking-{digest}.npy"
    if not kept.is_file():
        found = Embedder(located(MINILM), threads=2).embed(distinct).vectors
        aside = kept.with_suffix(f".{os.getpid()}.npy")
        np.save(aside, found)
        aside.replace(kept)
    matrix: Vector = np.load(kept)
    return dict(zip(distinct, matrix, strict=True))
