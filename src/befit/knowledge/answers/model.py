"""`QuotingModel`: the shipped parameters by which quoting decides, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import resources

import msgspec

from befit.knowledge.retrieval import QueryWeights

PACKAGED = "quoting.json"

FEW = 5
"""Below so many passages one cannot tell a passage that stands out."""

SOME, MANY = 50, 100
"""From the first to the second, the ranking as a whole comes to count."""


class View(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A logistic regression on some of the features of `Evidence`.

    Attributes:
        threshold: the operating point: from this probability on there is an answer.
    """

    threshold: float
    intercept: float
    weights: dict[str, float]

    def probability(self, features: Mapping[str, float]) -> float:
        """How likely it is that the documents say, where half of all questions are answered."""
        logit = self.intercept + sum(
            weight * features[name] for name, weight in self.weights.items()
        )
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))


class QuotingModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A calibrated decision whether the documents say, in collections of any size.

    Attributes:
        fitted_by: the program that writes the file.
        fitted_on: data sets with licence and number of rows.
        operating_point: what the thresholds stand for.
        query: how the conversation counts when sentences are compared with the question.
        few: reads what is comparable between any two questions; for a handful of passages.
        some: reads how far the best stands out as well.
        many: reads the whole ranking as well.
    """

    fitted_by: str
    fitted_on: tuple[str, ...]
    operating_point: str
    query: QueryWeights
    few: View
    some: View
    many: View

    def decide(self, features: Mapping[str, float], *, considered: int) -> tuple[float, bool]:
        """The probability that the documents say, and whether it is enough.

        Args:
            features: of `Evidence`.
            considered: how many passages the reader could have found.
        """
        if considered < FEW:
            probability = self.few.probability(features)
            return probability, probability >= self.few.threshold
        share = min(1.0, max(0.0, (considered - SOME) / (MANY - SOME)))
        probability = _between(
            self.some.probability(features), self.many.probability(features), share
        )
        threshold = _between(self.some.threshold, self.many.threshold, share)
        return probability, probability >= threshold


def _between(one: float, other: float, share: float) -> float:
    return (1 - share) * one + share * other


def packaged_quoting() -> QuotingModel:
    """The parameters that ship with Befit."""
    content = resources.files("befit.knowledge.answers").joinpath(PACKAGED).read_bytes()
    return msgspec.json.decode(content, type=QuotingModel)
