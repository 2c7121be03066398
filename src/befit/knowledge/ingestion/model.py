"""`PassageModel`: how a run has passages examined and embedded, each under its own permits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from befit.knowledge.index.passage import Vector
from befit.policy import ClassedText


class PassageModel(Protocol):
    """What one decision lets a run do with texts; the orchestrator stands behind it."""

    @property
    def embedder(self) -> str:
        """The model with its version; vectors of another one cannot be compared with its own."""
        ...

    @property
    def decision_id(self) -> str:
        """The decision of the run."""
        ...

    async def examined(self, texts: Sequence[ClassedText]) -> Sequence[ClassedText]:
        """The texts, each raised to the class and tags of what it holds."""
        ...

    async def embedded(self, texts: Sequence[ClassedText]) -> Vector:
        """A unit vector for each, under a permit for the class they have together.

        Raises:
            Forbidden: policy does not let the embedder read this class.
            ModelFailure: the call failed.
        """
        ...
