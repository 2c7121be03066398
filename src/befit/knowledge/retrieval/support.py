"""`Support`: how strongly the documents speak to a question.

What a calibrated decision that "the documents do not say" is made from; no threshold here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from befit.knowledge.index.search_index import Scores
from befit.knowledge.retrieval.candidates import Candidates
from befit.knowledge.retrieval.signals import Signals

_TOP = 5
_LISTED = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Support:
    """Each between candidates of one query, or comparable between queries where it says so.

    Attributes:
        nearest: the largest cosine; comparable.
        nearest_mean: the mean of the five largest; comparable.
        nearest_gap: how far the largest stands above the tenth; comparable.
        covered: the best BM25 as a share of the most that the query could score; comparable.
        covered_mean: the mean of the five best such shares; comparable.
        agreement: the share of the ten best by words that are among the ten nearest.
        lead: how far the first hit's score stands above the second's.
        lead_ten: how far it stands above the tenth's.
        standing: the first hit's place in the ranking by both scores, in deviations.
        coherence: see `Signals`.
        considered: how many passages were compared. Among a handful the others tell little.
    """

    nearest: float = 0.0
    nearest_mean: float = 0.0
    nearest_gap: float = 0.0
    covered: float = 0.0
    covered_mean: float = 0.0
    agreement: float = 0.0
    lead: float = 0.0
    lead_ten: float = 0.0
    standing: float = 0.0
    coherence: float = 0.0
    considered: int = 0

    @classmethod
    def of(cls, candidates: Candidates, signals: Signals, scores: Scores) -> Support:
        """Read it off one query's candidates, of which there is at least one."""
        dense, lexical = candidates.dense, candidates.lexical
        shares = lexical.scores / lexical.ceiling if lexical.ceiling else np.zeros(1)
        ranked = np.sort(scores)[::-1][:_LISTED]
        shared = np.intersect1d(lexical.rows[:_LISTED], dense.rows[:_LISTED])
        nearest = dense.scores if len(dense.scores) else np.zeros(1)
        return cls(
            nearest=float(nearest[0]),
            nearest_mean=float(nearest[:_TOP].mean()),
            nearest_gap=float(nearest[0] - nearest[:_LISTED][-1]),
            covered=float(shares[0]) if len(shares) else 0.0,
            covered_mean=float(shares[:_TOP].mean()) if len(shares) else 0.0,
            agreement=len(shared) / _LISTED,
            lead=float(ranked[0] - ranked[min(1, len(ranked) - 1)]),
            lead_ten=float(ranked[0] - ranked[-1]),
            standing=float(signals.first[int(np.argmax(scores))]),
            coherence=signals.coherence,
            considered=len(candidates),
        )

    def as_row(self) -> NDArray[np.float64]:
        """All of it as numbers, in the order of the attributes, for a model to read."""
        return np.array([getattr(self, field.name) for field in dataclasses.fields(self)])
