"""Reading a request's body within its limit."""

from __future__ import annotations

import asyncio

from befit.errors import BodyTooLarge, InvalidRequest
from befit.gateway.failure import failure_of
from befit.gateway.reply import JSON_TYPE, Receive, Scope, Send

_LINGER_S = 2.0
_LINGER_BYTES = 64 * 1024 * 1024


async def read_body(scope: Scope, receive: Receive, *, limit: int) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: it is, or says that it will be, above the limit; the rest is unread.
        InvalidRequest: its length is malformed, or the client left in the middle.
    """
    declared = _declared_length(scope)
    if declared is not None and declared > limit:
        raise _too_large(limit, f"{declared} bytes")
    message = await receive()
    if message["type"] == "http.request" and not message["more_body"]:
        body: bytes = message["body"]
        if len(body) > limit:
            raise _too_large(limit, "more")
        return body
    parts = bytearray()
    while message["type"] == "http.request":
        parts += message["body"]
        if len(parts) > limit:
            raise _too_large(limit, "more")
        if not message["more_body"]:
            return bytes(parts)
        message = await receive()
    raise InvalidRequest("the body was cut")


async def refuse_body(receive: Receive, send: Send, error: BodyTooLarge) -> None:
    """Answer 413 while the client is still sending.

    Closing at once would reset the connection, and many clients would then never read the
    answer; so what comes in is dropped for a moment before the connection is closed.
    """
    failure = failure_of(error)
    headers = [JSON_TYPE, (b"content-length", b"%d" % len(failure.body)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": failure.status, "headers": headers})
    await send({"type": "http.response.body", "body": failure.body, "more_body": True})
    dropped = 0
    try:
        async with asyncio.timeout(_LINGER_S):
            while dropped < _LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body"):
                    break
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


def _declared_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            # The parser has refused whatever is no number.
            return int(value)
    return None


def _too_large(limit: int, found: str) -> BodyTooLarge:
    return BodyTooLarge(f"the body has {found}; the limit is {limit} bytes", param="body")
