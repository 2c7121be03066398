"""What an index must be able to do, whatever it is built on.

A search works on one `Snapshot`, so that both its legs, the vectors and the names it
reads belong to the same commit:

    snapshot = index.snapshot()
    leg = snapshot.dense(vector, reach, k=100)
    refs = snapshot.refs(leg.rows[:10])

`tests/knowledge/index/conformance.py` says in executable form what each method promises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from befit.errors import WorkspaceError
from befit.knowledge.index.passage import Changes, Passage, PassageRef, Vector
from befit.knowledge.index.reach import Reach
from befit.knowledge.index.words import WeightedText

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


class IndexDamaged(WorkspaceError):
    """The index does not hold what was written; the passages' store still does."""

    code = "index_damaged"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"the search index is damaged: {detail}",
            next_step="rebuild it from the stored passages",
        )


class IndexUnwritable(WorkspaceError):
    """What was to be written is not in the index; what was there before still is."""

    code = "index_unwritable"

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"the search index cannot be written: {error}",
            next_step="free space on the disk; the next ingest goes on from here",
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Leg:
    """What one leg found, best first; equal scores in the order of rows.

    Attributes:
        rows: numbers of passages, good for the snapshot that gave them only.
        scores: higher is better; BM25 for words, the cosine for meaning.
        ceiling: no passage can score more for this query; 0 where nothing can match.
    """

    rows: Rows
    scores: Scores
    ceiling: float

    def only(self, rows: Rows) -> Leg:
        """The leg as it would be if no other rows had been found."""
        kept = np.isin(self.rows, rows)
        return replace(self, rows=self.rows[kept], scores=self.scores[kept])

    def first(self, count: int) -> Leg:
        """The best `count` of it."""
        return replace(self, rows=self.rows[:count], scores=self.scores[:count])

    @classmethod
    def empty(cls) -> Leg:
        """The leg that found nothing."""
        return cls(rows=np.empty(0, np.int64), scores=np.empty(0, np.float64), ceiling=0.0)


class Snapshot(Protocol):
    """The index as of one commit. Blocking; may be used from any thread."""

    @property
    def epoch(self) -> int:
        """Grows with every commit and every rebuild: part of any cache's key."""
        ...

    @property
    def count(self) -> int:
        """How many passages it holds."""
        ...

    def lexical(self, query: Sequence[WeightedText], reach: Reach, *, k: int) -> Leg:
        """The best `k` passages within `reach` that share words with the query."""
        ...

    def dense(self, vector: Vector, reach: Reach, *, k: int) -> Leg:
        """The `k` passages within `reach` nearest to a unit vector, by exact cosine."""
        ...

    def vectors(self, rows: Rows) -> Vector:
        """The vectors of `rows`, one a row."""
        ...

    def refs(self, rows: Rows) -> tuple[PassageRef, ...]:
        """Which passages `rows` are, in their order."""
        ...


class SearchIndex(Protocol):
    """One tenant's index, read by any number of processes while one writes."""

    def snapshot(self) -> Snapshot:
        """The newest commit, of whichever process.

        Raises:
            IndexDamaged: it cannot be opened.
        """
        ...

    def verify(self) -> tuple[str, ...]:
        """What is wrong with the files, one line each; empty where nothing is.

        Reads every byte: for start-up and for doubt, not for each search. Another process
        may write meanwhile.
        """
        ...


class IndexWriter(Protocol):
    """The one writer of a tenant's index."""

    def apply(self, changes: Changes) -> int:
        """Commit one batch durably and return the new epoch.

        Readers see all of it or nothing; so they do after a crash at any moment.

        Raises:
            IndexUnwritable: the disk is full, or fails.
        """
        ...

    def rebuild(self, passages: Iterable[Passage]) -> int:
        """Build the index anew beside the live one, then switch; returns the new epoch.

        Raises:
            IndexUnwritable: the disk is full, or fails; the live one stays.
        """
        ...

    def vectors_of(self, documents: Sequence[str]) -> Mapping[str, Vector]:
        """By passage, the vectors of documents as the index holds them: texts that stay the
        same need not be embedded again when something else about them changes.

        May be asked from another thread while it rebuilds, of the index before.
        """
        ...

    @property
    def is_wasteful(self) -> bool:
        """Whether so much of it is of passages that are gone that a rebuild pays."""
        ...

    def close(self) -> None:
        """Let another process write."""
        ...
