"""The mean of scores in [0, 1] with the interval that fits their kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from befit.statistics.binomial import wilson
from befit.statistics.bootstrap import bootstrap_mean
from befit.statistics.interval import CONFIDENCE, Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreSummary:
    """A mean score, its interval and how many scores it rests on."""

    n: int
    mean: float
    interval: Interval


def summarise_scores(scores: Sequence[float], confidence: float = CONFIDENCE) -> ScoreSummary:
    """The mean of `scores`: Wilson where all are 0 or 1, the bootstrap otherwise.

    Equal scores that are neither 0 nor 1 have nothing to resample, and the bootstrap
    would claim certainty; Wilson's interval, conservative there, stands in.

    Raises:
        ValueError: when there are no scores or one lies outside [0, 1].
    """
    if not scores:
        raise ValueError("a mean needs at least one score")
    outside = next((score for score in scores if not 0.0 <= score <= 1.0), None)
    if outside is not None:
        raise ValueError(f"score {outside} lies outside 0..1")
    n = len(scores)
    total = float(sum(scores))
    distinct = set(scores)
    if distinct <= {0.0, 1.0} or len(distinct) == 1:
        interval = wilson(min(total, float(n)), n, confidence)
    else:
        interval = bootstrap_mean(scores, confidence)
    return ScoreSummary(n=n, mean=total / n, interval=interval)
