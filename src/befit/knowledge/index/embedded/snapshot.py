"""`EmbeddedSnapshot`: one commit of the embedded index, both legs of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from befit.knowledge.index.embedded.columns import Columns
from befit.knowledge.index.embedded.layout import epoch
from befit.knowledge.index.embedded.nearest import Vectors
from befit.knowledge.index.embedded.word_index import WordView
from befit.knowledge.index.passage import PassageRef, Vector
from befit.knowledge.index.reach import Reach
from befit.knowledge.index.search_index import Leg, Rows
from befit.knowledge.index.words import WeightedText, words_of


class EmbeddedSnapshot:
    """See `Snapshot`."""

    def __init__(self, folder: Path, words: WordView, *, generation: int) -> None:
        """Map one commit of a generation's folder.

        Raises:
            IndexDamaged: a file is missing or too short.
        """
        self.generation = generation
        self.marker = words.marker
        self.words = words
        self.columns = Columns.read(folder, words.marker)
        self._vectors = Vectors.read(folder, words.marker)
        self._epoch = epoch(generation, words.marker.commits)

    @property
    def epoch(self) -> int:
        """See `Snapshot`."""
        return self._epoch

    @property
    def count(self) -> int:
        """See `Snapshot`."""
        return self.marker.live

    def lexical(self, query: Sequence[WeightedText], reach: Reach, *, k: int) -> Leg:
        """See `Snapshot`."""
        return self.words.search(words_of(query), reach, k=k)

    def dense(self, vector: Vector, reach: Reach, *, k: int) -> Leg:
        """See `Snapshot`.

        Raises:
            ValueError: the vector has not as many numbers as those of the index.
        """
        if not self.marker.rows or reach.is_empty or k < 1:
            return Leg.empty()
        if vector.shape != (self._vectors.dimensions,):
            raise ValueError(
                f"the query's vector has shape {vector.shape}; "
                f"the index holds vectors of {self._vectors.dimensions} numbers"
            )
        return self._vectors.nearest(vector, self.columns.within(reach), k=k)

    def vectors(self, rows: Rows) -> Vector:
        """See `Snapshot`."""
        return self._vectors.of(rows)

    def refs(self, rows: Rows) -> tuple[PassageRef, ...]:
        """See `Snapshot`."""
        return self.columns.refs_of(rows)


class EmptySnapshot:
    """See `Snapshot`: of an index into which nothing was ever put."""

    epoch = 0
    count = 0

    def lexical(self, query: Sequence[WeightedText], reach: Reach, *, k: int) -> Leg:
        """Nothing."""
        return Leg.empty()

    def dense(self, vector: Vector, reach: Reach, *, k: int) -> Leg:
        """Nothing."""
        return Leg.empty()

    def vectors(self, rows: Rows) -> Vector:
        """No rows."""
        return np.empty((0, 0), np.float32)

    def refs(self, rows: Rows) -> tuple[PassageRef, ...]:
        """No passages."""
        return ()
