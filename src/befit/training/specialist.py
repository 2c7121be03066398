"""Fitting a specialist: two linear models, calibrated and measured out of fold.

artefact, report = fit_specialist(texts, labels, vectors, provenance=provenance)
reference = artefact.save(artefacts_folder)  # "sha256:..."
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from befit.inference.embedded.specialist import (
    Floats,
    NgramRows,
    SpecialistArtefact,
    SpecialistDocument,
    TrainingSummary,
    count_ngrams,
    rarity_of,
    scope_features,
    softmax,
    weigh,
)
from befit.statistics import Interval, wilson
from befit.training.calibration import calibration_error, least_confidence
from befit.training.linear_models import Labels, LinearModel, fit_embedding_path, fit_ngrams
from befit.training.out_of_fold import STRENGTHS, Choice, OutOfFold, predict_out_of_fold
from befit.training.training_set import TrainingSet
from befit.vocabulary import Progress, silent

_THREADS = 1  # a second one spins while neighbours are busy: seven times slower measured


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What a specialist is for and what it was trained on.

    Attributes:
        embedder: the card or weights whose vectors are used.
        cases_sha256: the hash of the cases.
    """

    workflow: str
    embedder: str
    cases_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FitRules:
    """How a specialist is fitted.

    Attributes:
        seed: draws the folds.
        most_lost: the share of in-scope cases, answered rightly, that abstention may cost.
    """

    seed: int = 0
    most_lost: float = 0.01


USUAL_RULES = FitRules()


class TrainingReport(TrainingSummary, frozen=True, kw_only=True):
    """How training went: the artefact's summary and more. Every figure is out of fold.

    Attributes:
        accuracy_unabstained: the accuracy if it never abstained.
        majority: the baseline that always says the most frequent in-scope label.
        calibration_error: mean gap between stated confidence and accuracy.
        least_confidence: from this confidence on, answers are right 95% of the time.
        strength: the chosen C of the logistic regression on embeddings.
        weight_bytes: the size of the artefact's arrays.
    """

    accuracy_unabstained: float
    majority: float
    calibration_error: float
    least_confidence: float
    strength: float
    weight_bytes: int
    seconds: float


def fit_specialist(
    texts: Sequence[str],
    labels: Sequence[str],
    vectors: NDArray[np.floating],
    *,
    provenance: Provenance,
    rules: FitRules = USUAL_RULES,
    progress: Progress = silent,
) -> tuple[SpecialistArtefact, TrainingReport]:
    """Train a specialist on labelled texts and their embeddings.

    Equal input gives an equal artefact. It blocks for seconds to a minute: callers with
    an event loop go through `train_specialist`, which fits in a child process.

    Args:
        texts: one text a case.
        labels: its label; `oos` means out of scope.
        vectors: its embedding, one row a case.
        provenance: what is written into the artefact about its origin.
        rules: seed, and what abstention may cost.
        progress: told about each fitted fold.

    Raises:
        InvalidRequest: fewer than two labels, too few cases a label, vectors that do
            not fit the texts.
    """
    started = time.perf_counter()
    cases = TrainingSet.of(texts, labels, vectors, seed=rules.seed)
    with threadpool_limits(_THREADS):
        ngrams = count_ngrams(cases.texts, cases.buckets) if cases.buckets else None
        predicted = predict_out_of_fold(cases, ngrams, progress)
        everything = np.ones(len(cases.labels), dtype=np.bool_)
        choice = predicted.choose(everything, rules.most_lost)
        measured = _measure(predicted, rules.most_lost)
        progress("fit", predicted.n_folds, predicted.n_folds + 1)
        summary = measured.summary(cases, provenance, predicted.n_folds)
        artefact = _final(cases, ngrams, choice, summary=summary, provenance=provenance)
    progress("fit", predicted.n_folds + 1, predicted.n_folds + 1)
    logits = predicted.logits(everything, choice)
    report = TrainingReport(
        **msgspec.structs.asdict(summary),
        accuracy_unabstained=float(measured.right[measured.inside].mean()),
        majority=_majority(cases),
        calibration_error=calibration_error(
            measured.confidence[measured.inside], measured.right[measured.inside]
        ),
        least_confidence=least_confidence(logits, cases.labels, cases.n_inside, 0.95),
        strength=choice.strength,
        weight_bytes=artefact.weights.nbytes + artefact.bias.nbytes + artefact.rarity.nbytes,
        seconds=time.perf_counter() - started,
    )
    return artefact, report


@dataclass(frozen=True, kw_only=True, slots=True)
class _Measured:
    """Each case judged by models and choices that it took no part in."""

    inside: NDArray[np.bool_]
    right: NDArray[np.bool_]
    abstained: NDArray[np.bool_]
    confidence: NDArray[np.float64]

    def summary(self, cases: TrainingSet, provenance: Provenance, folds: int) -> TrainingSummary:
        answered_right = int((self.right & ~self.abstained & self.inside).sum())
        n_inside, n_outside = int(self.inside.sum()), int((~self.inside).sum())
        caught = int((self.abstained & ~self.inside).sum())
        recall_interval = wilson(caught, n_outside) if n_outside else None
        return TrainingSummary(
            n=len(cases.labels),
            per_class=cases.counts(),
            cases_sha256=provenance.cases_sha256,
            seed=cases.seed,
            folds=folds,
            accuracy=answered_right / n_inside,
            accuracy_interval=wilson(answered_right, n_inside).as_pair(),
            oos_recall=caught / n_outside if n_outside else None,
            oos_recall_interval=_pair(recall_interval),
        )


def _measure(predicted: OutOfFold, most_lost: float) -> _Measured:
    n_rows = len(predicted.labels)
    right, abstained = np.zeros(n_rows, dtype=np.bool_), np.zeros(n_rows, dtype=np.bool_)
    confidence = np.zeros(n_rows)
    for fold in range(predicted.n_folds):
        held = predicted.fold_of == fold
        choice = predicted.choose(~held, most_lost)
        logits = predicted.logits(held, choice)
        probabilities = softmax(logits[:, : predicted.n_inside])
        confidence[held] = probabilities.max(axis=1)
        right[held] = probabilities.argmax(axis=1) == predicted.labels[held]
        if choice.abstention.out_of_scope:
            doubt = choice.abstention.doubt(scope_features(logits, predicted.n_inside))
            abstained[held] = doubt >= choice.abstention.threshold
    return _Measured(
        inside=predicted.labels < predicted.n_inside,
        right=right,
        abstained=abstained,
        confidence=confidence,
    )


def _final(
    cases: TrainingSet,
    ngrams: NgramRows | None,
    choice: Choice,
    *,
    summary: TrainingSummary,
    provenance: Provenance,
) -> SpecialistArtefact:
    """The models of all cases under the choice that was made out of fold."""
    n_labels = len(cases.names)
    strengths = STRENGTHS[: STRENGTHS.index(choice.strength) + 1]
    *_, by_vectors = fit_embedding_path(cases.vectors, cases.labels, n_labels, strengths)
    by_ngrams, rarity = _final_ngrams(cases, ngrams)
    document = SpecialistDocument(
        workflow=provenance.workflow,
        labels=cases.names[: cases.n_inside],
        embedder=provenance.embedder,
        dimensions=cases.vectors.shape[1],
        ngram_buckets=cases.buckets,
        calibration=choice.calibration,
        abstention=choice.abstention,
        training=summary,
    )
    return SpecialistArtefact(
        document=document,
        weights=np.concatenate([by_vectors.weights, by_ngrams.weights]),
        bias=np.stack([by_vectors.bias, by_ngrams.bias]),
        rarity=rarity,
    )


def _final_ngrams(cases: TrainingSet, ngrams: NgramRows | None) -> tuple[LinearModel, Floats]:
    n_labels = len(cases.names)
    if ngrams is None:
        empty = np.zeros((0, n_labels), dtype=np.float32)
        return LinearModel(weights=empty, bias=np.zeros(n_labels, dtype=np.float32)), empty[:, 0]
    rarity = rarity_of(ngrams, cases.buckets)
    model = fit_ngrams(
        weigh(ngrams, rarity),
        cases.labels,
        buckets=cases.buckets,
        n_labels=n_labels,
        seed=cases.seed,
    )
    return model, rarity


def _majority(cases: TrainingSet) -> float:
    inside: Labels = cases.labels[cases.labels < cases.n_inside]
    return int(np.bincount(inside).max()) / len(inside)


def _pair(interval: Interval | None) -> tuple[float, float] | None:
    return interval.as_pair() if interval else None
