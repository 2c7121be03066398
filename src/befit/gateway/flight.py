"""Requests under way: how many there may be, and ending those whose client has gone.

A request's task is cancelled when its connection is lost or when a stopping server has
waited long enough; cancelling it closes its decision as cut and cancels the call upstream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, cast

from befit.errors import Overloaded

SCOPE_KEY = "befit.connection"
"""Where the protocol leaves the connection's own flights in an ASGI scope."""


class Cut(StrEnum):
    """Why a request was ended before its answer was out."""

    CLIENT_LEFT = "client_left"
    STOPPING = "stopping"


class Flight:
    """One request under way. `cut` says why it was ended early, if it was."""

    __slots__ = ("cut", "task")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.cut: Cut | None = None

    def end(self, cut: Cut) -> None:
        """Cancel the request's task; the first reason stands."""
        if self.cut is None:
            self.cut = cut
            self.task.cancel()


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

    @contextmanager
    def board(self, scope: MutableMapping[str, Any]) -> Generator[Flight]:  # an ASGI scope is open
        """Count the current task as a request under way until the block ends.

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
        flight = Flight(task)
        of_connection = cast("set[Flight] | None", scope.get(SCOPE_KEY))
        self._under_way.add(flight)
        if of_connection is not None:
            of_connection.add(flight)
        try:
            yield flight
        finally:
            self._under_way.discard(flight)
            if of_connection is not None:
                of_connection.discard(flight)

    def stop_boarding(self) -> None:
        """Refuse new requests from now on."""
        self._stopping = True

    def end_all(self) -> None:
        """End what is still under way."""
        for flight in tuple(self._under_way):
            flight.end(Cut.STOPPING)
