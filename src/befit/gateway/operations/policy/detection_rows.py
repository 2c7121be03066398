"""The rows of `befit detect`: read from a file or standard input, and told with what they hold.

A file named `.jsonl` or `.ndjson` (also with `.gz`) is a row a line: `{"id"?, "text"}` or a case
with its `input`. Any other file is one row, whole: a private key is longer than a line.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from befit.errors import InvalidRequest
from befit.gateway.operations.operation import OpDocument
from befit.policy.detection import Examination, default_examiner

_MOST_BYTES = 256_000_000
_LINES = frozenset({".jsonl", ".ndjson"})
_SHAPES = 'a line is {"text": ..} or {"input": ..}, with an "id" or without'


class FoundSpan(OpDocument, frozen=True, kw_only=True):
    """One finding (contract): characters of the row's text."""

    start: int
    end: int
    type: str
    score: float


class DetectResult(OpDocument, frozen=True, kw_only=True):
    """One row (contract): the least class that its text asks for by itself."""

    id: str
    data_class: str
    tags: tuple[str, ...]
    spans: tuple[FoundSpan, ...]


class DetectDocument(OpDocument, frozen=True, kw_only=True):
    """What `detect --json` prints (contract).

    Attributes:
        decision_id: null where there is no workspace to record anything in.
        failed: rows that could not be examined, with the reason; they are of the strictest class.
        detectors: what examined the rows.
    """

    results: tuple[DetectResult, ...]
    decision_id: str | None
    detectors: tuple[str, ...]
    failed: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One text to examine."""

    id: str
    text: str


class _Line(msgspec.Struct, frozen=True):
    id: str | int | None = None
    text: str | None = None
    input: str | dict[str, object] | None = None


_decode_line = msgspec.json.Decoder(_Line).decode


def read_rows(path: Path) -> tuple[Row, ...]:
    """The rows of a file; blocking.

    Raises:
        InvalidRequest: with file and line, for what cannot be read.
    """
    suffixes = path.suffixes[:-1] if path.suffix == ".gz" else path.suffixes
    text = _text(str(path), _bytes(path))
    if suffixes and suffixes[-1].lower() in _LINES:
        return tuple(_rows(str(path), text))
    return (Row(id="1", text=text),)


def rows_of(text: str) -> tuple[Row, ...]:
    """The rows of standard input: JSON Lines where it begins with an object, else one row.

    Raises:
        InvalidRequest: naming the line that is no row.
    """
    if text.lstrip().startswith("{"):
        return tuple(_rows("standard input", text))
    return (Row(id="1", text=text),)


def results(rows: Sequence[Row], examination: Examination) -> tuple[DetectResult, ...]:
    """What was found, row by row."""
    return tuple(_result(row, index, examination) for index, row in enumerate(rows))


def detect_at_hand(file: Path | None, content: str) -> DetectDocument:
    """Detect where there is no workspace: the packaged table decides, nothing is recorded.

    Args:
        content: what came on standard input, where no file is given.

    Raises:
        InvalidRequest: the rows cannot be read.
    """
    rows = rows_of(content) if file is None else read_rows(file)
    examiner = default_examiner()
    found = [examiner.examine([row.text]) for row in rows]
    pairs = list(zip(rows, found, strict=True))
    return DetectDocument(
        results=tuple(result for row, each in pairs for result in results((row,), each)),
        decision_id=None,
        detectors=found[0].detectors,
        failed={row.id: each.failed for row, each in pairs if each.failed is not None},
    )


def _result(row: Row, index: int, examination: Examination) -> DetectResult:
    if examination.failed is not None and examination.data_class is not None:
        strictest = examination.data_class.word
        return DetectResult(id=row.id, data_class=strictest, tags=(), spans=())
    joined = examination.consequence_of(index)
    return DetectResult(
        id=row.id,
        data_class=joined.data_class.word,
        tags=tuple(sorted(tag.value for tag in joined.tags)),
        spans=tuple(
            FoundSpan(start=span.start, end=span.end, type=span.type, score=span.score)
            for span in examination.spans[index]
        ),
    )


def _bytes(path: Path) -> bytes:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidRequest(
            f"{path} is not a whole gzip file: {error}", next_step="pack or copy it again"
        ) from None
    except OSError as error:
        raise InvalidRequest(
            f"cannot read {path}: {error.strerror}", next_step="check the file's path and owner"
        ) from None
    if len(content) > _MOST_BYTES:
        raise InvalidRequest(f"{path} exceeds {_MOST_BYTES} bytes", next_step="split it")
    return content


def _text(place: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # The error would quote what was read.
        raise InvalidRequest(
            f"{place} is not UTF-8 text", next_step="convert it, or take its text out"
        ) from None


def _rows(place: str, text: str) -> Iterator[Row]:
    count = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        count += 1
        try:
            row = _decode_line(line)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"{place}:{number}: {error}", next_step=_SHAPES) from None
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise InvalidRequest(f"{place}:{number}: not JSON", next_step=_SHAPES) from None
        content = row.input if row.text is None else row.text
        if content is None:
            raise InvalidRequest(
                f"{place}:{number}: neither `text` nor `input` is given", next_step=_SHAPES
            )
        written = content if isinstance(content, str) else msgspec.json.encode(content).decode()
        yield Row(id=str(count) if row.id is None else str(row.id), text=written)
    if count == 0:
        raise InvalidRequest(f"{place} holds no rows", next_step=_SHAPES)
