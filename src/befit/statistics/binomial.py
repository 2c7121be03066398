"""Intervals for a proportion: Wilson's score interval and the exact one.

Wilson (1927) covers well on average and is what reports show; Clopper and Pearson
(1934) never covers less than stated and is what a guarantee must use.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from scipy.special import betaincinv  # pyright: ignore[reportUnknownVariableType]  # untyped

from befit.statistics.interval import CONFIDENCE, Interval, tail


def wilson(successes: float, n: int, confidence: float = CONFIDENCE) -> Interval:
    """The Wilson score interval of `successes` out of `n`.

    `successes` may be a sum of scores in [0, 1]: their variance is at most that of 0/1
    scores with the same mean, so the interval is then conservative.

    Raises:
        ValueError: when `n` is not positive or `successes` lies outside 0..n.
    """
    _require_counts(successes, n)
    z = NormalDist().inv_cdf(1.0 - tail(confidence))
    rate = successes / n
    centre = rate + z * z / (2 * n)
    half = z * sqrt(rate * (1.0 - rate) / n + z * z / (4 * n * n))
    scale = 1.0 + z * z / n
    low = 0.0 if successes == 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if successes == n else min(1.0, (centre + half) / scale)
    return Interval(min(low, rate), max(high, rate))


def clopper_pearson(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """The exact binomial interval of `successes` out of `n`.

    Raises:
        ValueError: when `n` is not positive or `successes` lies outside 0..n.
    """
    _require_counts(successes, n)
    side = tail(confidence)
    low = 0.0 if successes == 0 else _beta_quantile(side, successes, n - successes + 1)
    high = 1.0 if successes == n else _beta_quantile(1.0 - side, successes + 1, n - successes)
    return Interval(low, high)


def _beta_quantile(probability: float, a: float, b: float) -> float:
    return float(betaincinv(a, b, probability))  # pyright: ignore[reportUnknownArgumentType]  # untyped


def _require_counts(successes: float, n: int) -> None:
    if n < 1:
        raise ValueError(f"n is {n}; an interval needs at least one trial")
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} trials; they must lie in 0..{n}")
