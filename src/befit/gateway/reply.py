"""Writing answers over raw ASGI, for the hot path and for errors."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp as App
from starlette.types import Message, Receive, Scope, Send

from befit.gateway.failure import Failure

__all__ = [
    "JSON_TYPE",
    "STREAM_HEADERS",
    "App",
    "Header",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "send_failure",
    "send_json",
]

Header = tuple[bytes, bytes]

JSON_TYPE: Header = (b"content-type", b"application/json")

STREAM_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


async def send_json(
    send: Send, body: bytes, *, status: int = 200, headers: Iterable[Header] = ()
) -> None:
    """Write a whole JSON answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [JSON_TYPE, (b"content-length", b"%d" % len(body)), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_failure(send: Send, failure: Failure, *, closing: bool = False) -> None:
    """Write an error's answer; `closing` ends the connection behind it."""
    headers = (*failure.headers, (b"connection", b"close")) if closing else failure.headers
    await send_json(send, failure.body, status=failure.status, headers=headers)
