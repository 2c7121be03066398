"""A new user's folder has ten files: their neighbours say little, so words and meaning decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from befit.knowledge.index import Changes, EmbeddedIndex, EmbeddedWriter, Reach
from befit.knowledge.retrieval import Question, Retriever, packaged_weights
from tests.knowledge.index.passages import passage

_DIMENSIONS = 16
_EVERYTHING = Reach.of([0], ["manuals"])


def _near(vector: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    moved = vector + draws.normal(0, 0.15, _DIMENSIONS)
    return (moved / np.linalg.norm(moved)).astype(np.float32)


@pytest.mark.parametrize("size", [2, 3, 5, 8, 12])
def test_what_words_and_meaning_both_name_comes_first(tmp_path: Path, size: int) -> None:
    draws = np.random.default_rng(size)
    subjects = draws.normal(0, 1, (size, _DIMENSIONS))
    subjects /= np.linalg.norm(subjects, axis=1, keepdims=True)
    put = [
        passage(
            at,
            text=f"what is said of subject{at} here",
            vector=subjects[at].astype(np.float32),
            acl_id=0,
        )
        for at in range(size)
    ]
    with EmbeddedWriter(tmp_path / "index", dimensions=_DIMENSIONS) as writer:
        writer.apply(Changes(put=put))
    retriever = Retriever(EmbeddedIndex(tmp_path / "index"), packaged_weights())
    for at in range(size):
        asked = Question.of(f"subject{at}")
        vector = _near(subjects[at], draws)[np.newaxis]
        first, *_ = retriever.search(asked, vector, _EVERYTHING, limit=size).hits
        assert first.ref.passage_id == f"p{at}"
