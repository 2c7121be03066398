"""Fitting what `befit.knowledge.retrieval` ships, on some queries, for scoring on others.

First the weights of the conversation, by the recall of both scores together over a small
grid; then the weights of the signals, by logistic regression over candidates. Each data
set counts the same, each query of it the same, each candidate of it the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from befit.evaluation import recall
from befit.knowledge.index import Leg
from befit.knowledge.retrieval import FusionWeights, QueryWeights
from befit.knowledge.retrieval.candidates import Candidates, gather
from befit.knowledge.retrieval.signals import SIGNALS, Signals, signals_of
from benchmarks.retrieval.collections import ABSTRACTS, Collection, Judged, reach_of

FITTED_BY = "python -m benchmarks.retrieval --write"
FITTED_ON = (
    "rag_mtrag dev (IBM/mt-rag-benchmark, Apache-2.0), 176 queries with history",
    "rag_cranfield dev (Cranfield 1400, public test collection without licence text), 110 queries",
)

_QUERY_GRID = tuple(
    QueryWeights(word_decay=words[0], word_answer=words[1], vector_decay=v[0], vector_answer=v[1])
    for words, v in itertools.product(
        ((0.4, 0.0), (0.4, 0.05), (0.3, 0.1)), ((0.5, 0.1), (0.5, 0.2), (0.3, 0.4))
    )
)
_STRENGTH = 60.0  # inverse regularisation; strong: the weights hardly leave their direction
_FOUND_AT = 5

_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Task:
    """One query in one scope: a row that figures are made of. Equal to itself only."""

    collection: Collection
    query: Judged
    across: bool

    @property
    def is_conversation(self) -> bool:
        """Whether the query has a conversation before it, by which its weights are chosen."""
        return self.collection.name != ABSTRACTS


class Fitter:
    """Fits and remembers what it has searched: folds share most of their work."""

    def __init__(self) -> None:
        self._recalls: dict[tuple[Task, QueryWeights], float] = {}
        self._signals: dict[tuple[Task, QueryWeights], tuple[Candidates, Signals]] = {}

    def fit(self, tasks: Sequence[Task]) -> FusionWeights:
        """The weights that these tasks alone suggest."""
        query = self._query_weights([task for task in tasks if task.is_conversation])
        plain, coherent = self._signal_weights(tasks, query)
        return FusionWeights(
            fitted_by=FITTED_BY,
            fitted_on=FITTED_ON,
            query=query,
            plain=dict(zip(SIGNALS, plain, strict=True)),
            coherent=dict(zip(SIGNALS, coherent, strict=True)),
        )

    def ranking(self, task: Task, weights: FusionWeights) -> list[str]:
        """The passages found for a task, best first."""
        candidates, signals = self.signals(task, weights.query)
        order: list[int] = np.lexsort((candidates.rows, -weights.scores(signals))).tolist()
        return [candidates.refs[place].passage_id for place in order]

    def signals(self, task: Task, query: QueryWeights) -> tuple[Candidates, Signals]:
        """The candidates of a task and their signals."""
        key = (task, query)
        if key not in self._signals:
            question = task.query.question
            candidates = gather(
                task.collection.snapshot,
                question.words(query),
                question.vector(task.collection.embedded(question), query),
                reach_of(task.collection, task.query, across=task.across),
            )
            self._signals[key] = candidates, signals_of(candidates)
        return self._signals[key]

    def _query_weights(self, tasks: Sequence[Task]) -> QueryWeights:
        if not tasks:  # nothing to choose by
            return _QUERY_GRID[len(_QUERY_GRID) // 2]
        return max(_QUERY_GRID, key=lambda weights: self._mean_recall(tasks, weights))

    def _mean_recall(self, tasks: Sequence[Task], weights: QueryWeights) -> float:
        return float(np.mean([self._recall(task, weights) for task in tasks]))

    def _recall(self, task: Task, weights: QueryWeights) -> float:
        key = (task, weights)
        if key not in self._recalls:
            candidates, signals = self.signals(task, weights)
            order: list[int] = np.lexsort((candidates.rows, -signals.first)).tolist()
            names = [candidates.refs[place].passage_id for place in order[:_FOUND_AT]]
            self._recalls[key] = recall(names, task.query.relevant, at=_FOUND_AT)
        return self._recalls[key]

    def _signal_weights(
        self, tasks: Sequence[Task], query: QueryWeights
    ) -> tuple[list[float], list[float]]:
        sizes = {
            name: sum(task.collection.name == name for task in tasks)
            for name in {task.collection.name for task in tasks}
        }
        rows, grades, shares = list[_Floats](), list[_Floats](), list[_Floats]()
        for task in tasks:
            candidates, signals = self.signals(task, query)
            relevant = task.query.relevant
            most = 4 if task.collection.name == ABSTRACTS else 1
            rows.append(np.hstack([signals.matrix, signals.coherence * signals.matrix]))
            grades.append(
                np.array([relevant.get(ref.passage_id, 0) / most for ref in candidates.refs])
            )
            count = len(candidates)
            shares.append(np.full(count, 1 / (count * sizes[task.collection.name] * len(sizes))))
        weights = _logistic(np.concatenate(rows), np.concatenate(grades), np.concatenate(shares))
        rounded = [round(float(weight), 4) for weight in weights]
        return rounded[: len(SIGNALS)], rounded[len(SIGNALS) :]


def searched(task: Task, leg: str, weights: QueryWeights, *, k: int) -> Leg:
    """One leg of a task by itself."""
    question, snapshot = task.query.question, task.collection.snapshot
    reach = reach_of(task.collection, task.query, across=task.across)
    if leg == "words":
        return snapshot.lexical(question.words(weights), reach, k=k)
    vector = question.vector(task.collection.embedded(question), weights)
    return snapshot.dense(vector, reach, k=k)


def _logistic(rows: _Floats, grades: _Floats, shares: _Floats) -> _Floats:
    """Weights by which relevant rows score above others; a grade between is some of both."""
    spread = rows.std(axis=0) + 1e-9
    doubled = np.vstack([rows, rows]) / spread
    labels = np.repeat([1, 0], len(rows))
    mass = np.concatenate([shares * grades, shares * (1 - grades)])
    kept = mass > 0
    # scikit-learn has no types for what it returns.
    solver: Any = LogisticRegression(C=_STRENGTH, max_iter=1_000, tol=1e-8)
    solver.fit(doubled[kept], labels[kept], sample_weight=mass[kept])
    return cast("_Floats", solver.coef_[0]) / spread
