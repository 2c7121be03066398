"""Predictions for every case by models that have not seen it, and what is read off them.

Strength, scales and abstention are chosen on these predictions. The figures that are
reported choose them anew for each fold on the *other* folds, so no case is scored by a
choice that it took part in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from befit.inference.embedded.specialist import (
    Abstention,
    Calibration,
    NgramRows,
    dot,
    rarity_of,
    take,
    weigh,
)
from befit.training.calibration import calibrate, fit_abstention, negative_log_likelihood
from befit.training.linear_models import (
    Labels,
    fit_embedding_path,
    fit_ngrams,
    stratified_folds,
)
from befit.training.training_set import TrainingSet
from befit.vocabulary import Progress

STRENGTHS = (0.1, 0.4, 1.2)
"""Candidates for the C of the embedding's logistic regression, in rising order."""

_FEW_CASES = 2_000
_Logits = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is chosen on out-of-fold predictions."""

    strength: float
    calibration: Calibration
    abstention: Abstention


@dataclass(frozen=True, kw_only=True, slots=True)
class OutOfFold:
    """Logits of each case by the models of the folds that it was not in.

    Attributes:
        by_vectors: one array of logits a strength.
        by_ngrams: None where the specialist reads no n-grams.
        fold_of: the fold in which each case was held out.
    """

    labels: Labels
    n_inside: int
    by_vectors: tuple[_Logits, ...]
    by_ngrams: _Logits | None
    fold_of: Labels

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return int(self.fold_of.max()) + 1

    def logits(self, rows: NDArray[np.bool_], choice: Choice) -> NDArray[np.float64]:
        """The joined logits of `rows` under a choice."""
        by_vectors = self.by_vectors[STRENGTHS.index(choice.strength)][rows]
        joined = choice.calibration.vectors * by_vectors.astype(np.float64)
        if self.by_ngrams is not None:
            joined += choice.calibration.ngrams * self.by_ngrams[rows]
        return joined

    def choose(self, rows: NDArray[np.bool_], most_lost: float) -> Choice:
        """The strength, scales and abstention that suit `rows` best."""
        labels = self.labels[rows]
        by_ngrams = None if self.by_ngrams is None else self.by_ngrams[rows]
        fits: list[tuple[float, float, Calibration]] = []
        for strength, logits in zip(STRENGTHS, self.by_vectors, strict=True):
            found = calibrate(logits[rows], by_ngrams, labels)
            loss = negative_log_likelihood(logits[rows], by_ngrams, labels, found)
            fits.append((loss, strength, found))
        _, strength, calibration = min(fits, key=lambda fit: fit[0])
        never = Abstention(out_of_scope=False, weights=(0.0, 0.0, 0.0), bias=0.0, threshold=1.0)
        choice = Choice(strength=strength, calibration=calibration, abstention=never)
        abstention = fit_abstention(self.logits(rows, choice), labels, self.n_inside, most_lost)
        return Choice(strength=strength, calibration=calibration, abstention=abstention)


def predict_out_of_fold(
    cases: TrainingSet, ngrams: NgramRows | None, progress: Progress
) -> OutOfFold:
    """Fit the folds and collect each held-out part's logits."""
    n_folds = folds_for(cases.labels)
    n_rows, n_labels = len(cases.labels), len(cases.names)
    by_vectors = tuple(np.empty((n_rows, n_labels), dtype=np.float32) for _ in STRENGTHS)
    by_ngrams = None if ngrams is None else np.empty((n_rows, n_labels), dtype=np.float32)
    fold_of = np.empty(n_rows, dtype=np.int64)
    folds = stratified_folds(cases.labels, n_folds, cases.seed)
    for fold, (fitted, held) in enumerate(folds):
        progress("fit", fold, n_folds + 1)
        fold_of[held] = fold
        path = fit_embedding_path(cases.vectors[fitted], cases.labels[fitted], n_labels, STRENGTHS)
        for logits, model in zip(by_vectors, path, strict=True):
            logits[held] = cases.vectors[held] @ model.weights + model.bias
        if ngrams is not None and by_ngrams is not None:
            by_ngrams[held] = _ngram_logits(cases, ngrams, fitted, held)
    return OutOfFold(
        labels=cases.labels,
        n_inside=cases.n_inside,
        by_vectors=by_vectors,
        by_ngrams=by_ngrams,
        fold_of=fold_of,
    )


def folds_for(labels: Labels) -> int:
    """Five folds, three for large sets (where they cost much and add little)."""
    fewest = int(np.bincount(labels).min())
    usual = 5 if len(labels) < _FEW_CASES else 3
    return max(2, min(usual, fewest))


def _ngram_logits(cases: TrainingSet, ngrams: NgramRows, fitted: Labels, held: Labels) -> _Logits:
    training = take(ngrams, fitted)
    rarity = rarity_of(training, cases.buckets)
    model = fit_ngrams(
        weigh(training, rarity),
        cases.labels[fitted],
        buckets=cases.buckets,
        n_labels=len(cases.names),
        seed=cases.seed,
    )
    return dot(weigh(take(ngrams, held), rarity), model.weights) + model.bias
