from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.statistics import (
    bootstrap_mean,
    bootstrap_percentile,
    p95,
    percentile,
    summarise_scores,
    wilson,
)

values = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60)


@settings(max_examples=40)
@given(values)
def test_interval_of_the_mean_lies_within_the_values(sample: list[float]) -> None:
    interval = bootstrap_mean(sample)
    assert min(sample) - 1e-9 <= interval.low <= interval.high <= max(sample) + 1e-9


@settings(max_examples=40)
@given(values, st.sampled_from([0.5, 0.95, 0.99]))
def test_interval_of_a_percentile_lies_within_the_values(sample: list[float], q: float) -> None:
    interval = bootstrap_percentile(sample, q)
    assert min(sample) <= interval.low <= interval.high <= max(sample)


def test_same_values_give_the_same_interval() -> None:
    sample = [0.1, 0.4, 0.4, 0.9, 0.3]
    assert bootstrap_mean(sample) == bootstrap_mean(sample)


def test_mean_interval_agrees_with_the_normal_one_where_that_holds() -> None:
    sample = np.random.default_rng(1).normal(10, 2, size=2_000)
    half = 1.96 * sample.std() / np.sqrt(len(sample))
    interval = bootstrap_mean(sample.tolist())
    assert interval.low == pytest.approx(sample.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(sample.mean() + half, abs=0.02)


def test_mean_interval_covers_the_truth_about_as_often_as_stated() -> None:
    draws = np.random.default_rng(5)
    hits = [0.5 in bootstrap_mean(draws.uniform(0, 1, 40).tolist()) for _ in range(200)]
    assert 0.89 <= np.mean(hits) <= 0.99


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_percentile_is_a_seen_value_that_enough_others_do_not_exceed(
    sample: list[float], q: float
) -> None:
    found = percentile(sample, q)
    assert found.value in sample
    assert sum(value <= found.value for value in sample) >= q * len(sample) - 1e-6
    assert sum(value < found.value for value in sample) < q * len(sample)


def test_p95_of_one_to_a_hundred_is_ninety_five() -> None:
    found = p95([float(value) for value in range(1, 101)])
    assert found is not None
    assert (found.value, found.n, found.is_resolved) == (95.0, 100, True)


def test_p95_of_few_values_is_the_largest_and_says_so() -> None:
    found = p95([3.0, 9.0, 1.0])
    assert found is not None
    assert (found.value, found.is_resolved) == (9.0, False)


def test_p95_of_nothing_is_absent() -> None:
    assert p95([]) is None


@pytest.mark.parametrize("q", [0.0, -0.1, 1.01])
def test_percentile_outside_0_to_1_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="q is"):
        percentile([1.0], q)


def test_binary_scores_get_wilsons_interval() -> None:
    summary = summarise_scores([1.0] * 9 + [0.0])
    assert (summary.mean, summary.interval) == (0.9, wilson(9, 10))


def test_graded_scores_get_the_bootstrap() -> None:
    scores = [0.5, 1.0, 0.25, 0.75]
    assert summarise_scores(scores).interval == bootstrap_mean(scores)


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_equal_scores_never_claim_certainty(score: float) -> None:
    summary = summarise_scores([score] * 12)
    assert summary.interval.width > 0.1
    assert score in summary.interval


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_outside_0_to_1_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        summarise_scores([0.5, score])


def test_a_mean_of_nothing_is_refused() -> None:
    for kind in (summarise_scores, bootstrap_mean):
        with pytest.raises(ValueError, match="at least one"):
            kind([])
