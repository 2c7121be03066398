"""`ended`: wait for what may not be left under way, however often the waiting is cancelled."""

from __future__ import annotations

import asyncio
from typing import TypeVar

_T = TypeVar("_T")


async def ended(future: asyncio.Future[_T]) -> None:
    """Wait until it is done, whatever it brings; the loop goes on meanwhile.

    Raises:
        CancelledError: whoever waits was cancelled; it is done all the same.
    """
    is_cancelled = False
    while not future.done():
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        raise asyncio.CancelledError
