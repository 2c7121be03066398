"""`Figure`: one rate with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from befit.statistics import wilson

_RESAMPLES = 2_000
_SEED = 11


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. `bar` is what the project asks for."""

    figure: str
    rate: float
    interval: tuple[float, float]
    n: int
    bar: float | None = None


def share(figure: str, hits: Sequence[bool], *, bar: float | None = None) -> Figure:
    """How often something is so; at least one."""
    low, high = wilson(sum(hits), len(hits)).as_pair()
    return Figure(
        figure=figure, rate=float(np.mean(hits)), interval=(low, high), n=len(hits), bar=bar
    )


def balanced(
    figure: str, answered: Sequence[bool], unanswered: Sequence[bool], *, bar: float | None = None
) -> Figure:
    """The mean of both rates of right decisions, its interval by resampling each side."""
    draws = np.random.default_rng(_SEED)
    sides = [np.array(side, float) for side in (answered, unanswered)]
    means = [
        side[draws.integers(0, len(side), (_RESAMPLES, len(side)))].mean(axis=1) for side in sides
    ]
    low, high = np.quantile(sum(means) / 2, [0.025, 0.975]).tolist()
    return Figure(
        figure=figure,
        rate=float(sum(side.mean() for side in sides) / 2),
        interval=(low, high),
        n=len(answered) + len(unanswered),
        bar=bar,
    )
