"""`TrainingSet`: checked cases as arrays, ready to fit on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from befit.errors import InvalidRequest
from befit.inference.embedded.specialist import (
    Floats,
)
from befit.training.calibration import MIN_OUTSIDE
from befit.training.linear_models import Labels
from befit.vocabulary import OUT_OF_SCOPE

MIN_PER_LABEL = 2
"""With one case a label cannot be both learned and measured."""

_MOST_BUCKETS = 6_144
_LEAST_BUCKETS = 512  # below, collisions drown the n-grams
_MOST_WEIGHTS = 1_250_000  # 5 MB of float32


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSet:
    """Texts, vectors and labels as numbers.

    Attributes:
        names: the labels in order; out of scope, where there is such, stands last.
        labels: each case's place in `names`.
        buckets: how many n-gram buckets the size limit leaves; 0 for very many labels.
    """

    texts: tuple[str, ...]
    vectors: Floats
    names: tuple[str, ...]
    labels: Labels
    buckets: int
    seed: int

    @property
    def n_inside(self) -> int:
        """How many labels there are without out of scope."""
        return len(self.names) - int(self.names[-1] == OUT_OF_SCOPE)

    def counts(self) -> dict[str, int]:
        """Cases by label."""
        found = np.bincount(self.labels, minlength=len(self.names)).tolist()
        return dict(zip(self.names, found, strict=True))

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        labels: Sequence[str],
        vectors: NDArray[np.floating],
        *,
        seed: int,
    ) -> TrainingSet:
        """Check cases and number their labels.

        Raises:
            InvalidRequest: too few labels or cases a label, or vectors that do not fit.
        """
        check_labels(labels)
        if len(texts) != len(labels) or vectors.shape[:1] != (len(texts),) or vectors.ndim != 2:
            raise InvalidRequest(
                f"{len(texts)} texts, {len(labels)} labels and vectors of shape {vectors.shape} "
                "do not belong together"
            )
        if not np.isfinite(vectors).all():
            raise InvalidRequest("vectors hold a number that is not finite")
        inside = sorted(set(labels) - {OUT_OF_SCOPE})
        names = (*inside, OUT_OF_SCOPE) if OUT_OF_SCOPE in labels else tuple(inside)
        place = {name: index for index, name in enumerate(names)}
        left = _MOST_WEIGHTS // len(names) - vectors.shape[1]
        return cls(
            texts=tuple(texts),
            vectors=vectors.astype(np.float32),
            names=names,
            labels=np.asarray([place[label] for label in labels], dtype=np.int64),
            buckets=min(_MOST_BUCKETS, left) if left >= _LEAST_BUCKETS else 0,
            seed=seed,
        )


def check_labels(labels: Sequence[str]) -> None:
    """Refuse labels that no classifier can be trained on, before anything is computed.

    Raises:
        InvalidRequest: naming the labels with too few cases.
    """
    counts = Counter(labels)
    outside = counts.pop(OUT_OF_SCOPE, None)
    if len(counts) < 2:
        only = f"only {next(iter(counts))!r}" if counts else "none"
        raise InvalidRequest(
            f"the cases hold {only} as label; a classifier needs at least two",
            next_step="add cases with other labels",
        )
    rare = sorted(label for label, count in counts.items() if count < MIN_PER_LABEL)
    if rare:
        shown = ", ".join(repr(label) for label in rare[:5]) + (", .." if len(rare) > 5 else "")
        raise InvalidRequest(
            f"{len(rare)} label(s) have fewer than {MIN_PER_LABEL} cases: {shown}",
            next_step="add cases of them, merge them into others, or leave them out",
        )
    if outside is not None and outside < MIN_OUTSIDE:
        raise InvalidRequest(
            f"{outside} out-of-scope case(s) cannot calibrate when to abstain",
            next_step=f"give at least {MIN_OUTSIDE} with the label {OUT_OF_SCOPE!r}, or none",
        )
