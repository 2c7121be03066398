"""A small HTTP/1.1 client for calls to model servers.

General clients cost more than everything else on the path of a request, so this one
does what model servers need and no more: keep-alive, TLS verified against the system's
trust store (always; private authorities through SSL_CERT_FILE), deadlines, limits,
backpressure and cancellation. It follows no redirects, keeps no cookies, asks for no
compression and uses no proxy: HTTP_PROXY and its kin are ignored.

    with await client.send(request, Timeouts(connect_s=5, total_s=60)) as response:
        body = await response.read()
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from befit.errors import ModelFailure
from befit.inference.providers.connection import Connection, Deadline
from befit.inference.providers.endpoint import Endpoint
from befit.inference.providers.pool import ConnectionPool, PoolLimits

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """One request. Header values must be free of line breaks.

    Attributes:
        peer: how errors name the other side, such as `model 'phi'`.
    """

    method: str
    url: Endpoint
    peer: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        start = (
            f"{self.method} {self.url.target} HTTP/1.1\r\nHost: {self.url.host_header}\r\n"
            "User-Agent: befit\r\nAccept-Encoding: identity\r\n"
        )
        lines = [start]
        for name, value in self.headers:
            if "\n" in value or "\r" in value:
                raise ValueError(f"header {name} holds a line break")
            lines.append(f"{name}: {value}\r\n")
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}\r\n")
        lines.append("\r\n")
        return "".join(lines).encode("latin-1") + self.body


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """Seconds for a connection, the first byte of an answer, and all of it.

    `first_byte_s` is None where an answer comes whole and so as late as its end.
    """

    connect_s: float
    total_s: float
    first_byte_s: float | None = None


class HttpResponse:
    """An answer whose body is still to be read. Use it as a context manager.

    Leaving the context before the body's end closes the connection, so that the server
    stops working for nobody.
    """

    def __init__(self, connection: Connection, pool: ConnectionPool, *, peer: str) -> None:
        self.status = connection.status
        self._connection = connection
        self._pool = pool
        self._peer = peer
        self._is_released = False

    def header(self, name: bytes) -> bytes | None:
        """The first header of that lower-case name."""
        for known, value in self._connection.headers:
            if known == name:
                return value
        return None

    async def read(self, *, limit: int = 32 * _MEGABYTE) -> bytes:
        """The whole body.

        Raises:
            ModelFailure: larger than `limit` bytes, cut, late, or compressed unasked.
        """
        self._refuse_compressed()
        first = await self._connection.next_part()
        if first is None:
            return b""
        parts, size = [first], len(first)
        while size <= limit:
            part = await self._connection.next_part()
            if part is None:
                return first if len(parts) == 1 else b"".join(parts)
            parts.append(part)
            size += len(part)
        raise ModelFailure(f"{self._peer} sent more than {limit} bytes")

    async def next_part(self) -> bytes | None:
        """The next bytes of the body as they come; None at the end.

        Raises:
            ModelFailure: cut or late.
        """
        return await self._connection.next_part()

    def expire(self, deadline: Deadline) -> None:
        """Replace the deadline of what is awaited."""
        self._connection.expire(deadline)

    def finish(self) -> None:
        """Declare the body read, though its closing bytes may still be on their way."""
        self._release(self._pool.give_back_after_end)

    def close(self) -> None:
        """Give the connection back; ends it where the body is not read to its end."""
        self._release(self._pool.give_back)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _release(self, give_back: Callable[[Connection], None]) -> None:
        if not self._is_released:
            self._is_released = True
            give_back(self._connection)

    def _refuse_compressed(self) -> None:
        encoding = self.header(b"content-encoding")
        if encoding is not None and encoding.lower() != b"identity":
            raise ModelFailure(f"{self._peer} compressed its answer unasked")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sent:
    data: bytes
    peer: str
    first: Deadline
    whole: Deadline

    @classmethod
    def of(cls, request: HttpRequest, timeouts: Timeouts) -> _Sent:
        now = asyncio.get_running_loop().time()
        whole = Deadline(now + timeouts.total_s, "the whole answer", timeouts.total_s)
        first = whole
        if timeouts.first_byte_s is not None and timeouts.first_byte_s < timeouts.total_s:
            within = timeouts.first_byte_s
            first = Deadline(now + within, "the first byte of its answer", within)
        return cls(data=request.encode(), peer=request.peer, first=first, whole=whole)


class HttpClient:
    """Sends requests over kept connections. Belongs to one event loop.

    Args:
        limits: of the connection pool.
        tls: trust other than the system's, such as one private authority.
    """

    def __init__(
        self, *, limits: PoolLimits | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        if tls is not None and (tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname):
            raise ValueError("the TLS context does not verify certificates; it must")
        self._pool = ConnectionPool(limits or PoolLimits(), tls)

    async def send(self, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
        """Send a request and wait for the answer's head.

        A request that met a connection which the server had closed at rest is sent once
        more on a new one. Cancelling closes the connection.

        Raises:
            ModelUnreachable: no connection, or closed without an answer.
            ModelTimeout: a deadline passed.
            ModelFailure: what answered does not speak HTTP/1.1.
        """
        sent = _Sent.of(request, timeouts)
        connection = await self._take(request, timeouts)
        try:
            return await self._exchange(connection, sent)
        except ModelFailure:
            if not connection.died_at_rest:
                raise
        connection = await self._take(request, timeouts, fresh=True)
        return await self._exchange(connection, sent)

    def close(self) -> None:
        """End resting connections now, and the others as their answers end."""
        self._pool.close()

    async def _take(
        self, request: HttpRequest, timeouts: Timeouts, *, fresh: bool = False
    ) -> Connection:
        return await self._pool.take(
            request.url.origin, peer=request.peer, timeout_s=timeouts.connect_s, fresh=fresh
        )

    async def _exchange(self, connection: Connection, sent: _Sent) -> HttpResponse:
        try:
            connection.begin(sent.data, peer=sent.peer, deadline=sent.first)
            await connection.head()
        except BaseException:
            # Cancelled or failed: the answer, if one still comes, is nobody's.
            connection.abort()
            self._pool.give_back(connection)
            raise
        if sent.first is not sent.whole:
            connection.expire(sent.whole)
        return HttpResponse(connection, self._pool, peer=sent.peer)
