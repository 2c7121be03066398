"""`read_lines`: the lines of a JSON Lines file, gzipped or not, one at a time."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from befit.errors import InvalidRequest

_MOST_LINE_BYTES = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank, with its number from 1.

    Raises:
        InvalidRequest: the file cannot be read, or a line is longer than any row should be.
    """
    try:
        with _opened(path) as file:
            number = 0
            while line := file.readline(_MOST_LINE_BYTES + 1):
                number += 1
                if len(line) > _MOST_LINE_BYTES:
                    raise InvalidRequest(f"{path}: a line exceeds {_MOST_LINE_BYTES} bytes")
                if line.strip():
                    yield number, line.strip().removeprefix(_BYTE_ORDER_MARK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidRequest(
            f"{path} is not a whole gzip file: {error}", next_step="pack or copy it again"
        ) from None
    except OSError as error:
        raise InvalidRequest(
            f"cannot read {path}: {error.strerror}", next_step="check the file's path and owner"
        ) from None


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")
