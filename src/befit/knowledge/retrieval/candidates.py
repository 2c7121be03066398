"""The passages worth a second look: what either leg found, with both legs' scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from befit.knowledge.index import Leg, PassageRef, Reach, Snapshot, WeightedText
from befit.knowledge.index.passage import Vector
from befit.knowledge.index.search_index import Rows, Scores

EACH_LEG = 100
"""Passages taken from each leg. Fewer cost accuracy where many passages are relevant."""


Admit = Callable[[PassageRef], bool]
"""The check after the search: whether the reader may have this passage right now."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Candidates:
    """The union of both legs.

    Attributes:
        rows: numbers of the snapshot's passages, rising.
        refs: which passage each is.
        words: BM25 of each, for those that the leg did not list the least that it listed.
        meaning: the cosine of each with the query, likewise. (The true one is at hand, but
            a passage found by its words alone should not pay for lying far away.)
        vectors: the vector of each.
        lexical: the leg of words as found, without what was not admitted.
        dense: the leg of meaning, likewise.
    """

    rows: Rows
    refs: tuple[PassageRef, ...]
    words: Scores
    meaning: Scores
    vectors: Vector
    lexical: Leg
    dense: Leg

    def __len__(self) -> int:
        return len(self.rows)


def gather(
    snapshot: Snapshot,
    query: Sequence[WeightedText],
    vector: Vector,
    reach: Reach,
    *,
    admit: Admit | None = None,
) -> Candidates:
    """Search both legs under the same `reach`, and check each passage found once more.

    What fails the check is gone before anything is computed from it, so that it shapes
    neither the order nor the scores of what the reader gets.
    """
    lexical = snapshot.lexical(query, reach, k=EACH_LEG)
    dense = snapshot.dense(vector, reach, k=EACH_LEG)
    least_words, least_meaning = _least(lexical), _least(dense)
    found = np.union1d(lexical.rows, dense.rows)
    checked = [
        (row, ref)
        for row, ref in zip(found.tolist(), snapshot.refs(found), strict=True)
        if reach.holds(ref.acl_id, ref.collection) and (admit is None or admit(ref))
    ]
    rows = np.array([row for row, _ in checked], np.int64)
    lexical, dense = lexical.only(rows), dense.only(rows)
    vectors = snapshot.vectors(rows) if checked else np.empty((0, len(vector)), np.float32)
    return Candidates(
        rows=rows,
        refs=tuple(ref for _, ref in checked),
        words=_scores(lexical, rows, unlisted=least_words),
        meaning=_scores(dense, rows, unlisted=least_meaning),
        vectors=vectors,
        lexical=lexical,
        dense=dense,
    )


def _least(leg: Leg) -> float:
    # A leg that is not full has listed all there is: nothing else shares a word, say.
    return float(leg.scores[-1]) if len(leg.rows) == EACH_LEG else 0.0


def _scores(leg: Leg, rows: Rows, *, unlisted: float) -> Scores:
    scores = np.full(len(rows), unlisted)
    scores[np.searchsorted(rows, leg.rows)] = leg.scores
    return scores
