"""Percentile bootstrap intervals (Efron 1979) for means and percentiles.

Resampling is seeded, so the same values always give the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from befit.statistics.interval import CONFIDENCE, Interval, tail
from befit.statistics.percentile import rank

_RESAMPLES = 2_000
_SEED = 20_260_101
_CHUNK_VALUES = 4_000_000  # 32 MB of float64 at a time

_Floats = NDArray[np.float64]


def bootstrap_mean(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The interval of the mean of `values`.

    Raises:
        ValueError: when `values` is empty.
    """
    return _bootstrap(values, lambda rows: rows.mean(axis=1), confidence)


def bootstrap_percentile(
    values: Sequence[float], q: float, confidence: float = CONFIDENCE
) -> Interval:
    """The interval of the nearest-rank percentile `q` of `values`.

    Raises:
        ValueError: when `values` is empty or `q` lies outside (0, 1].
    """
    index = rank(len(values), q)
    return _bootstrap(values, lambda rows: np.partition(rows, index, axis=1)[:, index], confidence)


def _bootstrap(
    values: Sequence[float], statistic: Callable[[_Floats], _Floats], confidence: float
) -> Interval:
    if not values:
        raise ValueError("an interval needs at least one value")
    side = tail(confidence)
    seen = np.asarray(values, dtype=np.float64)
    draws = np.random.default_rng(_SEED)
    step = max(1, _CHUNK_VALUES // len(seen))
    found: list[_Floats] = []
    for start in range(0, _RESAMPLES, step):
        count = min(step, _RESAMPLES - start)
        found.append(statistic(seen[draws.integers(0, len(seen), size=(count, len(seen)))]))
    ends = np.quantile(np.concatenate(found), [side, 1.0 - side])
    return Interval(float(ends[0]), float(ends[1]))
