"""`Interval`: the two ends of a confidence interval."""

from __future__ import annotations

from dataclasses import dataclass

CONFIDENCE = 0.95
"""The two-sided confidence of every reported interval unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval; `low <= high`."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def width(self) -> float:
        """How far apart the ends lie."""
        return self.high - self.low

    def as_pair(self) -> tuple[float, float]:
        """The form that reports carry: `[low, high]`."""
        return (self.low, self.high)


def tail(confidence: float) -> float:
    """The probability left out on each side of a two-sided interval.

    Raises:
        ValueError: when `confidence` is not strictly between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1")
    return (1.0 - confidence) / 2.0
