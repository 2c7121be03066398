"""`Closings`: endings of decisions that must finish although their caller has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class Closings:
    """Runs closings as tasks of their own and remembers them until they are done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def finish(self, closing: Coroutine[None, None, None]) -> None:
        """Run to the end even if the waiting task is cancelled meanwhile."""
        task = asyncio.ensure_future(closing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait for all that are under way; called before the ledger closes."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
