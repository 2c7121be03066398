"""One keep-alive HTTP/1.1 connection to a model server.

An `asyncio.Protocol` on httptools: one exchange at a time, no task and no timer of its
own a call. A single timer serves every deadline: it is armed again only when a deadline
comes before it, so that a thousand short calls touch it a few times.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import NamedTuple, cast

import httptools

from befit.errors import ModelFailure, ModelTimeout, ModelUnreachable
from befit.inference.providers.endpoint import Origin

_HEAD_LIMIT = 64 * 1024
_PAUSE_ABOVE = 256 * 1024
_RESUME_BELOW = 64 * 1024
# A server that closed a resting connection shows it within a round trip. Later losses
# are a call that died at work: sending that again would generate, and cost, twice.
_STALE_WITHIN_S = 1.0


class Deadline(NamedTuple):
    """When a wait ends, in loop time, and how its error names what was awaited."""

    at: float
    awaited: str
    within_s: float


class Connection(asyncio.Protocol):
    """A connection and the exchange that is under way on it.

    Attributes:
        origin: what it is connected to.
        status: the answer's status, once `head` has returned.
        headers: the answer's headers with lower-case names, likewise.
        exchanges: how many have begun; above 1 the connection was used again.
    """

    def __init__(self, origin: Origin, loop: asyncio.AbstractEventLoop) -> None:
        self.origin = origin
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.exchanges = 0
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._is_lost = False
        self._is_busy = False
        self._keep_alive = False
        self._peer = str(origin)
        self._parts: list[bytes] = []
        self._buffered = 0
        self._received = 0
        self._sent_at = 0.0
        self._has_head = False
        self._is_complete = False
        self._is_paused = False
        self._failure: ModelFailure | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._when_over: Callable[[], None] | None = None
        self._deadline: Deadline | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    @property
    def is_usable(self) -> bool:
        """Whether another exchange can begin."""
        transport = self._transport
        return not (self._is_lost or self._is_busy or transport is None or transport.is_closing())

    @property
    def is_complete(self) -> bool:
        """Whether the answer has arrived to its last byte."""
        return self._is_complete

    @property
    def died_at_rest(self) -> bool:
        """Whether the exchange failed because the server had closed a resting connection.

        Only then may the request be sent again: the connection was used before, no byte
        of an answer came, and it was lost at once.
        """
        return (
            self._is_lost
            and self.exchanges > 1
            and self._received == 0
            and not isinstance(self._failure, ModelTimeout)
            and self._loop.time() - self._sent_at < _STALE_WITHIN_S
        )

    def begin(self, request: bytes, *, peer: str, deadline: Deadline) -> None:
        """Send a request; `peer` is how errors name the other side."""
        self.exchanges += 1
        self.status = 0
        self.headers = []
        self._peer = peer
        self._received = 0
        self._sent_at = self._loop.time()
        self._has_head = self._is_complete = False
        self._is_busy = True
        self._when_over = None
        self.expire(deadline)
        if self._transport is None or self._is_lost:
            self._failure = ModelUnreachable(f"{peer} closed the connection")
            return
        self._transport.write(request)

    async def head(self) -> None:
        """Wait for status and headers.

        Raises:
            ModelFailure: lost, too late, or not HTTP.
        """
        while not self._has_head:
            await self._news()

    async def next_part(self) -> bytes | None:
        """What has arrived of the body; None at its end. Reading makes room for more.

        Raises:
            ModelFailure: lost, too late, or not HTTP; what came before was handed out.
        """
        while not self._parts:
            if self._is_complete:
                return None
            await self._news()
        part = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._buffered = 0
        self._resume()
        return part

    def expire(self, deadline: Deadline) -> None:
        """Set the deadline of what is awaited now."""
        self._deadline = deadline
        if deadline.at < self._timer_at:
            self._arm(deadline.at)

    def drain(self, deadline: Deadline, when_over: Callable[[], None]) -> None:
        """Throw away what is left of the answer; call back when it is over or lost."""
        self._parts.clear()
        if self._is_complete or self._is_lost:
            when_over()
            return
        self._when_over = when_over
        self.expire(deadline)
        self._resume()

    def rest(self, deadline: Deadline, when_lost: Callable[[], None]) -> None:
        """End the exchange and keep the connection until the deadline.

        An answer may have come whole and not been read to its end, because its reader left:
        what is left of it must not stand before the answer to the next request.
        """
        self._parts.clear()
        self._buffered = 0
        self._resume()
        self._is_busy = False
        self._when_over = when_lost
        self.expire(deadline)

    def abort(self) -> None:
        """Close at once; the server sees a disconnect. Safe to call twice."""
        if self._transport is not None:
            self._transport.abort()

    # Transport callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; bytes that nobody asked for end the connection."""
        if not self._is_busy:
            self.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ModelFailure(f"{self._peer} did not answer in HTTP/1.1: {error}"))
            return
        if not self._has_head and self._received > _HEAD_LIMIT:
            self._fail(ModelFailure(f"{self._peer} sent more than {_HEAD_LIMIT} bytes of headers"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits; an answer without a length ends here."""
        self._is_lost = True
        self._is_paused = False
        if self._timer is not None:
            self._timer.cancel()
        if self._is_busy and not self._is_complete and self._failure is None:
            if self._has_head and exc is None and self._ends_at_close():
                self._is_complete = True
            else:
                self._failure = self._cut(exc)
        self._tell()

    # Parser callbacks

    def on_message_begin(self) -> None:
        """A second answer to one request would be taken for the next one's: refuse it."""
        if self._is_complete:
            self._keep_alive = False
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are ignored."""
        if not self._has_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Note status and whether the connection may be used again."""
        if self._is_complete:
            return  # of an answer that nobody asked for; the connection is being aborted
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer; the real one follows
            self.headers = []
            return
        self.status = status
        self._keep_alive = self._parser.should_keep_alive()
        self._has_head = True
        self._tell()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, and stop reading where nobody takes them."""
        if self._when_over is not None or self._is_complete:
            return  # draining, or an answer that nobody asked for
        self._parts.append(body)
        self._buffered += len(body)
        if self._buffered > _PAUSE_ABOVE and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._tell()

    def on_message_complete(self) -> None:
        """Note the end of the answer."""
        if self._has_head:
            self._is_complete = True
            self._tell()

    @property
    def may_rest(self) -> bool:
        """Whether the finished exchange leaves the connection in a state to be kept."""
        transport = self._transport
        return (
            self._is_complete
            and self._keep_alive
            and self._failure is None
            and not self._is_lost
            and transport is not None
            and not transport.is_closing()
            # An answer that overtook its request leaves half a request in the pipe.
            and transport.get_write_buffer_size() == 0
        )

    async def _news(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        is_over = self._is_lost or (self._is_busy and self._is_complete)
        if self._when_over is not None and is_over:
            when_over, self._when_over = self._when_over, None
            when_over()

    def _fail(self, failure: ModelFailure) -> None:
        if self._failure is None:
            self._failure = failure
        self.abort()
        self._tell()

    def _resume(self) -> None:
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()

    def _cut(self, exc: Exception | None) -> ModelFailure:
        why = f": {exc}" if exc is not None else ""
        if self._received == 0:
            return ModelUnreachable(f"{self._peer} closed the connection without an answer{why}")
        return ModelFailure(f"{self._peer} cut its answer after {self._received} bytes{why}")

    def _ends_at_close(self) -> bool:
        names = {name for name, _ in self.headers}
        return not names & {b"content-length", b"transfer-encoding"}

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, math.inf
        deadline = self._deadline
        if deadline is None or self._is_lost:
            return
        if self._loop.time() < deadline.at:
            self._arm(deadline.at)
        elif self._is_busy and self._is_complete:
            return  # the answer is here; only its reader is slow
        elif self._is_busy:
            within = f"{deadline.within_s:g} s"
            self._fail(
                ModelTimeout(f"{self._peer} did not send {deadline.awaited} within {within}")
            )
        else:
            self.abort()
