"""The passages worth a second look: what either leg found, with both legs' scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from befit.knowledge.index import Leg, PassageRef, Reach, Snapshot, WeightedText
from befit.knowledge.index.passage import Vector
from befit.knowledge.index.search_index import Rows, Scores

EACH_LEG = 100
"""Passages taken from each leg. Fewer cost accuracy where many passages are relevant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Legs:
    """How the two legs go.

    Attributes:
        each: how many passages each brings.
        aside: a thread for the leg of words, which then goes beside that of meaning.
    """

    each: int = EACH_LEG
    aside: Executor | None = None


USUAL = Legs()
"""As many as the order was fitted with, one leg after the other."""

Admit = Callable[[Sequence[PassageRef]], Sequence[bool]]
"""The check after the search: for each passage, whether the reader may have it right now."""


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
        is_all: no passage within reach was left out for being beyond what a leg lists.
    """

    rows: Rows
    refs: tuple[PassageRef, ...]
    words: Scores
    meaning: Scores
    vectors: Vector
    lexical: Leg
    dense: Leg
    is_all: bool

    def __len__(self) -> int:
        return len(self.rows)


def gather(
    snapshot: Snapshot,
    query: Sequence[WeightedText],
    vector: Vector,
    reach: Reach,
    *,
    admit: Admit | None = None,
    legs: Legs = USUAL,
) -> Candidates:
    """Search both legs under the same `reach`, and check each passage found once more.

    What fails the check is gone before anything is computed from it, so that it shapes
    neither the order nor the scores of what the reader gets. Of longer legs only as much is
    kept as a usual one brings.
    """
    lexical, dense = _both(snapshot, query, vector, reach, legs)
    is_all = max(len(lexical.rows), len(dense.rows)) < legs.each
    found = np.union1d(lexical.rows, dense.rows)
    refs = dict(zip(found.tolist(), snapshot.refs(found), strict=True))
    allowed = _allowed(refs, reach, admit)
    lexical, least_words = _kept(lexical, allowed, legs.each)
    dense, least_meaning = _kept(dense, allowed, legs.each)
    rows = np.union1d(lexical.rows, dense.rows)
    numbers: list[int] = rows.tolist()
    return Candidates(
        rows=rows,
        refs=tuple(refs[row] for row in numbers),
        words=_scores(lexical, rows, unlisted=least_words),
        meaning=_scores(dense, rows, unlisted=least_meaning),
        vectors=snapshot.vectors(rows) if numbers else np.empty((0, len(vector)), np.float32),
        lexical=lexical,
        dense=dense,
        is_all=is_all,
    )


def _allowed(refs: Mapping[int, PassageRef], reach: Reach, admit: Admit | None) -> Rows:
    within = {row: ref for row, ref in refs.items() if reach.holds(ref.acl_id, ref.collection)}
    if admit is None:
        return np.array(list(within), np.int64)
    admitted = admit(list(within.values()))
    return np.array([row for row, is_so in zip(within, admitted, strict=True) if is_so], np.int64)


def _both(
    snapshot: Snapshot, query: Sequence[WeightedText], vector: Vector, reach: Reach, legs: Legs
) -> tuple[Leg, Leg]:
    if legs.aside is None:
        lexical = snapshot.lexical(query, reach, k=legs.each)
        return lexical, snapshot.dense(vector, reach, k=legs.each)
    words = legs.aside.submit(snapshot.lexical, query, reach, k=legs.each)
    dense = snapshot.dense(vector, reach, k=legs.each)
    return words.result(), dense


def _kept(leg: Leg, allowed: Rows, each: int) -> tuple[Leg, float]:
    """What stays of a leg, and the score of what it did not list."""
    kept = leg.only(allowed).first(EACH_LEG)
    # A leg that is not full has listed all there is: nothing else shares a word, say.
    is_full = len(leg.rows) == each or len(kept.rows) == EACH_LEG
    return kept, float(kept.scores[-1]) if is_full and len(kept.rows) else 0.0


def _scores(leg: Leg, rows: Rows, *, unlisted: float) -> Scores:
    scores = np.full(len(rows), unlisted)
    scores[np.searchsorted(rows, leg.rows)] = leg.scores
    return scores
