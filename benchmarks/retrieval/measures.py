"""Recall and nDCG of one ranking."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def recall(ranking: Sequence[str], relevant: Mapping[str, int], *, at: int) -> float:
    """The share of the relevant passages among the first `at`."""
    wanted = {name for name, grade in relevant.items() if grade > 0}
    return len(wanted.intersection(ranking[:at])) / len(wanted)


def ndcg(ranking: Sequence[str], relevant: Mapping[str, int], *, at: int) -> float:
    """Discounted cumulative gain of the first `at`, as a share of the best possible."""
    gained = _discounted([relevant.get(name, 0) for name in ranking[:at]])
    return gained / _discounted(sorted(relevant.values(), reverse=True)[:at])


def _discounted(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades))
