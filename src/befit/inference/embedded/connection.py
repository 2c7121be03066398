"""`Connection`: many calls over one socket to the model process, and their ends."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

from befit.errors import InvalidRequest, ModelCrashed, ModelFailure
from befit.inference.embedded.wire import (
    Ask,
    Cancel,
    Delta,
    MalformedFrame,
    Reply,
    decode_reply,
    frame,
    read_frame,
)

_SOCKET_PATH_BYTES = 100  # 108 on Linux and 104 on macOS, with the closing zero
_CALL_IDS = 2**32


class Connection:
    """An open connection. It ends once and for all when the process behind it dies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._calls: dict[int, asyncio.Queue[Reply | None]] = {}
        self._ids = itertools.count(1)
        self._lost = False
        self._reading = asyncio.create_task(self._read(reader))

    @classmethod
    async def open(cls, path: Path) -> Connection:
        """Connect to the socket `path`, however long it is.

        Raises:
            OSError: nobody listens there.
        """
        if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
            return cls(*await asyncio.open_unix_connection(path))
        # A socket's address holds 108 bytes; through its open folder any path fits.
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return cls(*await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{path.name}"))
        finally:
            os.close(folder)

    @property
    def is_lost(self) -> bool:
        """Whether the process behind it has gone; no call can succeed any more."""
        return self._lost

    async def replies(self, ask: Ask) -> AsyncGenerator[Reply]:
        """What the process answers, up to and including the reply that ends the call.

        Leaving before the end cancels the call in the process.

        Raises:
            ModelCrashed: the process died under the call.
            InvalidRequest: the ask is larger than a frame.
        """
        call_id = next(self._ids) % _CALL_IDS
        try:
            data = frame(call_id, ask)
        except OverflowError as error:
            raise InvalidRequest(f"the call is too large: {error}") from None
        if self._lost:
            raise _crashed()
        replies: asyncio.Queue[Reply | None] = asyncio.Queue()
        self._calls[call_id] = replies
        ended = False
        try:
            self._writer.write(data)
            while not ended:
                reply = await replies.get()
                if reply is None:
                    ended = True
                    raise _crashed()
                ended = not isinstance(reply, Delta)
                yield reply
        finally:
            del self._calls[call_id]
            if not ended and not self._lost:
                self._writer.write(frame(call_id, Cancel()))

    async def one(self, ask: Ask) -> Reply:
        """The single reply of a call that streams nothing. Raises as `replies`."""
        async for reply in self.replies(ask):
            return reply
        raise ModelFailure("the model process ended the call without an answer")

    async def close(self) -> None:
        """Close the socket; calls in flight get `ModelCrashed`."""
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while (found := await read_frame(reader)) is not None:
                call_id, payload = found
                reply = decode_reply(payload)
                if replies := self._calls.get(call_id):
                    replies.put_nowait(reply)
        except (MalformedFrame, ConnectionError):
            pass  # a process that dies may cut a frame; either way it is lost
        finally:
            self._lost = True
            self._writer.close()
            for replies in self._calls.values():
                replies.put_nowait(None)


def _crashed() -> ModelCrashed:
    return ModelCrashed(
        "the model process died under the call", next_step="it is being restarted; try again"
    )
