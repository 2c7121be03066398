"""`to_the_end`: work that, once begun, must not be left half done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

_T = TypeVar("_T")


async def to_the_end(work: Coroutine[object, object, _T]) -> _T:
    """Run the work to its end; a cancellation meanwhile is held back and raised then.

    Unlike a plain shield, whoever cleans up after the cancellation finds the work done.
    """
    task = asyncio.ensure_future(work)
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            is_cancelled = True
    result = task.result()
    if is_cancelled:
        raise asyncio.CancelledError
    return result
