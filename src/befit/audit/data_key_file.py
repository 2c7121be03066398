"""`KeyFile`: one month's data keys of a tenant, in records that are overwritten in place.

    header   16 bytes magic | 8 bytes mark of the tenant's key | zeros
    record   state | class | 10 bytes id | 16 bytes pseudonym | 12 bytes nonce | 48 bytes key

Each is 128 bytes, so none straddles a sector of a disk: overwriting one happens or does
not. Records are appended under a lock and never move. A destroyed one keeps its id and
nothing else. An end that a crash tore is no record, and no box was ever sealed under it.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from befit.audit.durable import sync_folder
from befit.errors import WorkspaceError

ID_BYTES = 10
NONCE_BYTES = 12
PSEUDONYM_BYTES = 16

_SIZE = 128
_MAGIC = b"befit data keys\n"
_HEADER = struct.Struct(f">16s8s{_SIZE - 24}x")
_RECORD = struct.Struct(f">BB{ID_BYTES}s{PSEUDONYM_BYTES}s{NONCE_BYTES}s48s{_SIZE - 88}x")
_LIVE, _DESTROYED = 1, 2
_BATCH = 8_192 * _SIZE


class KeyRecord(NamedTuple):
    """One data key as it lies in the file: wrapped, or destroyed and empty."""

    class_code: int
    id: bytes
    pseudonym: bytes
    nonce: bytes
    wrapped: bytes
    is_destroyed: bool = False


class KeyFile:
    """One file of data keys. Several processes may read and append at once.

    Args:
        path: the file; it is made by the first append.
        mark: 8 bytes that tell the tenant's key which wraps the records.
    """

    def __init__(self, path: Path, *, mark: bytes) -> None:
        self._path = path
        self._mark = mark

    @property
    def path(self) -> Path:
        """Where the file lies, or will."""
        return self._path

    def read(self, start: int) -> Iterator[tuple[int, KeyRecord]]:
        """The records from number `start` on, each with its number; none without a file.

        It is locked for one batch at a time only, so that however long the caller takes,
        nobody who appends waits for it. What is appended meanwhile may be among them.

        Raises:
            WorkspaceError: the file is not one of data keys, or of another tenant's key.
            OSError: it cannot be read.
        """
        number, is_end = start, False
        while not is_end:
            with self.reading() as reader:
                batch = b"" if reader is None else reader.batch(number)
            yield from _unpacked(batch, number)
            number += len(batch) // _SIZE
            is_end = len(batch) < _BATCH

    @contextmanager
    def reading(self) -> Generator[KeyReader | None]:
        """The file locked against writers, for a short while; None where there is no file.

        Raises:
            WorkspaceError, OSError: as `read`.
        """
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            self._require_header(descriptor)
            yield KeyReader(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def writing(self) -> Generator[KeyWriter]:
        """The file locked against every other process, made where there is none.

        Raises:
            WorkspaceError: as `read`.
            OSError: it cannot be written.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_size < 2 * _SIZE:
                self._begin(descriptor)  # also where a crash came before the first record
            self._require_header(descriptor)
            yield KeyWriter(descriptor)
        finally:
            os.close(descriptor)

    def _begin(self, descriptor: int) -> None:
        os.ftruncate(descriptor, 0)
        _write(descriptor, _HEADER.pack(_MAGIC, self._mark), 0)
        os.fsync(descriptor)
        # The tenant's folder and the one of all tenants may be as new as the file, and made
        # by a process that has not synced their names yet.
        for folder in self._path.parents[:3]:
            sync_folder(folder)

    def _require_header(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_size < 2 * _SIZE:
            return  # it holds no record yet, and its next writer begins it anew
        magic, mark = _HEADER.unpack(os.pread(descriptor, _SIZE, 0))
        if magic != _MAGIC:
            raise self._broken("it holds no data keys")
        if mark != self._mark:
            raise self._broken("its keys are wrapped under another tenant key than the one here")

    def _broken(self, detail: str) -> WorkspaceError:
        return WorkspaceError(
            f"the file of data keys {self._path} is broken: {detail}",
            next_step="restore the folder .befit/keys from its backup",
        )


class KeyReader:
    """A file of data keys, as nobody can change it now; `KeyFile.reading` makes one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, start: int) -> Iterator[tuple[int, KeyRecord]]:
        """The records from number `start` on, each with its number."""
        number, is_end = start, False
        while not is_end:
            batch = self.batch(number)
            yield from _unpacked(batch, number)
            number += len(batch) // _SIZE
            is_end = len(batch) < _BATCH

    def at(self, number: int) -> KeyRecord | None:
        """The record of a number; None where there is none."""
        packed = os.pread(self._descriptor, _SIZE, _SIZE * (number + 1))
        return next((record for _, record in _unpacked(packed, number)), None)

    def batch(self, number: int) -> bytes:
        """Some packed records from a number on; a short batch is the last."""
        return os.pread(self._descriptor, _BATCH, _SIZE * (number + 1))


class KeyWriter(KeyReader):
    """A file of data keys locked for this writer alone; `KeyFile.writing` makes one."""

    def append(self, records: Sequence[KeyRecord]) -> int:
        """Append durably; the number of the first record.

        Raises:
            OSError: none of them is there.
        """
        size = os.fstat(self._descriptor).st_size
        end = size - size % _SIZE
        packed = b"".join(_RECORD.pack(_LIVE, *each[:5]) for each in records)
        try:
            _write(self._descriptor, packed, end)
            os.fsync(self._descriptor)
        except OSError:
            # After a failed sync nobody knows what the disk holds: these keys must never be
            # found here, neither by this process nor by another.
            os.ftruncate(self._descriptor, end)
            raise
        return end // _SIZE - 1

    def destroy(self, records: Iterable[tuple[int, KeyRecord]]) -> None:
        """Overwrite records where they lie, durably; each keeps its id alone."""
        for number, record in records:
            empty = _RECORD.pack(_DESTROYED, 0, record.id, b"", b"", b"")
            _write(self._descriptor, empty, _SIZE * (number + 1))
        os.fsync(self._descriptor)


def _unpacked(batch: bytes, number: int) -> Iterator[tuple[int, KeyRecord]]:
    whole = len(batch) - len(batch) % _SIZE
    for at, fields in enumerate(_RECORD.iter_unpack(memoryview(batch)[:whole]), number):
        state, class_code, key_id, pseudonym, nonce, wrapped = fields
        if state in (_LIVE, _DESTROYED):
            is_destroyed = state == _DESTROYED
            yield at, KeyRecord(class_code, key_id, pseudonym, nonce, wrapped, is_destroyed)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
