"""CSV and TSV: a row a line."""

from __future__ import annotations

import csv
import io

from befit.knowledge.parsing.builder import TextBuilder
from befit.knowledge.parsing.kinds import FileKind
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.parsed import Parsed
from befit.knowledge.parsing.unreadable import Unreadable

_SNIFFED = 16_384
_DELIMITERS = ",;\t|"
_MOST_CELL_CHARS = 1_000_000


def read_delimited(text: str, kind: FileKind, limits: ParseLimits) -> Parsed:
    """The rows of a table; what separates its cells is found out.

    Raises:
        Unreadable: a cell that does not end.
    """
    builder = TextBuilder(limits)
    delimiter = "\t" if kind is FileKind.TSV else _delimiter(text[:_SNIFFED])
    csv.field_size_limit(_MOST_CELL_CHARS)
    try:
        builder.table(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise Unreadable(
            f"it is no table: a cell longer than {_MOST_CELL_CHARS:,} characters, such as behind "
            "a quote that is not closed"
        ) from error
    return builder.built(kind)


def _delimiter(sample: str) -> str:
    """What splits the first lines into the same number of cells, the most."""
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        try:
            widths = [len(row) for _, row in zip(range(40), rows, strict=False) if row]
        except csv.Error:
            continue
        widths = widths[:-1] or widths  # the sample may end within the last
        usual = max(set(widths), key=widths.count, default=1)
        score = (usual - 1) * widths.count(usual) / max(len(widths), 1)
        if score > best_score:
            best, best_score = delimiter, score
    return best
