"""The mock upstream: answers at once with 1 KB, or with a stream of 50 chunks.

    python -m benchmarks.gateway.upstream PORT

Raw asyncio on uvloop, so that it is never what the figures measure.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import cast

import uvloop

STREAM_CHUNKS = 50
_ANSWER_BYTES = 1024


def completion() -> bytes:
    """A whole chat answer of about 1 KB."""
    text = "A benchmark's answer says nothing, at some length. " * 15
    body = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "bench",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 200, "completion_tokens": 150, "total_tokens": 350},
    }
    return json.dumps(body).encode()[:-1].ljust(_ANSWER_BYTES - 1) + b"}"


def events() -> list[bytes]:
    """The events of a streamed answer: 48 of content, the finish with usage, the end."""
    common = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "bench",
    }

    def event(delta: dict[str, str], finish: str | None = None, **more: object) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + json.dumps({**common, "choices": [choice], **more}).encode() + b"\n\n"

    usage = {"prompt_tokens": 200, "completion_tokens": 48, "total_tokens": 248}
    content = [event({"content": f"word{number} "}) for number in range(STREAM_CHUNKS - 2)]
    return [*content, event({}, "stop", usage=usage), b"data: [DONE]\n\n"]


def _chunked(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


_WHOLE = completion()
_JSON = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_WHOLE)
) + _WHOLE
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_STREAM = [*(_chunked(event) for event in events()), b"0\r\n\r\n"]


class _Upstream(asyncio.Protocol):
    """One connection: requests with a content length, answered in turn."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (body := self._next_body()) is not None:
            # A gateway may space its JSON as it likes.
            streams = b'"stream":true' in body or b'"stream": true' in body
            self._send(_STREAM_HEAD if streams else _JSON)
            if streams:
                self._send_chunks(0)

    def _next_body(self) -> bytes | None:
        head, mark, rest = self._received.partition(b"\r\n\r\n")
        if not mark:
            return None
        _, _, after = head.lower().partition(b"content-length:")
        length = int(after.partition(b"\r\n")[0] or 0)
        if len(rest) < length:
            return None
        self._received = rest[length:]
        return bytes(rest[:length])

    def _send_chunks(self, number: int) -> None:
        """One chunk a turn of the loop, so that each is a write of its own."""
        self._send(_STREAM[number])
        if number + 1 < len(_STREAM):
            self._loop.call_soon(self._send_chunks, number + 1)

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
