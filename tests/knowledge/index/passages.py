"""Made-up passages with made-up unit vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from befit.knowledge.index import Passage, PassageRef, Reach, Vector
from befit.knowledge.index.search_index import Snapshot
from befit.vocabulary import DataClass

DIMENSIONS = 16
EVERYTHING = Reach.of(range(64), ["manuals", "memos"])


def vector(seed: int, dimensions: int = DIMENSIONS) -> Vector:
    drawn = np.random.default_rng(seed).standard_normal(dimensions)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def passage(number: int, text: str = "the pump leaks oil", **fields: object) -> Passage:
    """Passage `p<number>` of document `d<number>` under access list 1 unless told otherwise."""
    told: dict[str, object] = {
        "passage_id": f"p{number}",
        "doc_id": f"d{number}",
        "version": "1",
        "collection": "manuals",
        "acl_id": 1,
        "data_class": DataClass.INTERNAL,
    }
    own = {"vector": vector(number), **{k: fields.pop(k) for k in ("vector",) if k in fields}}
    return Passage(ref=PassageRef(**(told | fields)), text=text, vector=own["vector"])


def names(snapshot: Snapshot, rows: Sequence[int] | np.ndarray) -> list[str]:
    return [ref.passage_id for ref in snapshot.refs(np.asarray(rows, np.int64))]
