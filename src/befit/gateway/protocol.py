"""`GuardedProtocol`: uvicorn's HTTP/1.1 connection, made safe against hostile clients.

uvicorn parses and frames; what it leaves open is closed here: headers without end,
requests that trickle in, answers that nobody reads, and connections without number. A lost
connection ends its requests at once.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from befit.gateway.failure import ErrorBody, ErrorObject
from befit.gateway.flight import SCOPE_KEY, Cut, Flight
from befit.gateway.limits import Limits
from befit.gateway.metrics import Metrics, Refused


class GuardedProtocol(HttpToolsProtocol):
    """One connection. `guarded` binds its limits and metrics to the class."""

    limits: ClassVar[Limits]
    metrics: ClassVar[Metrics]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # uvicorn's signature
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._flights: set[Flight] = set()
        self._in_headers = True
        self._in_message = True
        self._arrived_bytes = 0
        self._arriving_since = 0.0
        self._read_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as uvicorn narrows it
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections:
            self.metrics.refused(Refused.CONNECTIONS)
            transport.abort()
            return
        self._expect_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the requests of a connection that is gone."""
        self._cancel_read_timer()
        self._cancel_write_timer()
        super().connection_lost(exc)
        for flight in tuple(self._flights):
            flight.end(Cut.CLIENT_LEFT)

    def data_received(self, data: bytes) -> None:
        """Parse what came; bound its headers and its pace."""
        if self.transport.is_closing():
            return  # what still comes in after an answer that closes is not wanted
        self._arrived_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._arrived_bytes > self.limits.max_header_bytes:
            self._refuse(431, "the request's headers are too large", Refused.HEADERS)
        elif self._in_message and self._read_timer is None:
            self._expect_more()

    def on_message_begin(self) -> None:
        """Begin a request, and let its handlers be found by this connection."""
        super().on_message_begin()
        self._in_headers = self._in_message = True
        self.scope[SCOPE_KEY] = self._flights  # pyright: ignore[reportGeneralTypeIssues]  # an ASGI scope takes further keys

    def on_headers_complete(self) -> None:
        """Start answering; the body is bounded by whoever reads it."""
        self._in_headers = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole request is here: its pace no longer matters."""
        self._in_message = False
        self._arrived_bytes = 0
        self._cancel_read_timer()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in the shape of every other error."""
        self._refuse(400, "the request is not valid HTTP/1.1", Refused.MALFORMED)

    def pause_writing(self) -> None:
        """The client does not read: hold the answer, but not for ever."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.limits.write_timeout_s, self._unread)

    def resume_writing(self) -> None:
        """The client reads on."""
        self._cancel_write_timer()
        super().resume_writing()

    def abort(self) -> None:
        """Drop the connection as it is."""
        self.transport.abort()

    def _expect_more(self) -> None:
        self._arriving_since = self.loop.time()
        self._read_timer = self.loop.call_later(self.limits.read_timeout_s, self._check_pace)

    def _check_pace(self) -> None:
        """End a request that arrives too slowly; one that keeps its pace may go on."""
        self._read_timer = None
        allowed_s = self.limits.read_timeout_s + self._arrived_bytes / self.limits.read_bytes_per_s
        left_s = self._arriving_since + allowed_s - self.loop.time()
        if left_s > 0:
            self._read_timer = self.loop.call_later(left_s, self._check_pace)
        elif self._arrived_bytes == 0:
            self.transport.close()  # a connection that never asked anything
        else:
            self._refuse(408, "the request took too long to arrive", Refused.SLOW)

    def _unread(self) -> None:
        self.metrics.refused(Refused.UNREAD)
        self.transport.abort()

    def _refuse(self, status: int, message: str, reason: Refused) -> None:
        """Answer outside of ASGI and close; an answer that has begun is only cut."""
        self.metrics.refused(reason)
        if self.transport.is_closing():
            return
        if not _is_answering(self.cycle):
            self.transport.write(_error_response(status, message))
        self.transport.close()

    def _cancel_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def _is_answering(cycle: RequestResponseCycle | None) -> bool:
    return cycle is not None and cycle.response_started and not cycle.response_complete


def guarded(limits: Limits, metrics: Metrics) -> type[GuardedProtocol]:
    """The protocol class under these limits; uvicorn makes its instances."""
    return type("Guarded", (GuardedProtocol,), {"limits": limits, "metrics": metrics})


_PHRASES = {
    400: ("Bad Request", "invalid_request"),
    408: ("Request Timeout", "request_timeout"),
    431: ("Request Header Fields Too Large", "headers_too_large"),
}


def _error_response(status: int, message: str) -> bytes:
    phrase, code = _PHRASES[status]
    error = ErrorObject(message=message, type="invalid_request_error", param=None, code=code)
    body = msgspec.json.encode(ErrorBody(error))
    head = (
        f"HTTP/1.1 {status} {phrase}\r\n"
        "content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
