"""`Memory`: what was found out about a credential, kept for a short while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding(Generic[T]):
    """An answer and how long it may be kept; `None` as value: there is nothing of that name."""

    value: T | None
    good_for_s: float


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    value: T | None
    good_until: float


class Memory(Generic[T]):
    """Findings by name. Used from one event loop; asks once for many who ask at once.

    Args:
        monotonic: seconds of a clock that never jumps.
        capacity: how many findings are kept, and as many of names that are unknown.
    """

    def __init__(self, monotonic: Callable[[], float], capacity: int) -> None:
        self._monotonic = monotonic
        self._capacity = capacity
        # Two memories, so that a flood of made-up names cannot push out the known ones.
        self._known: OrderedDict[str, _Kept[T]] = OrderedDict()
        self._unknown: OrderedDict[str, _Kept[T]] = OrderedDict()
        self._searches: dict[str, asyncio.Task[_Kept[T]]] = {}

    async def recall(self, name: str, search: Callable[[], Awaitable[Finding[T]]]) -> T | None:
        """What is known of a name, searched for where nothing fresh is.

        Raises:
            Exception: what the search raises; that is not kept.
        """
        kept = self._known.get(name) or self._unknown.get(name)
        if kept is None or kept.good_until <= self._monotonic():
            kept = await self._search(name, search)
        return kept.value

    def forget(self) -> None:
        """Search again for every name at its next use; call it after changing what is found."""
        self._known.clear()
        self._unknown.clear()
        # A search that has begun may have read what was there before the change.
        self._searches.clear()

    async def _search(self, name: str, search: Callable[[], Awaitable[Finding[T]]]) -> _Kept[T]:
        searching = self._searches.get(name)
        if searching is None:
            searching = asyncio.ensure_future(self._dated(search))
            self._searches[name] = searching
            searching.add_done_callback(lambda done: self._keep(name, done))
        # Many requests share one search; one caller going away must not end it.
        return await asyncio.shield(searching)

    async def _dated(self, search: Callable[[], Awaitable[Finding[T]]]) -> _Kept[T]:
        asked_at = self._monotonic()
        finding = await search()
        return _Kept(finding.value, asked_at + finding.good_for_s)

    def _keep(self, name: str, done: asyncio.Task[_Kept[T]]) -> None:
        if self._searches.get(name) is not done:
            if not done.cancelled():
                done.exception()  # forgotten meanwhile; whoever asked has been told
            return
        del self._searches[name]
        if done.cancelled() or done.exception() is not None:
            return
        kept = done.result()
        other, memory = self._known, self._unknown
        if kept.value is not None:
            other, memory = memory, other
        other.pop(name, None)
        memory[name] = kept
        memory.move_to_end(name)
        while len(memory) > self._capacity:
            memory.popitem(last=False)
