"""`Door`: what every request passes on its way in, and every error on its way out."""

from __future__ import annotations

import asyncio
import logging
import time

from befit.errors import (
    BefitError,
    BodyTooLarge,
    InvalidRequest,
    NotAuthenticated,
    Overloaded,
)
from befit.gateway.body import refuse_body
from befit.gateway.failure import failure_of
from befit.gateway.flight import Cut, Flights
from befit.gateway.metrics import Metrics, Refused
from befit.gateway.reply import App, Message, Receive, Scope, Send, send_failure

_log = logging.getLogger("befit.gateway")

_CUT_STATUS = 499
"""nginx's status for a client that left; it is counted and never sent."""


class Door:
    """Counts requests, bounds how many are under way, and turns errors into answers."""

    def __init__(self, flights: Flights, metrics: Metrics) -> None:
        self._flights = flights
        self._metrics = metrics

    async def pass_through(
        self, route: str, app: App, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let `app` answer, and answer for it where it raises."""
        started = time.perf_counter()
        watched = _Watched(send)
        try:
            with self._flights.board(scope) as flight:
                try:
                    await app(scope, receive, watched.send)
                except asyncio.CancelledError:
                    if flight.cut is None:
                        raise
                    _forgive_cancelling()
                    await self._cut(flight.cut, watched)
        except BefitError as error:
            await self._refuse(error, receive, watched)
        except Exception:
            # The process boundary: one request's fault must not be another's.
            _log.exception("a request failed for a reason of Befit's own")
            if watched.status:
                raise  # uvicorn cuts the connection, so that nobody takes it for whole
            await send_failure(watched.send, failure_of(BefitError("Befit failed; see its log")))
        finally:
            status = watched.status or _CUT_STATUS
            self._metrics.answered(route, status, time.perf_counter() - started)

    async def _cut(self, cut: Cut, watched: _Watched) -> None:
        self._metrics.cut(cut)
        if cut is Cut.STOPPING and not watched.status:
            error = Overloaded("the server stopped before there was an answer")
            await send_failure(watched.send, failure_of(error), closing=True)

    async def _refuse(self, error: BefitError, receive: Receive, watched: _Watched) -> None:
        if error.decision_id is None:
            self._metrics.refused(_reason(error))
        if watched.status:
            raise error
        if isinstance(error, BodyTooLarge):
            await refuse_body(receive, watched.send, error)
        else:
            await send_failure(watched.send, failure_of(error), closing=self._flights.is_stopping)


class _Watched:
    """Remembers whether an answer has begun, and with which status."""

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _forgive_cancelling() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def _reason(error: BefitError) -> Refused:
    kinds: tuple[tuple[type[BefitError], Refused], ...] = (
        (NotAuthenticated, Refused.KEY),
        (BodyTooLarge, Refused.BODY_SIZE),
        (InvalidRequest, Refused.BODY),
        (Overloaded, Refused.OVERLOAD),
    )
    return next((reason for kind, reason in kinds if isinstance(error, kind)), Refused.ROUTE)
