"""Made-up passages, questions and readers, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from befit.knowledge.index import Passage, PassageRef, Reach, Vector
from befit.vocabulary import DataClass

COLLECTION = "made up"
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

    def passages(
        self, count: int, *, acl_ids: Sequence[int] = range(LISTS)
    ) -> Iterator[list[Passage]]:
        """In batches; the documents are under these lists by turns drawn at random."""
        for start in range(0, count, _BATCH):
            size = min(_BATCH, count - start)
            vectors, texts = self.vectors(size), self._texts(size, _WORDS_A_PASSAGE)
            documents = self._draws.integers(0, LISTS, -(-size // PASSAGES_A_DOCUMENT))
            lists: list[int] = np.repeat(documents, PASSAGES_A_DOCUMENT).tolist()
            yield [
                Passage(
                    ref=_ref(start + at, acl_ids[lists[at]]), text=texts[at], vector=vectors[at]
                )
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
        return Reach.of(self.groups(share), [COLLECTION])

    def groups(self, share: float) -> list[int]:
        """`share` of the numbers of all access lists."""
        drawn: list[int] = self._draws.permutation(LISTS)[: int(share * LISTS)].tolist()
        return drawn

    def _texts(self, count: int, words: int) -> list[str]:
        drawn = np.searchsorted(self._odds, self._draws.random((count, words)))
        return [" ".join(row) for row in self._words[drawn]]

    def _unit(self, vectors: NDArray[np.float64]) -> Vector:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / lengths).astype(np.float32)


def _ref(number: int, acl_id: int) -> PassageRef:
    return PassageRef(
        passage_id=f"d{number // PASSAGES_A_DOCUMENT}.{number % PASSAGES_A_DOCUMENT}",
        doc_id=f"d{number // PASSAGES_A_DOCUMENT}",
        version="1",
        collection=COLLECTION,
        acl_id=acl_id,
        data_class=DataClass.INTERNAL,
    )
