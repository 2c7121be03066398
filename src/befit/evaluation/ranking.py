"""How well a ranking of documents meets what ought to be found: recall@5 and nDCG@10.

A document counts once, by its best passage, however many of its passages were found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from befit.statistics import ScoreSummary, summarise_scores

RECALL_AT = 5
NDCG_AT = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class RankingScores:
    """What rankings came to over all judged queries."""

    recall: ScoreSummary
    ndcg: ScoreSummary


class RankingScorer:
    """Takes one ranking after the other and keeps two numbers of each."""

    def __init__(self) -> None:
        self._recalls: list[float] = []
        self._gains: list[float] = []

    def add(self, ranking: Iterable[str], relevant: Mapping[str, float]) -> None:
        """Score a ranking, best first; where nothing ought to be found it is not judged."""
        if not any(grade > 0 for grade in relevant.values()):
            return
        documents = list(dict.fromkeys(ranking))
        self._recalls.append(recall(documents, relevant, at=RECALL_AT))
        self._gains.append(ndcg(documents, relevant, at=NDCG_AT))

    def scores(self) -> RankingScores | None:
        """Means with their intervals; None where no query was judged."""
        if not self._recalls:
            return None
        return RankingScores(
            recall=summarise_scores(self._recalls), ndcg=summarise_scores(self._gains)
        )


def recall(ranking: Sequence[str], relevant: Mapping[str, float], *, at: int) -> float:
    """The share of the relevant documents that stand among the first `at`."""
    wanted = {name for name, grade in relevant.items() if grade > 0}
    return len(wanted.intersection(ranking[:at])) / len(wanted)


def ndcg(ranking: Sequence[str], relevant: Mapping[str, float], *, at: int) -> float:
    """Discounted cumulative gain of the first `at`, as a share of the best possible.

    A grade is its own gain (Järvelin and Kekäläinen 2002); none is below 0.
    """
    grades = {name: max(0.0, grade) for name, grade in relevant.items()}
    gained = _discounted([grades.get(name, 0.0) for name in ranking[:at]])
    return min(1.0, gained / _discounted(sorted(grades.values(), reverse=True)[:at]))


def _discounted(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades))
