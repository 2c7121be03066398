"""What one size costs: writing it, opening it, searching it."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from befit.knowledge.index import Changes, EmbeddedIndex, EmbeddedWriter, Snapshot
from befit.knowledge.retrieval import Question, Retriever, packaged_weights
from befit.statistics import wilson
from benchmarks.vector_index.world import DIMENSIONS, LISTS, World

_K = 10
_SHARES = (0.2, 1.0)
_COMPARED_AT_ONCE = 10_000


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure; `target` is the most (or, for exactness, the least) it should be."""

    passages: int
    figure: str
    value: float
    unit: str
    n: int
    target: float | None = None
    detail: str = ""


def written(folder: str, size: int) -> list[Row]:
    """Write an index of `size` passages into `folder`."""
    spent = 0.0
    with EmbeddedWriter(Path(folder), dimensions=DIMENSIONS) as writer:
        for batch in World(1).passages(size):
            started = time.perf_counter()
            writer.apply(Changes(put=batch))
            spent += time.perf_counter() - started
    stored = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return [
        Row(passages=size, figure="written", value=size / spent, unit="passages/s", n=size),
        Row(passages=size, figure="on disk", value=stored / 1e6, unit="MB", n=1),
    ]


def searched(folder: str, size: int) -> list[Row]:
    """Search the index in `folder`."""
    started = time.perf_counter()
    index = EmbeddedIndex(Path(folder))
    snapshot = index.snapshot()
    opened = (time.perf_counter() - started) * 1000
    world = World(2)
    searches = 400 if size <= 100_000 else 200
    rows = [Row(passages=size, figure="opened", value=opened, unit="ms", n=1)]
    for share in _SHARES:
        rows += _latencies(index, world, size, share=share, searches=searches)
    # Before the exact comparison reads every float: what searching itself has touched.
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    limit = 2_048.0
    rows.append(Row(passages=size, figure="resident", value=used, unit="MB", n=1, target=limit))
    rows.append(_exactness(snapshot, world, size))
    return rows


def _latencies(
    index: EmbeddedIndex, world: World, size: int, *, share: float, searches: int
) -> Iterator[Row]:
    retriever = Retriever(index, packaged_weights())
    reaches = [world.reach(share) for _ in range(20)]
    snapshot = index.snapshot()
    asked = [(Question.of(world.question()), world.vectors(1)) for _ in range(searches)]

    def whole(at: int) -> None:
        retriever.search(asked[at][0], asked[at][1], reaches[at % 20], limit=_K)

    def words(at: int) -> None:
        query = asked[at][0].words(packaged.query)
        snapshot.lexical(query, reaches[at % 20], k=100)

    def meaning(at: int) -> None:
        snapshot.dense(asked[at][1][0], reaches[at % 20], k=100)

    packaged = packaged_weights()
    small = size <= 100_000
    for name, call, targets in (
        ("hybrid", whole, (10.0, 30.0) if small else (None, 80.0)),
        ("words", words, (None, None)),
        ("meaning", meaning, (None, None)),
    ):
        p50, p99 = _percentiles(call, searches)
        for label, value, target in (("p50", p50, targets[0]), ("p99", p99, targets[1])):
            yield Row(
                passages=size,
                figure=f"{name} {label}, {share:.0%} of {LISTS:,} lists allowed",
                value=value,
                unit="ms",
                n=searches,
                target=target,
            )


def _percentiles(call: Callable[[int], None], count: int) -> tuple[float, float]:
    for at in range(10):  # pages come in from the disk
        call(at)
    taken = np.empty(count)
    for at in range(count):
        started = time.perf_counter()
        call(at)
        taken[at] = (time.perf_counter() - started) * 1000
    return float(np.percentile(taken, 50)), float(np.percentile(taken, 99))


def _exactness(snapshot: Snapshot, world: World, size: int) -> Row:
    """In how many queries the ten are those of a float32 pass over everything allowed."""
    queries = 1_000 if size <= 100_000 else 100
    reach = world.reach(0.2)
    allowed = np.sort(snapshot.dense(world.vectors(1)[0], reach, k=size).rows)
    vectors = world.vectors(queries)
    best = np.full((queries, _K), -np.inf)
    for start in range(0, len(allowed), _COMPARED_AT_ONCE):
        found = vectors @ snapshot.vectors(allowed[start : start + _COMPARED_AT_ONCE]).T
        best = np.sort(np.hstack([best, found]), axis=1)[:, -_K:]
    # Compared by scores: two vectors at one distance may stand in either order.
    same = sum(
        bool(np.allclose(np.sort(snapshot.dense(vector, reach, k=_K).scores), row, atol=1e-6))
        for vector, row in zip(vectors, best, strict=True)
    )
    low = wilson(same, queries).low
    return Row(
        passages=size,
        figure=f"float32's own {_K}",
        value=same / queries,
        unit="of queries",
        n=queries,
        target=0.999,
        detail=f"95% interval from {low:.4f}; 20% of lists allowed",
    )
