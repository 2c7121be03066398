"""Percentiles by nearest rank: always a value that was seen, never one between two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, kw_only=True, slots=True)
class Percentile:
    """A percentile with the number of values behind it.

    Below 1 / (1 - q) values it is not resolved: simply the largest of them.
    """

    q: float
    value: float
    n: int

    @property
    def is_resolved(self) -> bool:
        """Whether larger values than this one were seen."""
        return rank(self.n, self.q) < self.n - 1


def percentile(values: Sequence[float], q: float) -> Percentile:
    """The smallest value that at least a share `q` of `values` do not exceed.

    Raises:
        ValueError: when `values` is empty or `q` lies outside (0, 1].
    """
    if not values:
        raise ValueError("a percentile needs at least one value")
    return Percentile(q=q, value=sorted(values)[rank(len(values), q)], n=len(values))


def p95(values: Sequence[float]) -> Percentile | None:
    """The 95th percentile of latencies, or None where none was measured."""
    return percentile(values, 0.95) if values else None


def rank(n: int, q: float) -> int:
    """The nearest rank of `q` among `n` sorted values, counted from 0."""
    if not 0.0 < q <= 1.0:
        raise ValueError(f"q is {q}; it must lie in (0, 1]")
    # Rounding first keeps 0.95 * 20 = 19.000000000000004 from becoming rank 20.
    return min(n, max(1, ceil(round(q * n, 9)))) - 1
