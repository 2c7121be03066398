from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.inference.embedded.specialist import (
    scope_features,
    softmax,
)
from befit.training.calibration import (
    calibrate,
    calibration_error,
    fit_abstention,
    least_confidence,
    negative_log_likelihood,
)


def logits_and_labels(n: int, scale: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from the softmax of logits, which are then stated `scale` times too bold."""
    draws = np.random.default_rng(seed)
    true = draws.normal(size=(n, 4)) * 1.5
    labels = np.array([draws.choice(4, p=row) for row in softmax(true)])
    return (true * scale).astype(np.float32), labels


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_calibration_undoes_overconfidence_and_its_opposite(scale: float) -> None:
    logits, labels = logits_and_labels(3_000, scale, seed=2)
    assert calibrate(logits, None, labels).vectors == pytest.approx(1 / scale, rel=0.1)


def test_a_second_model_of_noise_gets_next_to_no_say() -> None:
    logits, labels = logits_and_labels(3_000, 1.0, seed=3)
    noise = np.random.default_rng(1).normal(size=logits.shape).astype(np.float32)
    found = calibrate(logits, noise, labels)
    assert found.ngrams < 0.12 * found.vectors


@settings(max_examples=20)
@given(st.integers(0, 1_000))
def test_calibrated_logits_never_fit_worse_than_raw_ones(seed: int) -> None:
    logits, labels = logits_and_labels(200, 3.0, seed)
    found = calibrate(logits, None, labels)
    raw = type(found)(vectors=1.0, ngrams=0.0)
    assert negative_log_likelihood(logits, None, labels, found) <= (
        negative_log_likelihood(logits, None, labels, raw) + 1e-4
    )


def test_a_set_without_errors_does_not_claim_certainty() -> None:
    labels = np.arange(40) % 4
    logits = np.eye(4, dtype=np.float32)[labels] * 4
    found = calibrate(logits, None, labels)
    assert softmax(logits.astype(float) * found.vectors).max() < 0.999


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.01, 0.05]))
def test_abstention_gives_up_at_most_the_allowed_share(seed: int, most_lost: float) -> None:
    draws = np.random.default_rng(seed)
    labels = np.r_[draws.integers(0, 3, 150), np.full(30, 3)]
    logits = draws.normal(size=(180, 4)) + 2 * np.eye(4)[labels]
    rule = fit_abstention(logits, labels, 3, most_lost)
    gave_up = rule.doubt(scope_features(logits, 3)) >= rule.threshold
    right = logits[:, :3].argmax(axis=1) == labels
    assert (gave_up & right).sum() <= most_lost * 150


def test_without_out_of_scope_cases_doubt_starts_where_answers_turn_wrong() -> None:
    logits, labels = logits_and_labels(4_000, 1.0, seed=4)
    rule = fit_abstention(logits.astype(float), labels, 4, 0.01)
    assert not rule.out_of_scope
    assert 1 - rule.threshold == pytest.approx(0.5, abs=0.12)


def test_answers_above_the_least_confidence_are_right_as_often_as_asked() -> None:
    logits, labels = logits_and_labels(4_000, 1.0, seed=6)
    probabilities = softmax(logits.astype(float))
    least = least_confidence(logits.astype(float), labels, 4, 0.9)
    passed = probabilities.max(axis=1) >= least
    assert (probabilities.argmax(axis=1) == labels)[passed].mean() >= 0.9 - 0.01
    assert passed.mean() > 0.05


def test_the_least_confidence_is_never_below_a_half() -> None:
    labels = np.arange(400) % 4
    logits = np.eye(4)[labels] * 0.1
    assert least_confidence(logits, labels, 4, 0.95) == 0.5


def test_calibration_error_of_a_true_forecaster_is_small_and_of_a_braggart_large() -> None:
    draws = np.random.default_rng(0)
    confidence = draws.uniform(0.3, 1, 5_000)
    right = draws.uniform(size=5_000) < confidence
    assert calibration_error(confidence, right) < 0.03
    assert calibration_error(np.ones(5_000), right) > 0.25
