"""What is known of each candidate beside its two scores: how its neighbours fare.

Passages on one subject lie close together, so a candidate whose neighbours match the query
is likelier to be wanted than one that matches alone. All signals compare candidates of one
query with each other; none depends on how large scores are in one collection or another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from befit.knowledge.index.search_index import Scores
from befit.knowledge.retrieval.candidates import Candidates

SIGNALS = (
    "words",
    "meaning",
    "words_nearby",
    "meaning_nearby",
    "best_nearby",
    "like_best_3",
    "like_best_10",
    "both",
)
"""The columns of `Signals.matrix`."""

_MEANING_SHARE = 0.6  # of the first ranking, which finds "the best"; .5 to .7 do alike
_FEW, _MANY = 3, 10

_ENOUGH = 50
"""Candidates from which on neighbours count in full. Among a handful each one's neighbours are
all the others, so that the best would be the only one without a good neighbour."""

# Mean cosine between candidates: about .15 in collections on everything, .4 on one subject.
_COHERENCE_MIDDLE, _COHERENCE_SPREAD = 0.25, 0.15

_Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Signals:
    """The signals of one query's candidates.

    Attributes:
        matrix: a row for each candidate, a column for each of `SIGNALS`.
        first: the ranking by both scores alone.
        coherence: from -1, candidates on all sorts of things, to 1, all on one subject,
            where more passages are relevant and neighbours tell more.
    """

    matrix: _Matrix
    first: Scores
    coherence: float


def signals_of(candidates: Candidates) -> Signals:
    """The signals of at least one candidate."""
    words, meaning = _standardised(candidates.words), _standardised(candidates.meaning)
    first = (1 - _MEANING_SHARE) * words + _MEANING_SHARE * meaning
    alike = (candidates.vectors @ candidates.vectors.T).astype(np.float64)
    nearest = _nearest(alike)
    by_first = np.argsort(-first, kind="stable")
    share = min(1.0, len(first) / _ENOUGH)
    columns = (
        words,
        meaning,
        share * _mean_nearby(words, alike, nearest[:, :_FEW]),
        share * _mean_nearby(meaning, alike, nearest[:, :_FEW]),
        share * first[nearest].max(axis=1),
        share * _standardised(alike[:, by_first[:_FEW]].mean(axis=1)),
        share * _standardised(alike[:, by_first[:_MANY]].mean(axis=1)),
        words * meaning,
    )
    coherence = (float(alike.mean()) - _COHERENCE_MIDDLE) / _COHERENCE_SPREAD
    return Signals(
        matrix=np.stack(columns, axis=1),
        first=first,
        coherence=min(1.0, max(-1.0, coherence)),
    )


def _standardised(scores: Scores) -> Scores:
    spread = float(scores.std())
    return (scores - scores.mean()) / spread if spread > 1e-9 else np.zeros(len(scores))


def _nearest(alike: _Matrix) -> NDArray[np.intp]:
    """The nearest others of each candidate, nearest first; itself where there is no other."""
    if len(alike) == 1:
        return np.zeros((1, 1), np.intp)
    others = alike.copy()
    np.fill_diagonal(others, -np.inf)
    count = min(_MANY, len(alike) - 1)
    found = np.argpartition(-others, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(others, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def _mean_nearby(scores: Scores, alike: _Matrix, nearest: NDArray[np.intp]) -> Scores:
    closeness = np.maximum(np.take_along_axis(alike, nearest, axis=1), 0.0)
    return (closeness * scores[nearest]).sum(axis=1) / (closeness.sum(axis=1) + 1e-9)
