"""Where the ledger lies inside `.befit/`, and the one writer each log has.

`LogFiles` owns the two files of a log: `sealed/<n>.log` with the fields, `ledger/<n>.log`
with the leaves that commit to them. Sealed bytes are durable before their leaves, so a
crash leaves at most one group that nobody was promised, at the very end.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from befit.audit.durable import sync_folder
from befit.errors import WorkspaceError, WorkspaceLocked

_sync = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerPaths:
    """The files of the ledger under one `.befit/` folder."""

    befit: Path

    @property
    def ledger(self) -> Path:
        """The folder whose every byte is verified."""
        return self.befit / "ledger"

    @property
    def heads(self) -> Path:
        """The checkpoint of checkpoints."""
        return self.ledger / "checkpoint"

    @property
    def keys(self) -> Path:
        """The chain of keys, once the signing key was rotated."""
        return self.ledger / "keys"

    def leaves(self, log: str) -> Path:
        """A log's leaves and closing lines."""
        return self.ledger / f"{log}.log"

    def checkpoint(self, log: str) -> Path:
        """A log's latest checkpoint."""
        return self.ledger / f"{log}.checkpoint"

    def sealed(self, log: str) -> Path:
        """A log's sealed fields."""
        return self.befit / "sealed" / f"{log}.log"

    def logs(self) -> tuple[str, ...]:
        """The names of the logs there are, in order of their numbers."""
        names = [path.stem for path in self.ledger.glob("*.log") if is_log_name(path.stem)]
        return tuple(sorted(names, key=int))


def is_log_name(name: str) -> bool:
    """Whether a name is a log's number in its only spelling."""
    return name.isascii() and name.isdecimal() and str(int(name)) == name


class LogFiles:
    """The open files of one log, locked against a second writer."""

    def __init__(self, paths: LedgerPaths, log: str) -> None:
        leaf_path, sealed_path = paths.leaves(log), paths.sealed(log)
        try:
            for folder in (leaf_path.parent, sealed_path.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._leaves = _open(leaf_path)
        except OSError as error:
            raise _unusable(leaf_path, error) from None
        try:
            fcntl.flock(self._leaves, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sealed = _open(sealed_path)
        except BlockingIOError:
            os.close(self._leaves)
            raise WorkspaceLocked(
                f"another process is writing {leaf_path}",
                next_step="stop it, or ask the running server instead",
            ) from None
        except OSError as error:
            os.close(self._leaves)
            raise _unusable(sealed_path, error) from None
        for folder in (leaf_path.parent, sealed_path.parent):
            sync_folder(folder)
        self.leaf_end = os.fstat(self._leaves).st_size
        self.sealed_end = os.fstat(self._sealed).st_size

    def write_group(self, sealed: bytes, leaves: bytes) -> None:
        """Make a group durable: its sealed part first, then its leaves.

        Raises:
            OSError: nothing of it may be relied on; `cut_back` removes what was written.
        """
        _write(self._sealed, sealed, self.sealed_end)
        _sync(self._sealed)
        _write(self._leaves, leaves, self.leaf_end)
        _sync(self._leaves)
        self.sealed_end += len(sealed)
        self.leaf_end += len(leaves)

    def move_ends(self, *, leaf_end: int, sealed_end: int) -> None:
        """Write the next group here instead of at the files' ends."""
        self.leaf_end, self.sealed_end = leaf_end, sealed_end

    def cut_back(self) -> None:
        """Cut both files to the last durable group.

        Raises:
            OSError: the files may still hold bytes that no receipt was given for.
        """
        os.ftruncate(self._leaves, self.leaf_end)
        os.ftruncate(self._sealed, self.sealed_end)
        _sync(self._leaves)
        _sync(self._sealed)

    def forget_cached(self) -> None:
        """Ask the system to read what lies on the disk, not what it remembers of it."""
        if hasattr(os, "posix_fadvise"):
            for descriptor in (self._leaves, self._sealed):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """Close both files and release the lock."""
        os.close(self._sealed)
        os.close(self._leaves)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        # A full disk may take a part before it refuses the rest.
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _unusable(path: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"{path} cannot be opened for writing: {error.strerror}",
        next_step="check the disk, and that you own the workspace",
    )
