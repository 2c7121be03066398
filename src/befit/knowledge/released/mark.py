"""`Mark`: a number that all processes of a workspace see change at once, without a call."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_BYTES = 8


class Mark:
    """Eight shared bytes in a file of the workspace: how far the fingerprints reach.

    Only that it changed is of meaning; what changed is read from the store. Written after
    the store's commit, so that who sees it change finds what was committed.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(opened).st_size < _BYTES:
                os.ftruncate(opened, _BYTES)
            self._shared = mmap.mmap(opened, _BYTES)
        finally:
            os.close(opened)

    @property
    def value(self) -> int:
        """What was written last, by whichever process."""
        return int.from_bytes(self._shared[:_BYTES], "little")

    @value.setter
    def value(self, number: int) -> None:
        self._shared[:_BYTES] = number.to_bytes(_BYTES, "little")

    def close(self) -> None:
        """Let go of the file."""
        self._shared.close()
