"""Files that only grow, and how much of each one commit vouches for.

Nothing is ever overwritten, so a commit is a set of lengths: what lies past them belongs to
a commit that never happened and is cut off by the next writer.
"""

from __future__ import annotations

import os
import weakref
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from befit.knowledge.index.embedded.layout import FILE_MODE
from befit.knowledge.index.search_index import IndexDamaged

_CHECKED_AT_ONCE = 4 * 1024 * 1024


class Extent(msgspec.Struct, frozen=True):
    """The vouched-for beginning of a file: its length and the CRC-32 of those bytes."""

    size: int = 0
    crc: int = 0


class GrowingFile:
    """A file being appended to by the one writer."""

    def __init__(self, path: Path, extent: Extent) -> None:
        """Open `path` and cut off what lies past `extent`.

        Raises:
            IndexDamaged: the file is shorter than that.
        """
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        size = os.fstat(self._descriptor).st_size
        if size < extent.size:
            os.close(self._descriptor)
            raise IndexDamaged(f"{path.name} holds {size} of {extent.size} bytes")
        os.ftruncate(self._descriptor, extent.size)
        os.lseek(self._descriptor, extent.size, os.SEEK_SET)
        self.extent = extent

    def append(self, content: bytes) -> None:
        """Write at the end; durable only after `sync`."""
        view = memoryview(content)
        while view:
            view = view[os.write(self._descriptor, view) :]
        grown = self.extent.size + len(content)
        self.extent = Extent(grown, zlib.crc32(content, self.extent.crc))

    def sync(self) -> None:
        """Make what was appended durable."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)


def mapped(path: Path, extent: Extent, dtype: DTypeLike) -> NDArray[Any]:  # of `dtype`
    """The vouched-for part of a file as a read-only array over its pages.

    Raises:
        IndexDamaged: the file is missing or shorter than that.
    """
    count = extent.size // np.dtype(dtype).itemsize
    if count == 0:
        return np.empty(0, dtype)
    try:
        # As a plain array: every slice of a `memmap` costs microseconds of Python.
        return np.memmap(path, dtype=dtype, mode="r", shape=(count,)).view(np.ndarray)
    except (OSError, ValueError) as error:
        raise IndexDamaged(f"{path.name}: {error}") from None


class ReadRows:
    """Rows of a large file, read one by one where they lie.

    A map would do the same, but what a random access touches through it counts as the
    process's memory, page after page, until that is the whole file.
    """

    def __init__(self, path: Path, extent: Extent, *, dimensions: int) -> None:
        """Open the vouched-for part of a file of float32 rows.

        Raises:
            IndexDamaged: the file is missing or shorter than that.
        """
        self._bytes_a_row = dimensions * np.dtype(np.float32).itemsize
        self.shape = (extent.size // self._bytes_a_row, dimensions)
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise IndexDamaged(f"{path.name}: {error.strerror}") from None
        # A snapshot is dropped by whoever searched it last; nobody is there to close it.
        weakref.finalize(self, os.close, self._descriptor)
        if os.fstat(self._descriptor).st_size < extent.size:
            raise IndexDamaged(f"{path.name} is shorter than {extent.size} bytes")

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows numbered `rows`, in their order.

        Raises:
            IndexDamaged: one cannot be read.
        """
        size, descriptor = self._bytes_a_row, self._descriptor
        try:
            parts = [os.pread(descriptor, size, row * size) for row in rows.tolist()]
            found = np.frombuffer(b"".join(parts), np.float32)
            return found.reshape(len(rows), self.shape[1])
        except (OSError, ValueError) as error:
            raise IndexDamaged(f"vectors cannot be read: {error}") from None


def content(path: Path, extent: Extent) -> bytes:
    """The vouched-for part of a small file.

    Raises:
        IndexDamaged: the file is missing or shorter than that.
    """
    return mapped(path, extent, np.uint8).tobytes()


def is_sound(path: Path, extent: Extent) -> bool:
    """Whether the file is there and still begins with the bytes that were written."""
    left, crc = extent.size, 0
    try:
        file = path.open("rb")
    except OSError:
        return False
    with file:
        while left and (chunk := file.read(min(left, _CHECKED_AT_ONCE))):
            crc = zlib.crc32(chunk, crc)
            left -= len(chunk)
    return left == 0 and crc == extent.crc
