"""Whether documents say, which passages say it, and what of a written answer they support.

    python -m benchmarks.answers [--json] [--write]

Every figure on quoting is out of fold: ranking, model and operating point are fitted on the
conversations of four fifths and scored on those of the fifth. The figures on written answers
are of fixed rules. `--write` fits on all and writes what ships.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

import befit.knowledge.answers
from befit.errors import BefitError
from befit.knowledge.answers.model import PACKAGED
from befit.knowledge.retrieval import FusionWeights
from benchmarks.answers.claims import claim_figures
from benchmarks.answers.figures import Figure
from benchmarks.answers.fitting import QUERY, Row, fit
from benchmarks.answers.questions import Asked, asked_in_conversations, asked_of_papers, texts
from benchmarks.answers.quotes import Scored, quote_figures, scored
from benchmarks.answers.situations import Situation, World, evidence_of
from benchmarks.retrieval.collections import abstracts, conversations, data_folder
from benchmarks.retrieval.fitting import Fitter, Task

_FOLDS = 5
_SEED = 0


def main() -> int:
    """Measure and print, or fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--write", action="store_true", help="write the model that ships")
    options = parser.parse_args()
    as_json: bool = options.json
    write: bool = options.write
    with tempfile.TemporaryDirectory() as folder:
        try:
            asked = [*asked_in_conversations(), *asked_of_papers()]
            figures = list(_figures(asked, Path(folder), write=write))
        except (FileNotFoundError, BefitError) as error:
            print(f"SKIPPED, nothing was measured: {error} ({data_folder()})", file=sys.stderr)
            return 1
    if as_json:
        sys.stdout.write(msgspec.json.encode({"figures": figures}).decode() + "\n")
    else:
        _print(figures)
    return 0


def _figures(asked: Sequence[Asked], folder: Path, *, write: bool) -> Iterator[Figure]:
    folds = _folds(asked)
    world = World(texts(), asked, folder=folder / "world", ranking=_rankings(folds, asked, folder))
    situations = list(world.situations())
    vectors = world.embedded(situations)
    rows = list[Row]()
    every = list[tuple[Situation, Row | None]]()
    for situation in situations:
        evidence = evidence_of(situation, vectors, QUERY)
        row = Row(situation=situation, features=evidence.features) if evidence else None
        every.append((situation, row))
        rows += [row] if row else []
    if write:
        path = Path(befit.knowledge.answers.__file__).with_name(PACKAGED)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(fit(rows)), indent=2) + b"\n")
        print(f"wrote {path.name}", file=sys.stderr)
    results = list[Scored]()
    for fold in range(_FOLDS):
        model = fit([row for row in rows if folds[row.group] != fold])
        results += [
            scored(situation, model, vectors)
            for situation, _ in every
            if folds[situation.asked.group] == fold
        ]
    yield from quote_figures(results)
    yield from claim_figures()


def _folds(asked: Sequence[Asked]) -> dict[str, int]:
    """The fold of each conversation; as many that are answered in each, and that are not."""
    draws = np.random.default_rng(_SEED)
    folds = dict[str, int]()
    for side in (True, False, None):
        groups = sorted({each.group for each in asked if each.is_answered is side})
        order: list[int] = draws.permutation(len(groups)).tolist()
        folds |= {groups[at]: place % _FOLDS for place, at in enumerate(order)}
    return folds


def _rankings(
    folds: dict[str, int], asked: Sequence[Asked], folder: Path
) -> dict[str, FusionWeights]:
    """For each conversation the ranking that is fitted without its fold's."""
    fitter = Fitter()
    group_of = {each.question: each.group for each in asked}
    tasks = [
        Task(collection=collection, query=query, across=False)
        for collection in (conversations(folder), abstracts(folder))
        for query in collection.queries
    ]
    fold_of = {task: folds.get(group_of.get(task.query.question, ""), 0) for task in tasks}
    fitted = [
        fitter.fit([task for task in tasks if fold_of[task] != fold]) for fold in range(_FOLDS)
    ]
    return {group: fitted[fold] for group, fold in folds.items()}


def _print(figures: Sequence[Figure]) -> None:
    table = Table(box=None, header_style="bold")
    for heading in ("figure", "rate", "95% interval", "n", "bar"):
        table.add_column(heading)
    for each in figures:
        interval = " to ".join(f"{end:.3f}" for end in each.interval)
        bar = "" if each.bar is None else f"{each.bar:.2f}"
        table.add_row(each.figure, f"{each.rate:.3f}", interval, str(each.n), bar)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    sys.exit(main())
