"""`CheckpointStore`: a copy of the latest checkpoint, kept apart from the ledger's files."""

from __future__ import annotations

from typing import Protocol


class CheckpointStore(Protocol):
    """Where the checkpoint of checkpoints is copied to at a clean stop.

    A ledger that was put back to an older state together with its own checkpoints is
    found out by `verify(held=...)` with this copy.
    """

    async def keep(self, note: str) -> None:
        """Replace the copy by a newer one, durably."""
        ...

    async def held(self) -> str | None:
        """The copy, or None where there is none yet."""
        ...
