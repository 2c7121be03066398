"""`ControlServer`: lets commands on this machine use the running server.

Who can open the workspace's files owns it: the socket lies in an owner-only folder, its
mode is 0600, and on Linux the kernel tells the peer's user besides.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

import msgspec

from befit.errors import BefitError, Forbidden, Overloaded
from befit.gateway.control_wire import (
    Call,
    ProgressTold,
    Told,
    error_told,
    frame,
    read_frame,
    socket_address,
)
from befit.gateway.operations import OperationCall, local_principal, perform_json
from befit.platform import Platform
from befit.vocabulary import Progress

_CALL_TIMEOUT_S = 10.0
_PEER = struct.Struct("3i")  # pid, uid, gid

_log = logging.getLogger("befit.gateway")


class ControlServer:
    """Listens on the workspace's control socket while the gateway runs."""

    def __init__(self, platform: Platform, path: Path) -> None:
        self._platform = platform
        self._path = path
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[bytes]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Listen; a socket that a killed server left is replaced."""
        self._server = await asyncio.start_unix_server(self._serve, sock=_listening(self._path))

    async def stop(self) -> None:
        """Take no more calls and cancel those under way; each is told so."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
        calls = tuple(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            _require_owner(writer)
            async with asyncio.timeout(_CALL_TIMEOUT_S):
                call = await read_frame(reader, Call)
            if call is not None:
                result = await self._perform(call, reader, writer)
                writer.write(frame(Told(result=msgspec.Raw(result))))
        except BefitError as error:
            writer.write(frame(Told(error=error_told(error))))
        except (TimeoutError, ConnectionError):
            pass
        except Exception:  # noqa: BLE001 - the process boundary: one fault must not end the server
            _log.exception("an operation failed for a reason of Befit's own")
            error = BefitError("Befit failed", next_step="see .befit/logs/gateway.log")
            writer.write(frame(Told(error=error_told(error))))
        finally:
            with suppress(ConnectionError):
                await writer.drain()
                writer.close()

    async def _perform(
        self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """Perform the call, unless its caller leaves or the server stops before it is done."""
        operation = OperationCall(
            platform=self._platform,
            principal=local_principal(self._platform, call.tenant, call.acting_as),
            progress=_told_to(writer),
        )
        performing = asyncio.create_task(perform_json(call.operation, call.params, operation))
        leaving = asyncio.create_task(reader.read(1))
        self._calls.add(performing)
        try:
            await asyncio.wait((performing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not performing.done():
                performing.cancel()
            return await performing
        except asyncio.CancelledError:
            if self._stopping:
                raise Overloaded("the server is stopping", next_step="try again") from None
            raise ConnectionAbortedError("the caller has left") from None
        finally:
            self._calls.discard(performing)
            leaving.cancel()


def _told_to(writer: asyncio.StreamWriter) -> Progress:
    """A `Progress` that any thread may tell."""
    loop = asyncio.get_running_loop()

    def tell(stage: str, done: int, total: int) -> None:
        message = frame(Told(progress=ProgressTold(stage, done, total)))
        loop.call_soon_threadsafe(writer.write, message)

    return tell


def _require_owner(writer: asyncio.StreamWriter) -> None:
    if not hasattr(socket, "SO_PEERCRED"):
        return  # the socket's mode alone must do
    connection: socket.socket = writer.get_extra_info("socket")
    _, uid, _ = _PEER.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    )
    if uid not in (os.getuid(), 0):
        raise Forbidden("the workspace belongs to another user")


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with socket_address(path) as address:
            listener.bind(address)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener
