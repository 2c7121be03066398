"""`ExportFiles`: what an export writes, whole in its place or not there at all.

    with ExportFiles.at(out) as files:
        files.write(lines)                 # aside, for the owner only
        files.publish(manifest)            # into place, under the name that was asked for

`out` is a folder that is made, or a file whose name ends in `.jsonl` and whose manifest
lies beside it. Nothing that is there already is ever replaced.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from befit.errors import Conflict, WorkspaceError

LINES = "decisions.jsonl"
MANIFEST = "manifest.json"

_SUFFIX = ".jsonl"


class ExportFiles:
    """The files of one export while they are written. Blocking: use it in a thread.

    Attributes:
        lines: the path that the lines will have.
        bytes: how many were written so far.
    """

    def __init__(self, out: Path, folder: Path) -> None:
        is_file = out.suffix == _SUFFIX
        self.lines = out if is_file else out / LINES
        self.manifest = out.with_name(f"{out.name}.{MANIFEST}") if is_file else out / MANIFEST
        self.bytes = 0
        self._out = out
        self._is_file = is_file
        self._folder = folder
        self._digest = hashlib.sha256()
        self._file = _created(folder / LINES)

    @classmethod
    def at(cls, out: Path) -> ExportFiles:
        """Files that will lie at `out`.

        Raises:
            Conflict: something is there already.
            WorkspaceError: its folder is not there, or cannot be written.
        """
        beside = out.with_name(f"{out.name}.{MANIFEST}")
        for taken in (out, *((beside,) if out.suffix == _SUFFIX else ())):
            if taken.exists() or taken.is_symlink():
                raise Conflict(f"{taken} is there already", next_step="name another place")
        try:
            folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))  # mode 0700
            return cls(out, folder)
        except OSError as error:
            raise WorkspaceError(
                f"{out} cannot be written: {error.strerror}",
                next_step="name a folder that is there and yours",
            ) from None

    @property
    def sha256(self) -> str:
        """Of the lines written so far, in hex."""
        return self._digest.hexdigest()

    def write(self, lines: Iterable[bytes]) -> None:
        """Add lines, without their newlines.

        Raises:
            OSError: the disk refuses.
        """
        for line in lines:
            ended = line + b"\n"
            self._file.write(ended)
            self._digest.update(ended)
            self.bytes += len(ended)

    def publish(self, manifest: bytes) -> None:
        """Make everything durable and put it into its place.

        Raises:
            OSError: nothing is there then.
            Conflict: something has been put there meanwhile.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        with _created(self._folder / MANIFEST) as file:
            file.write(manifest)
            file.flush()
            os.fsync(file.fileno())
        try:
            if self._is_file:
                # Links fail where the name is taken; the lines come last and tell the end.
                self.manifest.hardlink_to(self._folder / MANIFEST)
                self.lines.hardlink_to(self._folder / LINES)
            else:
                self._folder.rename(self._out)  # fails where a file or a full folder is
        except FileExistsError:
            raise Conflict(
                f"{self._out} is there already", next_step="name another place"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)  # gone already where it was renamed


def _created(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
