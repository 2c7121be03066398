"""Retrieval with documents whole and cut, by several limits; and how fast they are read and cut.

    python -m benchmarks.chunking [--json] [--speed]

A document is found where its best passage is. Weights are fitted out of fold for each row,
as in `benchmarks.retrieval`, whose targets are for whole texts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from befit.errors import BefitError
from befit.evaluation import ndcg, recall
from befit.knowledge.chunking import ChunkLimits
from befit.statistics import bootstrap_mean
from benchmarks.chunking.cutting import cut
from benchmarks.chunking.speed import Speed, speeds
from benchmarks.chunking.texts import abstract_texts, conversation_texts
from benchmarks.retrieval.collections import (
    ABSTRACTS,
    CONVERSATIONS,
    Collection,
    abstracts,
    conversations,
    data_folder,
)
from benchmarks.retrieval.fitting import Fitter, Task

_FOLDS = 5
_SEED = 7
_UNCUT = 1_000_000
_WAYS = {
    "whole": ChunkLimits(whole=_UNCUT),
    "shipped": ChunkLimits(),
    "whole up to 1,200, then 1,200": ChunkLimits(whole=1_200),
    "whole up to 1,200, then 600": ChunkLimits(whole=1_200, most=600, least=200),
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one way of cutting."""

    way: str
    figure: str
    score: float
    interval: tuple[float, float]
    n: int
    passages: int


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--speed", action="store_true", help="how fast texts are cut, and no more")
    options = parser.parse_args()
    as_json: bool = options.json
    only_speed: bool = options.speed
    rows: list[Row] = []
    try:
        texts = [*conversation_texts(), *abstract_texts()]
        told = speeds("\n\n".join(each.text for each in texts))
        if not only_speed:
            rows = list(_rows())
    except (FileNotFoundError, BefitError) as error:
        print(f"SKIPPED, nothing was measured: {error} ({data_folder()})", file=sys.stderr)
        return 1
    if as_json:
        sys.stdout.write(msgspec.json.encode({"rows": rows, "speeds": told}).decode() + "\n")
    else:
        _print(rows, told)
    return 0


def _print(rows: Sequence[Row], told: Sequence[Speed]) -> None:
    for row in rows:
        low, high = row.interval
        score = f"{row.score:.3f} [{low:.3f}, {high:.3f}] n={row.n} passages={row.passages}"
        print(f"{row.way:32} {row.figure:36} {score}")
    for speed in told:
        rates = f"{speed.file_mb_per_s:8.1f} MB/s of file {speed.text_mb_per_s:8.1f} MB/s of text"
        print(f"{speed.what:32} {rates}")


def _rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        talks, papers = conversations(Path(folder)), abstracts(Path(folder))
        for way, limits in _WAYS.items():
            place = Path(tempfile.mkdtemp(dir=folder))
            yield from _scored(
                way,
                cut(talks, conversation_texts(), limits, place / CONVERSATIONS),
                cut(papers, abstract_texts(), limits, place / ABSTRACTS),
            )


def _scored(way: str, talks: Collection, papers: Collection) -> Iterator[Row]:
    figures = {
        "rag_mtrag recall@5, own collection": [(talks, False)],
        "rag_mtrag recall@5, all four": [(talks, True)],
        "rag_cranfield nDCG@10": [(papers, False)],
    }
    tasks = {
        name: [
            Task(collection=collection, query=query, across=across)
            for collection, across in scopes
            for query in collection.queries
        ]
        for name, scopes in figures.items()
    }
    draws = np.random.default_rng(_SEED)
    fold_of = {
        id(query): int(fold)
        for collection in (talks, papers)
        for query, fold in zip(
            collection.queries,
            draws.permutation(len(collection.queries)) % _FOLDS,
            strict=True,
        )
    }
    fitter = Fitter()
    every = [task for group in tasks.values() for task in group]
    fitted = [
        fitter.fit([task for task in every if fold_of[id(task.query)] != fold])
        for fold in range(_FOLDS)
    ]
    for name, group in tasks.items():
        scores = [
            _score(task, fitter.ranking(task, fitted[fold_of[id(task.query)]])) for task in group
        ]
        yield Row(
            way=way,
            figure=name,
            score=float(np.mean(scores)),
            interval=bootstrap_mean(scores).as_pair(),
            n=len(scores),
            passages=group[0].collection.snapshot.count,
        )


def _score(task: Task, ranking: Sequence[str]) -> float:
    documents = list(dict.fromkeys(name.rpartition("#")[0] for name in ranking))
    relevant = {name.rpartition("#")[0]: grade for name, grade in task.query.relevant.items()}
    if task.is_conversation:
        return recall(documents, relevant, at=5)
    return ndcg(documents, relevant, at=10)


if __name__ == "__main__":
    sys.exit(main())
