from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from befit.statistics import clopper_pearson, wilson


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 5_000))
    return draw(st.integers(0, n)), n


@given(counts(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_equals_scipy(count: tuple[int, int], confidence: float) -> None:
    ours = wilson(*count, confidence)
    theirs = binomtest(*count).proportion_ci(confidence, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(counts(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_exact_interval_equals_scipy(count: tuple[int, int], confidence: float) -> None:
    ours = clopper_pearson(*count, confidence)
    theirs = binomtest(*count).proportion_ci(confidence, method="exact")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-7)


@given(counts())
def test_both_intervals_hold_the_proportion_within_0_and_1(count: tuple[int, int]) -> None:
    successes, n = count
    for interval in (wilson(successes, n), clopper_pearson(successes, n)):
        assert 0.0 <= interval.low <= successes / n <= interval.high <= 1.0


@given(counts())
def test_intervals_of_successes_and_failures_mirror_each_other(count: tuple[int, int]) -> None:
    successes, n = count
    for kind in (wilson, clopper_pearson):
        one, other = kind(successes, n), kind(n - successes, n)
        assert one.low == pytest.approx(1 - other.high, abs=1e-9)


def test_zero_errors_of_59_bound_the_rate_at_five_percent() -> None:
    # The table of minimum n in DESIGN: one-sided 95% is the two-sided 90%.
    assert clopper_pearson(0, 59, 0.90).high <= 0.05 < clopper_pearson(0, 58, 0.90).high


def test_exact_interval_covers_the_truth_at_least_as_often_as_stated() -> None:
    drawn = np.random.default_rng(3).binomial(40, 0.07, size=4_000)
    covered = {int(k): 0.07 in clopper_pearson(int(k), 40) for k in set(drawn.tolist())}
    assert np.mean([covered[int(k)] for k in drawn]) >= 0.95


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    for kind in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match=r"trial"):
            kind(successes, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_outside_0_to_1_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, confidence)
