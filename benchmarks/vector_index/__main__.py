"""The embedded index at 100,000 and 1,000,000 passages under access lists.

    python -m benchmarks.vector_index [--quick | --library] [--json]

Texts and vectors are made up: words by Zipf's law, vectors drawn around 2,000 centres. Each
size runs in a process of its own, so that its memory is its own. A search is the whole of
`Retriever.search` (both legs, fusion, names of the hits) without embedding the question.
`--library` searches 100,000 as readers do, by `Library.search`, beside the retriever alone:
rights resolved, each hit checked again, texts opened.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.vector_index.library import through_library
from benchmarks.vector_index.measuring import Row, searched, written


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="100,000 passages only")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--library", action="store_true", help="the library's share instead")
    options = parser.parse_args()
    quick: bool = options.quick
    as_json: bool = options.json
    library: bool = options.library
    if library:
        with tempfile.TemporaryDirectory() as folder:
            return _told(through_library(folder, 100_000), as_json=as_json)
    sizes = (100_000,) if quick else (100_000, 1_000_000)
    rows: list[Row] = []
    spawned = multiprocessing.get_context("spawn")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            # Written by one process and read by another: reading's memory is its own.
            with spawned.Pool(1) as pool:
                rows += pool.apply(written, (folder, size))
            with spawned.Pool(1) as pool:
                rows += pool.apply(searched, (folder, size))
    return _told(rows, as_json=as_json)


def _told(rows: list[Row], *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(msgspec.json.encode({"rows": rows}).decode() + "\n")
    else:
        _print(rows)
    return 0


def _print(rows: list[Row]) -> None:
    table = Table(box=None, header_style="bold")
    for heading in ("passages", "figure", "value", "unit", "n", "target", "detail"):
        table.add_column(heading)
    for row in rows:
        value = f"{row.value:.3f}" if row.value <= 1 else f"{row.value:,.1f}"
        target = "-" if row.target is None else f"{row.target:g}"
        cells = (f"{row.passages:,}", row.figure, value, row.unit, f"{row.n:,}", target)
        table.add_row(*cells, row.detail)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    sys.exit(main())
