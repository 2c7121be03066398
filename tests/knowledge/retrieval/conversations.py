"""A small index whose passages have made-up vectors by subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from befit.knowledge.index import Changes, EmbeddedIndex, EmbeddedWriter, Passage, Vector
from tests.knowledge.index.passages import passage

SUBJECTS = ("pump", "leave", "tax", "travel")
DIMENSIONS = 16


def about(subject: str, seed: int = 0) -> Vector:
    """A unit vector near the subject's own axis."""
    drawn = np.random.default_rng(seed).standard_normal(DIMENSIONS) * 0.05
    drawn[SUBJECTS.index(subject)] += 1
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def library(folder: Path, *more: Passage) -> EmbeddedIndex:
    """Ten passages on each subject, each subject under an access list of its own."""
    passages = [
        passage(
            10 * at + number,
            f"{subject} rule number{number}",
            acl_id=at,
            vector=about(subject, 10 * at + number),
        )
        for at, subject in enumerate(SUBJECTS)
        for number in range(10)
    ]
    with EmbeddedWriter(folder, dimensions=DIMENSIONS) as writer:
        writer.apply(Changes(put=[*passages, *more]))
    return EmbeddedIndex(folder)
