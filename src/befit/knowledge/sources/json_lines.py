"""`JsonLines`: a file with a document a line, `.jsonl` or `.jsonl.gz`.

The file is read line by line and never whole; of each row only a mark of its `doc_id` stays.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote

from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.json_row import JsonRow, read_row
from befit.knowledge.sources.naming import shown
from befit.knowledge.sources.options import GIB, SourceOptions
from befit.knowledge.sources.source import Fetched, Item, Skipped
from befit.knowledge.sources.statements import StatementFault

MOST_LINE_BYTES = 16 * 1024 * 1024
_BROKEN = (EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    number: int
    offset: int
    content: bytes | None  # None where it is too long


@dataclass(frozen=True, kw_only=True, slots=True)
class _RowItem(Item):
    """An item that knows its place in the file, so that nothing else need remember it."""

    offset: int
    length: int


class JsonLines:
    """The rows of one file."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        """Take an absolute path without links in it."""
        self._path = path
        self._most_line_bytes = min(options.most_bytes, MOST_LINE_BYTES)
        self._uri = path.as_uri()
        self._name = f"file:{path}"
        self._reader: IO[bytes] | None = None  # goes along with the fetches, which come in order
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Such as `file:/srv/handbook.jsonl`."""
        return self._name

    def items(self) -> Iterator[Item | Skipped]:
        """Its rows in their order; a row that is none is skipped, by its line and the reason."""
        self.close()
        try:
            with closing(self._lines()) as lines:
                yield from self._rows(lines)
        finally:
            self.close()

    def _rows(self, lines: Iterator[_Line]) -> Iterator[Item | Skipped]:
        seen: set[bytes] = set()
        for line in lines:
            if line.content is None:
                reason = f"a line of more than {self._most_line_bytes:,} bytes"
                yield self._skipped(line, reason)
                continue
            if not line.content.strip():
                continue
            try:
                row = read_row(line.content)
            except StatementFault as fault:
                # Nor may a later row stand in for it: it might let more people in.
                if fault.doc_id is not None:
                    seen.add(_mark(fault.doc_id))
                yield self._skipped(line, str(fault))
                continue
            mark = _mark(row.doc_id)
            if mark in seen:
                yield self._skipped(line, f"doc_id '{shown(row.doc_id)}' stands above already")
                continue
            seen.add(mark)
            yield self._item(row, line.offset, line.content)

    def fetch(self, item: Item) -> Fetched:
        """The row's text, read again at its place."""
        if not isinstance(item, _RowItem):
            raise SourceFailed(f"{shown(item.doc_id)} is no row of {shown(self.name)}", retry=False)
        content = self._content(item.offset, item.length)
        if _token(content) != item.change_token:
            raise SourceFailed(f"{shown(self.name)} changed while it was read", retry=True)
        row = read_row(content)
        return Fetched(name="document.txt", text=row.text, media_type="text/plain")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
            self._reader = None

    def _skipped(self, line: _Line, reason: str) -> Skipped:
        return Skipped(what=f"{shown(self._path.name)}, line {line.number}", reason=reason)

    def _item(self, row: JsonRow, offset: int, content: bytes) -> Item:
        return _RowItem(
            doc_id=row.doc_id,
            uri=f"{self._uri}#{quote(row.doc_id)}",
            path=row.doc_id,
            change_token=_token(content),
            size_bytes=len(content),
            title=row.title,
            acl=row.acl,
            is_acl_unknown=row.is_acl_unknown,
            data_class=row.data_class,
            metadata=row.metadata,
            dated_s=row.dated_s,
            offset=offset,
            length=len(content),
        )

    def _lines(self) -> Generator[_Line]:
        number, offset = 0, 0
        try:
            with self._opened() as file:
                while content := file.readline(self._most_line_bytes + 1):
                    number += 1
                    length = len(content)
                    if length <= self._most_line_bytes:
                        yield _Line(number=number, offset=offset, content=content)
                    else:
                        length += self._passed_over(file, content)
                        yield _Line(number=number, offset=offset, content=None)
                    offset += length
        except (*_BROKEN, OSError) as error:
            raise self._failed(error) from None

    def _passed_over(self, file: IO[bytes], begun: bytes) -> int:
        """How many bytes the rest of a line too long has."""
        passed = 0
        while not begun.endswith(b"\n") and (begun := file.readline(self._most_line_bytes)):
            passed += len(begun)
            if passed > GIB:
                # Packed, endless zeros cost their writer nothing.
                raise SourceFailed(
                    f"{shown(self.name)} holds a line of more than {GIB:,} bytes", retry=False
                )
        return passed

    def _content(self, offset: int, length: int) -> bytes:
        with self._lock:
            try:
                if self._reader is None:
                    self._reader = self._opened()
                self._reader.seek(offset)
                return self._reader.read(length)
            except (*_BROKEN, OSError) as error:
                raise self._failed(error) from None

    def _opened(self) -> IO[bytes]:
        if self._path.suffix.lower() == ".gz":
            return cast("IO[bytes]", gzip.open(self._path, "rb"))
        return self._path.open("rb")

    def _failed(self, error: Exception) -> SourceFailed:
        if isinstance(error, _BROKEN):
            return SourceFailed(
                f"{shown(self.name)} is not a whole gzip file",
                retry=False,
                next_step="pack or copy it again",
            )
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        return SourceFailed(
            f"{shown(self.name)} cannot be read: {why}",
            retry=True,
            next_step="check the file's path and owner",
        )


def _mark(doc_id: str) -> bytes:
    return hashlib.blake2b(doc_id.encode(), digest_size=12).digest()


def _token(content: bytes) -> str:
    return hashlib.sha256(content.strip()).hexdigest()
