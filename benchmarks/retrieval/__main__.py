"""Retrieval quality on public data, out of fold, beside its baselines.

    python -m benchmarks.retrieval [--json] [--write]

Every figure of the product is out of fold: the weights of conversation and signals are
fitted on four fifths of the queries (a conversation is one query) and scored on the fifth.
"left out" rows fit on other collections only. Baselines that read the conversation weigh it
by the middle of the fitted grid. `--write` fits on all and writes what ships.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

import befit.knowledge.retrieval
from befit.errors import BefitError
from befit.evaluation import ndcg, recall
from befit.knowledge.retrieval import FusionWeights, QueryWeights
from befit.knowledge.retrieval.fusion import PACKAGED
from befit.statistics import bootstrap_mean
from benchmarks.retrieval.collections import (
    Collection,
    abstracts,
    conversations,
    data_folder,
)
from benchmarks.retrieval.fitting import Fitter, Task, searched

_FOLDS = 5
_SEED = 7
_LISTED = 100
_RECIPROCAL_CONSTANT = 60
_ALONE = QueryWeights(word_decay=0, word_answer=0, vector_decay=0, vector_answer=0)
_IN_CONVERSATION = QueryWeights(
    word_decay=0.4, word_answer=0.05, vector_decay=0.5, vector_answer=0.2
)

Rank = Callable[[Task], Sequence[str]]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one method."""

    figure: str
    method: str
    score: float
    interval: tuple[float, float]
    n: int
    target: float


class _Figure(msgspec.Struct, frozen=True):
    name: str
    tasks: list[Task]
    target: float

    def score(self, task: Task, ranking: Sequence[str]) -> float:
        relevant = task.query.relevant
        if task.is_conversation:
            return recall(ranking, relevant, at=5)
        return ndcg(ranking, relevant, at=10)


def main() -> int:
    """Measure and print, or fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--write", action="store_true", help="write the weights that ship")
    options = parser.parse_args()
    as_json: bool = options.json
    write: bool = options.write
    with tempfile.TemporaryDirectory() as folder:
        try:
            talks, papers = conversations(Path(folder)), abstracts(Path(folder))
        except (FileNotFoundError, BefitError) as error:
            print(f"SKIPPED, nothing was measured: {error} ({data_folder()})", file=sys.stderr)
            return 1
        figures = _figures(talks, papers)
        if write:
            return _write(figures)
        rows = list(_rows(figures))
    if as_json:
        sys.stdout.write(msgspec.json.encode({"rows": rows}).decode() + "\n")
    else:
        _print(rows)
    return 0


def _figures(talks: Collection, papers: Collection) -> list[_Figure]:
    def tasks(collection: Collection, *, across: bool) -> list[Task]:
        return [
            Task(collection=collection, query=query, across=across) for query in collection.queries
        ]

    return [
        _Figure("rag_mtrag recall@5, own collection", tasks(talks, across=False), 0.88),
        _Figure("rag_mtrag recall@5, all four", tasks(talks, across=True), 0.86),
        _Figure("rag_cranfield nDCG@10", tasks(papers, across=False), 0.46),
    ]


def _rows(figures: Sequence[_Figure]) -> Iterator[Row]:
    fitter = Fitter()
    folds = _folds(figures)
    fitted = [fitter.fit([task for task in folds if folds[task] != fold]) for fold in range(_FOLDS)]
    groups = sorted({task.query.group for task in folds})
    left_out = {
        group: fitter.fit([task for task in folds if task.query.group != group]) for group in groups
    }
    methods: dict[str, Rank] = {
        "BM25, question alone": lambda task: _leg(task, "words", _ALONE),
        "vectors, question alone": lambda task: _leg(task, "meaning", _ALONE),
        "BM25": lambda task: _leg(task, "words", _IN_CONVERSATION),
        "vectors": lambda task: _leg(task, "meaning", _IN_CONVERSATION),
        "reciprocal ranks": _reciprocal,
        "befit, out of fold": lambda task: fitter.ranking(task, fitted[folds[task]]),
        "befit, collection left out": lambda task: fitter.ranking(task, left_out[task.query.group]),
    }
    for figure in figures:
        for method, rank in methods.items():
            scores = [figure.score(task, rank(task)) for task in figure.tasks]
            yield Row(
                figure=figure.name,
                method=method,
                score=float(np.mean(scores)),
                interval=bootstrap_mean(scores).as_pair(),
                n=len(scores),
                target=figure.target,
            )


def _folds(figures: Sequence[_Figure]) -> dict[Task, int]:
    """A query's fold, the same in each scope."""
    draws = np.random.default_rng(_SEED)
    fold_of: dict[int, int] = {}
    for tasks in (figures[0].tasks, figures[2].tasks):
        dealt = draws.permutation(len(tasks)) % _FOLDS
        fold_of |= {id(task.query): int(fold) for task, fold in zip(tasks, dealt, strict=True)}
    return {task: fold_of[id(task.query)] for figure in figures for task in figure.tasks}


def _leg(task: Task, leg: str, weights: QueryWeights) -> list[str]:
    found = searched(task, leg, weights, k=_LISTED)
    return [ref.passage_id for ref in task.collection.snapshot.refs(found.rows)]


def _reciprocal(task: Task) -> list[str]:
    scores: dict[str, float] = {}
    for leg in ("words", "meaning"):
        for place, name in enumerate(_leg(task, leg, _IN_CONVERSATION)):
            scores[name] = scores.get(name, 0) + 1 / (_RECIPROCAL_CONSTANT + 1 + place)
    return sorted(scores, key=lambda name: -scores[name])


def _write(figures: Sequence[_Figure]) -> int:
    weights: FusionWeights = Fitter().fit([task for figure in figures for task in figure.tasks])
    path = Path(befit.knowledge.retrieval.__file__).with_name(PACKAGED)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=2) + b"\n")
    print(f"wrote {path.name}: {weights.query}")
    return 0


def _print(rows: Sequence[Row]) -> None:
    table = Table(box=None, header_style="bold")
    for heading in ("figure", "method", "score", "95% interval", "n", "target"):
        table.add_column(heading)
    for row in rows:
        interval = " to ".join(f"{end:.3f}" for end in row.interval)
        cells = (row.figure, row.method, f"{row.score:.3f}", interval, str(row.n))
        table.add_row(*cells, f"{row.target:.2f}")
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    sys.exit(main())
