"""Where an index's files lie, who may read them, and which generation is live.

    <index>/lock            held by the writer
    <index>/live            the live generation's number
    <index>/3/              a generation: append-only files, and `words/` by tantivy

A generation is begun by a rebuild and never shared; switching is one atomic rename.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

from befit.errors import Conflict, WorkspaceError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_COMMITS_A_GENERATION = 2**32


class Layout:
    """The paths of one tenant's index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live_file = folder / "live"

    def live(self) -> int | None:
        """The number of the generation to read; None before the first commit.

        Raises:
            WorkspaceError: the file holds no number.
        """
        try:
            return int(self.live_file.read_text("ascii"))
        except FileNotFoundError:
            return None
        except ValueError:
            raise WorkspaceError(
                f"{self.live_file.name} names no generation of the index",
                next_step="rebuild the index from the stored passages",
            ) from None

    def generation(self, number: int) -> Path:
        """The folder of one generation."""
        return self.folder / str(number)

    def begin(self, folder: Path) -> None:
        """Make a generation's folder, new and empty; what a crash left under its name goes."""
        shutil.rmtree(folder, ignore_errors=True)
        make_private(folder)

    def next_number(self) -> int:
        """A number above every generation that has left a trace."""
        numbers = [int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()]
        with contextlib.suppress(WorkspaceError):  # damaged: what is being rebuilt replaces it
            numbers.append(self.live() or 0)
        return max(numbers, default=0) + 1

    def switch(self, number: int) -> None:
        """Make a generation the live one, durably, and drop all others."""
        aside = self.live_file.with_suffix(".new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(descriptor, "w") as file:
            file.write(str(number))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.live_file)
        sync_folder(self.folder)
        self.drop_all_but(number)

    def drop_all_but(self, number: int | None) -> None:
        """Remove generations that are not live; whoever still reads one keeps its maps."""
        for path in self.folder.iterdir():
            if path.name.isdecimal() and path.name != str(number):
                shutil.rmtree(path, ignore_errors=True)

    def lock(self) -> int:
        """Become the one writer; the lock falls with the returned descriptor.

        Raises:
            Conflict: another process writes.
        """
        make_private(self.folder)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Conflict(
                f"another process writes the index {self.folder.name}",
                next_step="wait until its ingest has ended",
            ) from None
        return descriptor


def epoch(generation: int, commits: int) -> int:
    """A number that grows with every commit, and with every rebuild past all commits before."""
    return generation * _COMMITS_A_GENERATION + commits


def make_private(folder: Path) -> None:
    """Make a folder, or take an existing one, for its owner alone."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    folder.chmod(FOLDER_MODE)


def make_files_private(folder: Path) -> None:
    """Close the files that a library made under the process's umask.

    They were out of others' reach before: the folder is its owner's.
    """
    for path in folder.iterdir():
        try:
            path.chmod(FILE_MODE)
        except FileNotFoundError:
            continue  # a merge has dropped it


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
