"""`Background`: what goes on beside requests, and keeps going on.

    async with Background() as background:
        background.start("the catalog watch", watch.run)

Work that fails is told and started again; it never ends in silence.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from types import TracebackType

_FIRST_DELAY_S = 2.0
_LONGEST_DELAY_S = 60.0
_STEADY_S = 300.0
"""Work that has not failed for so long is well again."""

_log = logging.getLogger("befit.gateway")

Work = Callable[[], Awaitable[None]]


class Background:
    """Runs works as tasks of one process until it is left, and starts again those that fail.

    Args:
        first_delay_s: how long failed work waits; each further failure doubles it, up to a minute.
        steady_s: how long work has to last until its failures are forgotten.
        clock: seconds, for `steady_s`.
    """

    def __init__(
        self,
        *,
        first_delay_s: float = _FIRST_DELAY_S,
        steady_s: float = _STEADY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first_delay_s = first_delay_s
        self._steady_s = steady_s
        self._clock = clock
        self._failed_at: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Background:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, name: str, work: Work) -> None:
        """Run work until it returns; `name` is how it is told of, such as `the catalog watch`."""
        self._tasks.append(asyncio.create_task(self._keep_up(name, work), name=name))

    @property
    def failing(self) -> tuple[str, ...]:
        """The works that have failed lately, whether or not they are running again."""
        since = self._clock() - self._steady_s
        return tuple(name for name, at in self._failed_at.items() if at > since)

    async def _keep_up(self, name: str, work: Work) -> None:
        delay_s = self._first_delay_s
        while True:
            started = self._clock()
            try:
                await work()
            except Exception:  # noqa: BLE001 - whatever it is, it must not end what nobody else does
                now = self._clock()
                if now - started > self._steady_s:
                    delay_s = self._first_delay_s
                self._failed_at[name] = now
                _log.exception("%s has failed and starts again", name)
            else:
                return
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
