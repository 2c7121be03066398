"""The model process's socket: connections, their calls, and what ends them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import secrets
import socket
from pathlib import Path

from befit.errors import ModelRefused, Overloaded
from befit.inference.embedded.calls import CallHandler, failed
from befit.inference.embedded.wire import (
    Ask,
    Cancel,
    MalformedFrame,
    Reply,
    decode_ask,
    frame,
    read_frame,
)

_log = logging.getLogger(__name__)

_CALLS_A_CONNECTION = 1024
_BACKLOG = 128
_TOO_LARGE = 413


class ModelServer:
    """Serves one Unix socket, mode 0600, in the current folder.

    The folder is the working directory and the socket's name relative to it, so that
    the length of a workspace's path does not matter.
    """

    def __init__(self, handler: CallHandler, name: str) -> None:
        self._handler = handler
        self._name = name
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def start(self) -> None:
        """Listen. An older process's socket is replaced in one rename."""
        listener, self._inode = _listening(Path(self._name))
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)

    async def stop(self) -> None:
        """Accept no more, cancel the calls in flight, take the socket away."""
        if self._server:
            self._server.close()
        _taken_away(Path(self._name), self._inode)
        await asyncio.gather(*(connection.close() for connection in tuple(self._connections)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self._handler, writer)
        self._connections.add(connection)
        try:
            await connection.run(reader)
        finally:
            await connection.close()
            self._connections.discard(connection)


class _Connection:
    """One client: its calls end with it."""

    def __init__(self, handler: CallHandler, writer: asyncio.StreamWriter) -> None:
        self._handler = handler
        self._writer = writer
        self._calls: dict[int, asyncio.Task[None]] = {}

    async def run(self, reader: asyncio.StreamReader) -> None:
        try:
            while (found := await read_frame(reader)) is not None:
                call_id, payload = found
                self._take(call_id, decode_ask(payload))
                # A client that does not read its answers is not read from either.
                await self._writer.drain()
        except MalformedFrame as error:
            _log.warning("closing a connection: %s", error)
        except ConnectionError:
            pass  # the client has gone; its calls go with it

    def _take(self, call_id: int, ask: Ask) -> None:
        if isinstance(ask, Cancel):
            if task := self._calls.get(call_id):
                task.cancel()
            return
        if call_id in self._calls:
            raise MalformedFrame(f"the call id {call_id} is in use")
        send = functools.partial(self._send, call_id)
        if len(self._calls) >= _CALLS_A_CONNECTION:
            send(failed(Overloaded(f"{len(self._calls)} calls are open on this connection")))
            return
        task = asyncio.create_task(self._handler.handle(ask, send))
        self._calls[call_id] = task
        task.add_done_callback(lambda _: self._calls.pop(call_id, None))

    def _send(self, call_id: int, reply: Reply) -> None:
        if self._writer.is_closing():
            return
        try:
            data = frame(call_id, reply)
        except OverflowError as error:
            data = frame(
                call_id,
                failed(
                    ModelRefused(
                        f"the answer is too large: {error}; send fewer texts a call",
                        upstream_status=_TOO_LARGE,
                    )
                ),
            )
        self._writer.write(data)

    async def close(self) -> None:
        tasks = list(self._calls.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._writer.close()


def _listening(path: Path) -> tuple[socket.socket, int]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    passing = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    listener.bind(str(passing))
    passing.chmod(0o600)
    listener.listen(_BACKLOG)
    passing.rename(path)
    return listener, path.stat().st_ino


def _taken_away(path: Path, inode: int) -> None:
    # Another process may have put its own socket there meanwhile.
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_ino == inode:
            path.unlink()


def private_folder(folder: Path) -> None:
    """Make `folder` this process's working directory, and what it creates the owner's."""
    os.umask(0o077)
    os.chdir(folder)
