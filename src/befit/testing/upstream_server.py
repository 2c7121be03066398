"""The HTTP side of the scripted upstream: a small server protocol on httptools."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol, cast

import httptools

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


class Upstream(Protocol):
    """Whom the protocol tells and asks."""

    def opened(self, connection: UpstreamProtocol) -> None:
        """A connection was accepted."""
        ...

    def closed(self, connection: UpstreamProtocol, *, answering: bool) -> None:
        """A connection ended; `answering` says whether the client left too early."""
        ...

    async def answer(self, exchange: Exchange) -> None:
        """A request has arrived whole."""
        ...


class Exchange:
    """One request and the means to answer it."""

    def __init__(
        self, connection: UpstreamProtocol, method: str, path: str, *, headers: Mapping[str, str]
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = b""
        self._connection = connection

    def send(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        cut: bool = False,
    ) -> None:
        """Send a whole answer, or half of it and the end of the connection."""
        head = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Scripted')}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._connection.write(head.encode() + (body[: len(body) // 2] if cut else body))
        if cut:
            self._connection.close()

    def start_stream(self) -> None:
        """Send the head of an event stream."""
        self._connection.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )

    async def send_event(self, data: bytes) -> None:
        """Send one event as one HTTP chunk; waits while the client does not read."""
        event = b"data: " + data + b"\n\n"
        self._connection.write(b"%x\r\n%b\r\n" % (len(event), event))
        await self._connection.writable.wait()

    def end_stream(self) -> None:
        """Send the last HTTP chunk."""
        self._connection.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """End the connection in the middle of the answer."""
        self._connection.close()


class UpstreamProtocol(asyncio.Protocol):
    """One connection; answers its requests one after another."""

    def __init__(self, upstream: Upstream) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self._upstream = upstream
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._answering: asyncio.Task[None] | None = None
        self._is_closing = False

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """End the connection once what was written is sent."""
        self._is_closing = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._upstream.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop answering who has left."""
        task = self._answering
        is_answering = task is not None and not task.done() and not self._is_closing
        self._upstream.closed(self, answering=is_answering)
        self.writable.set()
        if task is not None:
            task.cancel()

    def pause_writing(self) -> None:
        """The client does not read: hold the stream."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """The client reads again."""
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url, self._headers, self._body = b"", {}, []

    def on_url(self, url: bytes) -> None:
        """Keep the path."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer the request."""
        exchange = Exchange(
            self,
            self._parser.get_method().decode(),
            self._url.decode("latin-1"),
            headers=self._headers,
        )
        exchange.body = b"".join(self._body)
        self._answering = asyncio.get_running_loop().create_task(self._upstream.answer(exchange))
