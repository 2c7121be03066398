"""Names and small files that survive a crash: whole or not there, never half."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: str, *, log: str) -> None:
    """Replace a small file so that it is always either the old or the new one, durably.

    `log` names the writer: what a crash of it left aside is used up by its next attempt.

    Raises:
        OSError: the old file is still there, or it is not known which of the two is.
    """
    aside = path.with_name(f".{path.name}.{log}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
