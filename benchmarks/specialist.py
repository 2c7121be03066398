"""Quality and speed of specialists on public data, out of sample.

    python -m benchmarks.specialist [--quick] [--json]

Data lies in `../shared/data` (or `$BEFIT_SHARED_DATA`); the embedder's weights come by
`befit pull`. Each row trains on one part and scores another that took no part in any
choice. `--quick` runs one fold and one draw in place of all.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from befit.errors import BefitError
from befit.inference.embedded.embedder import Embedder
from befit.inference.embedded.specialist import (
    Floats,
    SpecialistArtefact,
)
from befit.inference.embedded.weights import MINILM, located
from befit.statistics import wilson
from befit.training import Provenance, fit_specialist
from befit.vocabulary import OUT_OF_SCOPE

_FOLDS = 5
_DRAWS = 5
_FEW = 10
_SPEED_TEXTS = 2_000
_SPEED_ROUNDS = 5
_THREADS = 2


class _Line(msgspec.Struct, frozen=True):
    text: str
    label: str
    upstream_split: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure with what it rests on; `target` is the project's, where there is one."""

    name: str
    score: float
    interval: tuple[float, float] | None
    n: int
    baseline: float | None
    target: float | None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Data:
    texts: tuple[str, ...]
    labels: NDArray[np.str_]
    splits: NDArray[np.str_]
    vectors: Floats

    def take(self, rows: NDArray[np.int64]) -> tuple[tuple[str, ...], list[str], Floats]:
        chosen: list[int] = rows.tolist()
        return (
            tuple(self.texts[row] for row in chosen),
            [str(self.labels[row]) for row in chosen],
            self.vectors[rows],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scored:
    """Counts over held-out cases."""

    right: int
    inside: int
    caught: int
    outside: int
    seconds: float
    reported: float


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one fold and one draw")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    quick: bool = options.quick
    as_json: bool = options.json
    try:
        embedder = Embedder(located(MINILM), threads=_THREADS)
    except BefitError as error:
        print(f"SKIPPED, nothing was measured: {error}", file=sys.stderr)
        return 1
    rows = [*_banking(embedder, quick), *_clinc(embedder)]
    if as_json:
        sys.stdout.write(msgspec.json.encode({"rows": rows}).decode() + "\n")
    else:
        _print(rows)
    return 0 if rows else 1


def _banking(embedder: Embedder, quick: bool) -> Iterator[Row]:
    data = _read("intent_banking77/dev/banking77.jsonl.gz", embedder)
    if data is None:
        return
    folds = [_score(data, fitted, held) for fitted, held in _parts(data.labels, quick)]
    yield _row("banking77, full data", folds, baseline=0.924, target=0.92)
    draws = [_score(data, *_few(data.labels, seed)) for seed in range(1 if quick else _DRAWS)]
    yield _row(f"banking77, {_FEW} per class", draws, baseline=0.846, target=0.83)
    yield _speed(data, embedder)


def _clinc(embedder: Embedder) -> Iterator[Row]:
    data = _read("intent_clinc150_oos/dev/clinc150.jsonl.gz", embedder)
    if data is None:
        return
    fitted = np.flatnonzero(np.isin(data.splits, ["train", "oos_train"]))
    held = np.flatnonzero(np.isin(data.splits, ["val", "oos_val"]))
    found = _score(data, fitted, held)
    yield _row("clinc150, in scope (abstained = wrong)", [found], baseline=0.936)
    yield Row(
        name="clinc150, recall out of scope",
        score=found.caught / found.outside,
        interval=wilson(found.caught, found.outside).as_pair(),
        n=found.outside,
        baseline=0.304,
        target=None,
        detail="trained on upstream's train, scored on its val; baselines are on other rows",
    )


def _read(name: str, embedder: Embedder) -> _Data | None:
    root = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    path = Path(os.environ.get("BEFIT_SHARED_DATA") or root) / name
    if not path.is_file():
        print(f"SKIPPED: {path} is not there; set BEFIT_SHARED_DATA", file=sys.stderr)
        return None
    with gzip.open(path, "rb") as file:
        lines = msgspec.json.Decoder(_Line).decode_lines(file.read())
    texts = tuple(line.text for line in lines)
    return _Data(
        texts=texts,
        labels=np.asarray([line.label for line in lines]),
        splits=np.asarray([line.upstream_split for line in lines]),
        vectors=embedder.embed(texts).vectors,
    )


def _parts(
    labels: NDArray[np.str_], quick: bool
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Stratified folds: each label's cases are shuffled and dealt out in turn."""
    fold_of = np.empty(len(labels), dtype=np.int64)
    draws = np.random.default_rng(0)
    for label in np.unique(labels):
        own = draws.permutation(np.flatnonzero(labels == label))
        fold_of[own] = (np.arange(len(own)) + draws.integers(_FOLDS)) % _FOLDS
    for fold in range(1 if quick else _FOLDS):
        yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)


def _few(labels: NDArray[np.str_], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    draws = np.random.default_rng(seed)
    fitted = np.concatenate(
        [draws.permutation(np.flatnonzero(labels == label))[:_FEW] for label in np.unique(labels)]
    )
    return fitted, np.setdiff1d(np.arange(len(labels)), fitted)


def _score(data: _Data, fitted: NDArray[np.int64], held: NDArray[np.int64]) -> _Scored:
    artefact, report = _fit(data, fitted)
    texts, labels, vectors = data.take(held)
    found = artefact.classify(vectors, texts)
    truths = list(zip(found, labels, strict=True))
    return _Scored(
        right=sum(not one.abstained and one.label == label for one, label in truths),
        inside=sum(label != OUT_OF_SCOPE for label in labels),
        caught=sum(one.abstained for one, label in truths if label == OUT_OF_SCOPE),
        outside=sum(label == OUT_OF_SCOPE for label in labels),
        seconds=report[1],
        reported=report[0],
    )


def _fit(data: _Data, fitted: NDArray[np.int64]) -> tuple[SpecialistArtefact, tuple[float, float]]:
    texts, labels, vectors = data.take(fitted)
    provenance = Provenance(workflow="benchmark", embedder=MINILM, cases_sha256="benchmark")
    artefact, report = fit_specialist(texts, labels, vectors, provenance=provenance)
    return artefact, (report.accuracy, report.seconds)


def _row(
    name: str, scored: Sequence[_Scored], *, baseline: float, target: float | None = None
) -> Row:
    """All held-out cases together; draws overlap, so one draw's size makes the interval."""
    right, n = sum(one.right for one in scored), sum(one.inside for one in scored)
    share = right / n
    distinct = max(one.inside for one in scored) if name.endswith("class") else n
    seconds = np.median([one.seconds for one in scored])
    reported = np.mean([one.reported for one in scored])
    return Row(
        name=name,
        score=share,
        interval=wilson(share * distinct, distinct).as_pair(),
        n=distinct,
        baseline=baseline,
        target=target,
        detail=f"{len(scored)} part(s), trained in {seconds:.0f} s, "
        f"reported out of fold {reported:.3f}",
    )


def _speed(data: _Data, embedder: Embedder) -> Row:
    fitted, held = _few(data.labels, 0)
    artefact, _ = _fit(data, fitted)
    texts, _, _ = data.take(held[:_SPEED_TEXTS])
    rates: list[float] = []
    cpu_before = time.process_time()
    for _ in range(_SPEED_ROUNDS):
        started = time.perf_counter()
        artefact.classify(embedder.embed(texts).vectors, texts)
        rates.append(len(texts) / (time.perf_counter() - started))
    cpu_ms = (time.process_time() - cpu_before) * 1000 / (len(texts) * _SPEED_ROUNDS)
    return Row(
        name="texts/s, embedder and specialist",
        score=float(np.median(rates)),
        interval=(min(rates), max(rates)),
        n=len(texts),
        baseline=500.0,
        target=400.0,
        detail=f"median, least and most of {_SPEED_ROUNDS} rounds on {_THREADS} threads, "
        f"{cpu_ms:.2f} ms of CPU a text",
    )


def _print(rows: Sequence[Row]) -> None:
    table = Table(box=None, header_style="bold")
    for heading in ("figure", "score", "interval", "n", "baseline", "target", "detail"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.name,
            _number(row.score),
            "-" if row.interval is None else " to ".join(map(_number, row.interval)),
            str(row.n),
            _number(row.baseline),
            _number(row.target),
            row.detail,
        )
    Console(width=None if sys.stdout.isatty() else 180).print(table)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value <= 1 else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
