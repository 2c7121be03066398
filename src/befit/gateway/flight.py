"""Requests under way: how many there may be, and ending those whose client has gone.

A request's task is cancelled when its connection is lost or when a stopping server has
waited long enough; cancelling it closes its decision as cut and cancels the call upstream.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from enum import StrEnum
from types import TracebackType
from typing import Any, cast

from befit.errors import Overloaded

SCOPE_KEY = "befit.connection"
"""Where the protocol leaves the connection's own flights in an ASGI scope."""


class Cut(StrEnum):
    """Why a request was ended before its answer was out."""

    CLIENT_LEFT = "client_left"
    STOPPING = "stopping"


class Flight:
    """One request under way, from `with` to its end. `cut` says why it was ended early."""

    __slots__ = ("_among", "_task", "cut")

    def __init__(self, task: asyncio.Task[Any], among: tuple[set[Flight], ...]) -> None:
        self._task = task
        self._among = among
        self.cut: Cut | None = None

    def end(self, cut: Cut) -> None:
        """Cancel the request's task; the first reason stands."""
        if self.cut is None:
            self.cut = cut
            self._task.cancel()

    def __enter__(self) -> Flight:
        for flights in self._among:
            flights.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for flights in self._among:
            flights.discard(self)


class Flights:
    """All requests under way in this process.

    Args:
        limit: how many there may be at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._under_way: set[Flight] = set()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def is_stopping(self) -> bool:
        """Whether the server takes no more requests."""
        return self._stopping

    def board(self, scope: MutableMapping[str, Any]) -> Flight:  # an ASGI scope is open
        """The current task as a request under way; it counts within its `with` block.

        Raises:
            Overloaded: there are too many, or the server is stopping.
        """
        if self._stopping:
            raise Overloaded("the server is stopping", next_step="try again in a moment")
        if len(self._under_way) >= self._limit:
            raise Overloaded(
                f"{self._limit} requests are under way, which is the limit",
                next_step="try again in a moment",
            )
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is handled outside of a task")
        of_connection = cast("set[Flight] | None", scope.get(SCOPE_KEY))
        among = (self._under_way,) if of_connection is None else (self._under_way, of_connection)
        return Flight(task, among)

    def stop_boarding(self) -> None:
        """Refuse new requests from now on."""
        self._stopping = True

    def end_all(self) -> None:
        """End what is still under way."""
        for flight in tuple(self._under_way):
            flight.end(Cut.STOPPING)
