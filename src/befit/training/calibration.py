"""Calibrating on out-of-fold logits: scales that make probabilities true, and abstention."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import (
    minimize,  # pyright: ignore[reportUnknownVariableType]  # scipy is untyped
)

from befit.inference.embedded.specialist import (
    Abstention,
    Calibration,
    scope_features,
    softmax,
)
from befit.training.linear_models import Labels, fit_scope

MIN_OUTSIDE = 5
"""Fewer out-of-scope cases than this cannot calibrate when to abstain."""

_LOG_SCALES = (-3.0, 3.0)
_MOST_ROWS = 6_000  # two numbers are fitted; more rows only cost time

_Logits = NDArray[np.float32]


def calibrate(by_vectors: _Logits, by_ngrams: _Logits | None, labels: Labels) -> Calibration:
    """The scales under which the joined logits say the truest probabilities.

    With one model this is temperature scaling (Guo et al. 2017); with two it also finds
    how much each one's word counts.
    """
    step = max(1, len(labels) // _MOST_ROWS)
    part = slice(None, None, step)
    first, truth = by_vectors[part], labels[part]
    second = None if by_ngrams is None else by_ngrams[part]

    def loss(scales: NDArray[np.float64]) -> float:
        return negative_log_likelihood(first, second, truth, _calibration(scales))

    start = np.zeros(1 if second is None else 2)
    return _calibration(_minimum(loss, start))


def negative_log_likelihood(
    by_vectors: _Logits, by_ngrams: _Logits | None, labels: Labels, found: Calibration
) -> float:
    """The mean of -log p(label), the targets smoothed as Platt (1999) does.

    Smoothing keeps a set without a single error from claiming certainty.
    """
    logits = np.float32(found.vectors) * by_vectors
    if by_ngrams is not None:
        logits += np.float32(found.ngrams) * by_ngrams
    top = logits.max(axis=1)
    total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    right = total - logits[np.arange(len(labels)), labels]
    smoothing = 1.0 / (len(labels) + 2)
    uniform = total - logits.mean(axis=1)
    return float(((1.0 - smoothing) * right + smoothing * uniform).mean())


def fit_abstention(
    logits: NDArray[np.float64], labels: Labels, n_inside: int, most_lost: float
) -> Abstention:
    """When to abstain, from calibrated out-of-fold logits.

    With out-of-scope cases the threshold catches as many of them as it may while at
    most a share `most_lost` of the in-scope ones that were right is given up. Without,
    doubt is the missing confidence, and the threshold is where answers become more
    often wrong than right.
    """
    features = scope_features(logits, n_inside)
    inside = labels < n_inside
    right = logits[:, :n_inside].argmax(axis=1) == labels
    if logits.shape[1] == n_inside:
        doubt = 1.0 - features[:, 0]
        return Abstention(
            out_of_scope=False,
            weights=(-1.0, 0.0, 0.0),
            bias=1.0,
            threshold=_most_agreement(doubt, right),
        )
    weights = fit_scope(features, ~inside)
    doubt = features @ weights[:-1] + weights[-1]
    kept = np.sort(doubt[inside & right])[::-1]
    may_lose = int(most_lost * int(inside.sum()))
    threshold = float(kept[may_lose]) if may_lose < len(kept) else float(doubt.min())
    first, second, third = (float(weight) for weight in weights[:-1])
    return Abstention(
        out_of_scope=True,
        weights=(first, second, third),
        bias=float(weights[-1]),
        threshold=float(np.nextafter(threshold, np.inf)),
    )


def least_confidence(
    logits: NDArray[np.float64], labels: Labels, n_inside: int, share_right: float
) -> float:
    """The least confidence from which on answers are right `share_right` of the time.

    At least a half, so that each single answer is more likely right than wrong; rounded
    up to a hundredth. Where no confidence reaches that share, the confidence of the most
    certain tenth: what passes then is at least the best there is.
    """
    probabilities = softmax(logits[:, :n_inside])
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    reached = np.flatnonzero(share >= share_right)
    at = int(reached[-1]) if len(reached) else len(order) // 10
    return min(0.99, max(0.5, float(np.ceil(confidence[order][at] * 100) / 100)))


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins of equal count (Naeini et al. 2015)."""
    order = np.argsort(confidence, kind="stable")
    gaps = [
        len(part) * abs(float(confidence[part].mean()) - float(right[part].mean()))
        for part in np.array_split(order, 10)
        if len(part)
    ]
    return sum(gaps) / len(confidence)


def _most_agreement(doubt: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    order = np.argsort(doubt, kind="stable")
    # Answering the first k rows: right answers among them, wrong ones among the rest.
    gain = np.concatenate([[0], np.cumsum(np.where(right[order], 1, -1))])
    answered = int(len(gain) - 1 - np.argmax(gain[::-1]))
    return float(doubt[order][answered]) if answered < len(order) else 1.0


def _calibration(log_scales: NDArray[np.float64]) -> Calibration:
    scales = np.exp(np.clip(log_scales, *_LOG_SCALES))
    return Calibration(
        vectors=float(scales[0]), ngrams=float(scales[1]) if len(scales) > 1 else 0.0
    )


def _minimum(
    loss: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    options = {"maxiter": 80, "xatol": 0.01, "fatol": 1e-5}
    found = minimize(loss, start, method="Nelder-Mead", options=options)  # pyright: ignore[reportUnknownVariableType]  # scipy is untyped
    return cast("NDArray[np.float64]", found.x)
