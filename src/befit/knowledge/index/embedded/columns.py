"""What each row is, column by column, so that a filter is a few passes over arrays.

A row is a passage's number in its generation, given once and never again. Collections and
metadata are codes: the lines of `names`, each a `[key, value]`; a collection's key is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from befit.knowledge.index.embedded.growing import content, mapped
from befit.knowledge.index.embedded.marker import Marker
from befit.knowledge.index.passage import PassageRef
from befit.knowledge.index.reach import Reach
from befit.knowledge.index.search_index import IndexDamaged, Rows

Mask = NDArray[np.bool_]

COLUMNS = ("acl", "collection", "dated", "tag_rows", "tag_codes", "gone", "names", "refs", "ends")
"""The growing files behind `Columns`."""

_UNDATED = np.iinfo(np.int64).min
_LARGEST_TABLE = 2**24  # access lists above this number are looked up by search, not by table

_encode = msgspec.json.Encoder().encode
_decode_names = msgspec.json.Decoder(tuple[str, str]).decode_lines
_decode_ref = msgspec.json.Decoder(PassageRef).decode


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Columns:
    """The columns of one commit."""

    acl: NDArray[np.int32]
    collection: NDArray[np.int32]
    dated: NDArray[np.int64]
    tag_rows: NDArray[np.int32]
    tag_codes: NDArray[np.int32]
    codes: dict[tuple[str, str], int]
    refs: NDArray[np.uint8]
    ends: NDArray[np.int64]
    is_live: Mask

    @classmethod
    def read(cls, folder: Path, marker: Marker) -> Columns:
        """Map the columns of the commit that `marker` describes.

        Raises:
            IndexDamaged: a file is missing, too short or unreadable.
        """
        small, wide = np.dtype(np.int32), np.dtype(np.int64)

        def column(name: str, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
            return mapped(folder / name, marker.extent(name), dtype)

        is_live = np.ones(marker.rows, np.bool_)
        try:
            names = _decode_names(content(folder / "names", marker.extent("names")))
            is_live[column("gone", wide).view(np.int64)] = False
        except (msgspec.MsgspecError, UnicodeDecodeError, IndexError) as error:
            raise IndexDamaged(f"its columns are unreadable: {error}") from None
        columns = cls(
            acl=column("acl", small).view(np.int32),
            collection=column("collection", small).view(np.int32),
            dated=column("dated", wide).view(np.int64),
            tag_rows=column("tag_rows", small).view(np.int32),
            tag_codes=column("tag_codes", small).view(np.int32),
            codes={name: code for code, name in enumerate(names)},
            refs=column("refs", np.dtype(np.uint8)).view(np.uint8),
            ends=column("ends", wide).view(np.int64),
            is_live=is_live,
        )
        if len(columns.acl) != marker.rows or len(columns.ends) != marker.rows:
            raise IndexDamaged(f"its columns do not hold {marker.rows} rows")
        return columns

    def within(self, reach: Reach) -> Mask:
        """Which rows a search may find: live, allowed, and passing every filter."""
        if reach.is_empty:
            return np.zeros(len(self.acl), np.bool_)
        passing = _is_one_of(self.acl, reach.acl_ids)
        passing &= self.is_live
        passing &= _is_one_of(self.collection, self._codes("", reach.collections))
        for key, values in reach.metadata.items():
            tagged = np.zeros(len(self.acl), np.bool_)
            tagged[self.tag_rows[_is_one_of(self.tag_codes, self._codes(key, values))]] = True
            passing &= tagged
        if reach.since_s is not None or reach.until_s is not None:
            passing &= self.dated != _UNDATED
        if reach.since_s is not None:
            passing &= self.dated >= reach.since_s
        if reach.until_s is not None:
            passing &= self.dated <= reach.until_s
        return passing

    def refs_of(self, rows: Rows) -> tuple[PassageRef, ...]:
        """The passages that `rows` are.

        Raises:
            IndexDamaged: what is kept of one is unreadable.
        """
        return tuple(self._ref(row) for row in rows.tolist())

    def _ref(self, row: int) -> PassageRef:
        start = int(self.ends[row - 1]) if row else 0
        try:
            return _decode_ref(self.refs[start : int(self.ends[row])].tobytes())
        except (msgspec.MsgspecError, ValueError) as error:
            raise IndexDamaged(f"row {row} is unreadable: {error}") from None

    def _codes(self, key: str, values: Iterable[str]) -> list[int]:
        known = (self.codes.get((key, value)) for value in values)
        return [code for code in known if code is not None]


class ColumnBatch:
    """The bytes that one batch of passages adds to each column."""

    def __init__(self, codes: dict[tuple[str, str], int]) -> None:
        """`codes` are those given so far; what the batch adds is added to them."""
        self._codes = codes

    def encoded(self, refs: Sequence[PassageRef], *, first_row: int, end: int) -> dict[str, bytes]:
        """What to append to each file; `end` is the size of `refs` so far."""
        known = len(self._codes)
        collections = [self._code("", ref.collection) for ref in refs]
        tags = [
            (first_row + place, self._code(key, value))
            for place, ref in enumerate(refs)
            for key, value in ref.metadata.items()
        ]
        kept = [_encode(ref) for ref in refs]
        sizes = np.array([len(each) for each in kept], np.int64)
        dates = [_UNDATED if ref.dated_s is None else ref.dated_s for ref in refs]
        return {
            "acl": np.array([ref.acl_id for ref in refs], np.int32).tobytes(),
            "collection": np.array(collections, np.int32).tobytes(),
            "dated": np.array(dates, np.int64).tobytes(),
            "tag_rows": np.array([row for row, _ in tags], np.int32).tobytes(),
            "tag_codes": np.array([code for _, code in tags], np.int32).tobytes(),
            "names": b"".join(_encode(name) + b"\n" for name in list(self._codes)[known:]),
            "refs": b"".join(kept),
            "ends": (np.cumsum(sizes) + end).tobytes(),
        }

    def _code(self, key: str, value: str) -> int:
        return self._codes.setdefault((key, value), len(self._codes))


def _is_one_of(column: NDArray[np.int32], wanted: Iterable[int]) -> Mask:
    values = np.fromiter(wanted, np.int64)
    if not len(values) or not len(column):
        return np.zeros(len(column), np.bool_)
    largest = int(column.max())
    if largest >= _LARGEST_TABLE:
        return np.isin(column, values)
    table = np.zeros(largest + 1, np.bool_)
    table[values[(values >= 0) & (values <= largest)]] = True
    return table[column]
