"""`take_in`: fetched bytes into a file of their own, never more than allowed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.options import SourceOptions

BLOCK = 1024 * 1024


def take_in(parts: Iterable[bytes], what: str, options: SourceOptions) -> Path:
    """A new file, readable by the owner only, with all the parts; removed where that fails.

    Args:
        what: how the item is named in errors.

    Raises:
        SourceFailed: there is more than `options.most_bytes`, or no space for it.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=options.scratch_dir, prefix="fetched-")
    except OSError as error:
        raise _no_space(what, error) from None
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = 0
            for part in parts:
                size += len(part)
                if size > options.most_bytes:
                    raise SourceFailed(
                        f"{what} is larger than {options.most_bytes:,} bytes", retry=False
                    )
                _write(file.fileno(), part, what)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _write(descriptor: int, part: bytes, what: str) -> None:
    view = memoryview(part)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise _no_space(what, error) from None


def _no_space(what: str, error: OSError) -> SourceFailed:
    return SourceFailed(
        f"{what} cannot be kept for parsing: {error.strerror}",
        retry=True,
        next_step="make room where fetched files wait",
    )
