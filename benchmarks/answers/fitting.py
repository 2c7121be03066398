"""Fitting what `befit.knowledge.answers` ships: three logistic regressions, one decision.

Answered and unanswered count the same in all. Each kind of situation has a fixed part of that,
chosen by hand: the data set's own questions most, small collections about as much together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from befit.knowledge.answers import QuotingModel
from befit.knowledge.answers.evidence import SUPPORT
from befit.knowledge.answers.model import FEW, View
from befit.knowledge.retrieval import QueryWeights
from benchmarks.answers.situations import Situation

FITTED_BY = "python -m benchmarks.answers --write"
FITTED_ON = (
    "rag_mtrag dev (IBM/mt-rag-benchmark, Apache-2.0), 220 tasks with answerability",
    "the same with their passages taken away, and with random sub-collections of 1 to 80 passages",
)
QUERY = QueryWeights(word_decay=0.3, word_answer=0.1, vector_decay=0.5, vector_answer=0.1)
ABSTAINS = 0.82
"""The operating point in a large collection: the share of questions told "the documents do not
say" when what answers them is taken away."""

OPERATING_POINT = (
    "in a large collection, 82 of 100 questions whose answering passages are taken away are told "
    "that the documents do not say; in a small one, an answer is likelier than not"
)

_SHARES = {"own": 1.0, "removed": 0.5, "small": 0.6, "small removed": 0.6, "small unanswered": 0.3}
_SENTENCES = ("alone", "joint", "worded", "joint_worded", "worded_all")
_FEW = ("nearest", *_SENTENCES)
_SOME = ("nearest", "nearest_mean", "nearest_gap", "covered", "covered_mean", "joint_gap")
_MANY = (*SUPPORT, "joint_gap", "spread", "repeats")
_STRENGTH = 0.05  # inverse regularisation; .01 to .3 do alike
_EVEN = 0.5
_INNER_FOLDS = 5

_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Row:
    """A situation with its features."""

    situation: Situation
    features: Mapping[str, float]

    @property
    def considered(self) -> int:
        """How many passages the search compared."""
        return self.situation.found.support.considered

    @property
    def group(self) -> str:
        """The conversation."""
        return self.situation.asked.group

    @property
    def is_answered(self) -> bool:
        """Whether the documents say."""
        return self.situation.is_answered


def fit(rows: Sequence[Row]) -> QuotingModel:
    """The model that these rows alone suggest, its operating point by inner folds of them."""
    groups = sorted({row.group for row in rows})
    fold = {group: at % _INNER_FOLDS for at, group in enumerate(groups)}
    removed = list[float]()
    for held_out in range(_INNER_FOLDS):
        many = _view([row for row in rows if fold[row.group] != held_out], "many", _EVEN)
        removed += [
            many.probability(row.features)
            for row in rows
            if fold[row.group] == held_out and row.situation.kind == "removed"
        ]
    threshold = float(np.quantile(removed, ABSTAINS))
    return QuotingModel(
        fitted_by=FITTED_BY,
        fitted_on=FITTED_ON,
        operating_point=OPERATING_POINT,
        query=QUERY,
        few=_view(rows, "few", _EVEN),
        some=_view(rows, "some", _EVEN),
        many=_view(rows, "many", round(threshold, 3)),
    )


def _view(rows: Sequence[Row], name: str, threshold: float) -> View:
    names: Collection[str] = {
        "few": _FEW,
        "some": (*_SOME, *_SENTENCES),
        "many": (*_MANY, *_SENTENCES),
    }[name]
    fitting = [
        row
        for row in rows
        if row.situation.kind in _SHARES and (row.considered < FEW) == (name == "few")
    ]
    matrix = np.array([[row.features[each] for each in names] for row in fitting])
    answered = np.array([row.is_answered for row in fitting])
    intercept, weights = _logistic(matrix, answered, _mass(fitting))
    return View(
        threshold=threshold,
        intercept=round(intercept, 4),
        weights={each: round(float(w), 4) for each, w in zip(names, weights, strict=True)},
    )


def _mass(rows: Sequence[Row]) -> _Floats:
    kinds = np.array([row.situation.kind for row in rows])
    answered = np.array([row.is_answered for row in rows])
    mass = np.zeros(len(rows))
    for kind, share in _SHARES.items():
        own = kinds == kind
        mass[own] = share / max(1, own.sum())
    for side in (answered, ~answered):
        mass[side] *= len(rows) / 2 / mass[side].sum()
    return mass


def _logistic(matrix: _Floats, answered: NDArray[np.bool_], mass: _Floats) -> tuple[float, _Floats]:
    middle, spread = matrix.mean(axis=0), matrix.std(axis=0) + 1e-9
    # scikit-learn has no types for what it returns.
    solver: Any = LogisticRegression(C=_STRENGTH, max_iter=3_000, tol=1e-8)
    solver.fit((matrix - middle) / spread, answered, sample_weight=mass)
    weights = cast("_Floats", solver.coef_[0]) / spread
    return float(solver.intercept_[0] - weights @ middle), weights
