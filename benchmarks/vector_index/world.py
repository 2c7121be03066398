"""Made-up passages, questions and readers, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from befit.knowledge.index import Passage, PassageRef, Reach
from befit.knowledge.index.passage import Vector
from befit.vocabulary import DataClass

DIMENSIONS = 384
LISTS = 1_000
PASSAGES_A_DOCUMENT = 20

_CENTRES = 2_000
_VOCABULARY = 50_000
_WORDS_A_PASSAGE = 120
_WORDS_A_QUESTION = 9
_BATCH = 10_000


class World:
    """Words by Zipf's law, vectors drawn around centres, an access list a document."""

    def __init__(self, seed: int) -> None:
        self._draws = np.random.default_rng(seed)
        self._centres = self._unit(self._draws.standard_normal((_CENTRES, DIMENSIONS)))
        self._words = np.array([f"word{number}" for number in range(_VOCABULARY)])
        odds = np.cumsum(1 / np.arange(10, _VOCABULARY + 10))
        self._odds = odds / odds[-1]

    def passages(self, count: int) -> Iterator[list[Passage]]:
        """In batches."""
        for start in range(0, count, _BATCH):
            size = min(_BATCH, count - start)
            vectors, texts = self.vectors(size), self._texts(size, _WORDS_A_PASSAGE)
            documents = self._draws.integers(0, LISTS, -(-size // PASSAGES_A_DOCUMENT))
            lists = np.repeat(documents, PASSAGES_A_DOCUMENT)
            yield [
                Passage(ref=_ref(start + at, int(lists[at])), text=texts[at], vector=vectors[at])
                for at in range(size)
            ]

    def vectors(self, count: int) -> Vector:
        """Unit vectors, near to some of any others drawn."""
        near = self._centres[self._draws.integers(0, _CENTRES, count)]
        return self._unit(near + self._draws.standard_normal(near.shape) * 0.04)

    def question(self) -> str:
        """A question's words."""
        return self._texts(1, _WORDS_A_QUESTION)[0]

    def reach(self, share: float) -> Reach:
        """A reader on `share` of all access lists."""
        lists: list[int] = self._draws.permutation(LISTS)[: int(share * LISTS)].tolist()
        return Reach.of(lists, ["made up"])

    def _texts(self, count: int, words: int) -> list[str]:
        drawn = np.searchsorted(self._odds, self._draws.random((count, words)))
        return [" ".join(row) for row in self._words[drawn]]

    def _unit(self, vectors: NDArray[np.float64]) -> Vector:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / lengths).astype(np.float32)


def _ref(number: int, acl_id: int) -> PassageRef:
    return PassageRef(
        passage_id=f"p{number}",
        doc_id=f"d{number // PASSAGES_A_DOCUMENT}",
        version="1",
        collection="made up",
        acl_id=acl_id,
        data_class=DataClass.INTERNAL,
    )
