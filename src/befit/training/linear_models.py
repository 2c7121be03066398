"""The two linear models of a specialist, fitted by scikit-learn.

scikit-learn and scipy's sparse matrices carry no types; what they return enters typed
code here and nowhere else.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from befit.inference.embedded.specialist import (
    Floats,
    NgramRows,
)

Labels = NDArray[np.int64]
_UNSEEN_LOGIT = -30.0  # of a label that a fold's training part lacks: never its answer
_EMBEDDING_SCALE = 5.0  # unit vectors are small numbers for the solver; this conditions it
_NGRAM_C = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearModel:
    """Logits are `rows @ weights + bias`, one column a label."""

    weights: Floats
    bias: Floats


def fit_embedding_path(
    vectors: Floats, labels: Labels, n_labels: int, strengths: Sequence[float]
) -> Iterator[LinearModel]:
    """Logistic regression on embeddings, one model for each strength C, in rising order.

    Each starts where the last one ended, which costs little more than the last alone.
    """
    solver = _untyped(LogisticRegression(max_iter=300, tol=2e-4, warm_start=True))
    scaled = vectors * np.float32(_EMBEDDING_SCALE)
    for strength in strengths:
        solver.set_params(C=strength)
        _fit(solver, scaled, labels)
        model = _model_of(solver, n_labels)
        yield LinearModel(weights=model.weights * np.float32(_EMBEDDING_SCALE), bias=model.bias)


def fit_ngrams(
    rows: NgramRows, labels: Labels, *, buckets: int, n_labels: int, seed: int
) -> LinearModel:
    """A linear support vector machine on weighed n-grams, one against the rest."""
    solver = _untyped(LinearSVC(C=_NGRAM_C, tol=1e-2, max_iter=300, random_state=seed))
    matrix = csr_matrix(
        (rows.values.astype(np.float64), rows.buckets, rows.starts), shape=(len(rows), buckets)
    )
    _fit(solver, matrix, labels)
    return _model_of(solver, n_labels)


def fit_scope(features: NDArray[np.float64], is_outside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The weights of a doubt over `scope_features`, its bias last.

    Both kinds weigh the same however rare out-of-scope cases are.
    """
    mean = features.mean(axis=0)
    spread = np.maximum(features.std(axis=0), 1e-6)
    solver = _untyped(LogisticRegression(C=1.0, class_weight="balanced", max_iter=300))
    _fit(solver, (features - mean) / spread, is_outside)
    weights = cast("NDArray[np.float64]", solver.coef_[0]) / spread
    bias = float(solver.intercept_[0]) - float(weights @ mean)
    return np.append(weights, bias)


def stratified_folds(labels: Labels, n_folds: int, seed: int) -> list[tuple[Labels, Labels]]:
    """Row numbers of each fold's training and held-out part, labels spread evenly."""
    splitter = _untyped(StratifiedKFold(n_folds, shuffle=True, random_state=seed))
    with warnings.catch_warnings():
        # A label with fewer rows than folds is held out in some of them only.
        warnings.simplefilter("ignore", UserWarning)
        found = list(splitter.split(np.zeros(len(labels)), labels))
    return cast("list[tuple[Labels, Labels]]", found)


def _fit(solver: Any, rows: object, labels: object) -> None:  # scikit-learn is untyped
    with warnings.catch_warnings():
        # A capped fit is calibrated and measured out of fold like any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        solver.fit(rows, labels)


def _model_of(solver: Any, n_labels: int) -> LinearModel:  # scikit-learn is untyped
    seen = cast("Labels", solver.classes_)
    coefficients = cast("Floats", solver.coef_)
    intercepts = cast("Floats", solver.intercept_)
    if len(seen) == 2:  # one row stands for both: half its margin for one, against the other
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weights = np.zeros((coefficients.shape[1], n_labels), dtype=np.float32)
    bias = np.full(n_labels, _UNSEEN_LOGIT, dtype=np.float32)
    weights[:, seen] = coefficients.T
    bias[seen] = intercepts
    return LinearModel(weights=weights, bias=bias)


def _untyped(value: Any) -> Any:  # marks where scikit-learn's missing types enter
    return value
