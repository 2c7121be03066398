"""The leg of meaning: the nearest vectors, exactly, among the rows that a search may find.

Every vector is kept twice. A pass over int8 codes (a quarter of the bytes, which is what
the time goes into) finds a few more than asked for; the float32 originals of these decide.
The codes stay in their file's pages, shared by all processes that search.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import simsimd
from numpy.typing import NDArray

from befit.knowledge.index.embedded.columns import Mask
from befit.knowledge.index.embedded.growing import ReadRows, mapped
from befit.knowledge.index.embedded.marker import Marker
from befit.knowledge.index.passage import Vector
from befit.knowledge.index.search_index import IndexDamaged, Leg, Rows, Scores

VECTOR_FILES = ("vectors", "vector_codes", "vector_scales")
"""The growing files behind `Vectors`."""

RESCORED = 50
"""How many more than asked for are scored exactly: room for what rounding misplaced."""

_ROWS_AT_ONCE = 16_384  # 6 MB of codes: the block stays in the cache, and others get a turn
_SPARSE = 3  # a block with fewer than one row in so many within reach is gathered first
_STEPS = 127.0


class Vectors:
    """The vectors of one commit."""

    def __init__(self, exact: ReadRows, codes: NDArray[np.int8], scales: Vector) -> None:
        self._exact = exact
        self._codes = codes
        self._scales = scales

    @classmethod
    def read(cls, folder: Path, marker: Marker) -> Vectors:
        """Open the vectors of the commit that `marker` describes.

        Raises:
            IndexDamaged: a file is missing or too short.
        """
        exact_name, codes_name, scales_name = VECTOR_FILES
        exact = ReadRows(
            folder / exact_name, marker.extent(exact_name), dimensions=marker.dimensions
        )
        codes = mapped(folder / codes_name, marker.extent(codes_name), np.int8)
        scales = mapped(folder / scales_name, marker.extent(scales_name), np.float32)
        shape = (marker.rows, marker.dimensions)
        if exact.shape != shape or codes.size != shape[0] * shape[1] or scales.size != shape[0]:
            raise IndexDamaged(f"its vectors do not hold {marker.rows} rows")
        return cls(exact, codes.reshape(shape), scales)

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        return self._exact.shape[1]

    def of(self, rows: Rows) -> Vector:
        """The exact vectors of `rows`."""
        return self._exact.take(rows)

    def nearest(self, vector: Vector, within: Mask, *, k: int) -> Leg:
        """The `k` rows of `within` with the largest exact cosine."""
        query = np.ascontiguousarray(vector, np.float32)
        rows = self._roughly_nearest(query, within, k + RESCORED)
        scores = (self._exact.take(rows) @ query).astype(np.float64)
        order = np.lexsort((rows, -scores))[:k]
        return Leg(rows=rows[order], scores=scores[order], ceiling=1.0 if len(rows) else 0.0)

    def _roughly_nearest(self, query: Vector, within: Mask, wanted: int) -> Rows:
        codes = quantised(query[np.newaxis])[0]
        rows, scores = np.empty(0, np.int64), np.empty(0, np.float64)
        bar = -np.inf  # a row below it is not among the best so far
        for start in range(0, len(within), _ROWS_AT_ONCE):
            block = np.flatnonzero(within[start : start + _ROWS_AT_ONCE]) + start
            if not len(block):
                continue
            found = self._rough_scores(codes, block, start)
            better = found > bar
            rows = np.concatenate([rows, block[better]])
            scores = np.concatenate([scores, found[better]])
            if len(rows) > wanted:
                best = np.argpartition(-scores, wanted - 1)[:wanted]
                rows, scores = rows[best], scores[best]
                bar = scores.min()
        return np.sort(rows)

    def _rough_scores(self, codes: NDArray[np.int8], block: Rows, start: int) -> Scores:
        """Scores of a block's rows, up to the query's own scale, which is the same for all."""
        whole = self._codes[start : start + _ROWS_AT_ONCE]
        if len(block) * _SPARSE < len(whole):
            products = _products(codes, whole[block - start])
        else:  # reading on is faster than picking out
            products = _products(codes, whole)[block - start]
        return products * self._scales[block]


def quantised(vectors: Vector) -> tuple[NDArray[np.int8], Vector]:
    """Codes of -127 to 127 for each number, and what a step is worth in each row."""
    steps = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / np.float32(_STEPS)
    return np.rint(vectors / steps[:, np.newaxis]).astype(np.int8), steps.astype(np.float32)


def _products(codes: NDArray[np.int8], matrix: NDArray[np.int8]) -> Scores:
    found = simsimd.cdist(codes, np.ascontiguousarray(matrix), "dot", threads=1)
    return np.asarray(found, np.float64)[0]
