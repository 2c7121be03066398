"""Connections that are kept for the next call, a bounded number for each origin."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
from dataclasses import dataclass, field

from befit.errors import ModelTimeout, ModelUnreachable
from befit.inference.providers.connection import Connection, Deadline
from befit.inference.providers.endpoint import Origin

_DRAIN_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolLimits:
    """How many connections an origin may have, and how long one rests."""

    connections: int = 256
    idle_connections: int = 64
    idle_s: float = 30.0


@dataclass(kw_only=True, slots=True)
class _Shelf:
    """The connections of one origin: a slot for each that is out, and those that rest.

    A new one is made only when none rests, so slots bound the sum of both.
    """

    slots: asyncio.Semaphore
    resting: dict[Connection, None] = field(default_factory=dict[Connection, None])


class ConnectionPool:
    """Hands out connections and takes them back. Belongs to one event loop.

    The newest connection goes out first, so that the others may fall idle and end.
    """

    def __init__(self, limits: PoolLimits, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self._tls = tls
        self._shelves: dict[Origin, _Shelf] = {}
        self._is_closed = False

    async def take(
        self, origin: Origin, *, peer: str, timeout_s: float, fresh: bool = False
    ) -> Connection:
        """A connection for one exchange; `fresh` asks for one that was never used.

        Raises:
            ModelUnreachable: refused, unknown host, or an untrusted certificate.
            ModelTimeout: no connection, or none free, within `timeout_s`.
        """
        if self._is_closed:
            raise ModelUnreachable(f"{peer} is not called: the connection pool is closed")
        shelf = self._shelves.get(origin)
        if shelf is None:
            shelf = _Shelf(slots=asyncio.Semaphore(self._limits.connections))
            self._shelves[origin] = shelf
        if shelf.slots.locked():
            await self._wait_for_slot(shelf, peer=peer, timeout_s=timeout_s)
        else:
            await shelf.slots.acquire()
        try:
            while shelf.resting and not fresh:
                connection, _ = shelf.resting.popitem()
                if connection.is_usable:
                    return connection
            return await self._connect(origin, peer=peer, timeout_s=timeout_s)
        except BaseException:
            shelf.slots.release()
            raise

    def give_back(self, connection: Connection) -> None:
        """Take a connection back after its exchange: kept if clean, closed if not."""
        shelf = self._shelves[connection.origin]
        shelf.slots.release()
        limits = self._limits
        if self._is_closed or not connection.may_rest:
            connection.abort()
            return
        if len(shelf.resting) >= limits.idle_connections:
            oldest = next(iter(shelf.resting))
            del shelf.resting[oldest]
            oldest.abort()
        shelf.resting[connection] = None
        until = asyncio.get_running_loop().time() + limits.idle_s
        connection.rest(
            Deadline(until, "anything", limits.idle_s),
            functools.partial(shelf.resting.pop, connection, None),
        )

    def give_back_after_end(self, connection: Connection) -> None:
        """Take back a connection whose answer is read but whose last bytes may follow."""
        until = asyncio.get_running_loop().time() + _DRAIN_S
        connection.drain(
            Deadline(until, "the end of its answer", _DRAIN_S),
            functools.partial(self.give_back, connection),
        )

    def close(self) -> None:
        """End resting connections now, and the others as they come back."""
        self._is_closed = True
        for shelf in self._shelves.values():
            for connection in tuple(shelf.resting):
                connection.abort()
            shelf.resting.clear()

    async def _wait_for_slot(self, shelf: _Shelf, *, peer: str, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await shelf.slots.acquire()
        except TimeoutError:
            raise ModelTimeout(
                f"all {self._limits.connections} connections to {peer} were busy"
                f" for {timeout_s:g} s"
            ) from None

    async def _connect(self, origin: Origin, *, peer: str, timeout_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        tls = self._trust() if origin.tls else None
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(origin, loop),
                    origin.host,
                    origin.port,
                    ssl=tls,
                    server_hostname=origin.host if tls else None,
                )
        except TimeoutError:
            raise ModelTimeout(f"{peer} did not accept a connection in {timeout_s:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise ModelUnreachable(
                f"{peer} has a certificate that is not trusted: {error.verify_message}",
                next_step="add its authority to the system's trust store"
                " or name its file in SSL_CERT_FILE",
            ) from None
        except OSError as error:
            raise ModelUnreachable(f"{peer} cannot be reached: {_why(error)}") from None
        return connection

    def _trust(self) -> ssl.SSLContext:
        # Made at the first TLS connection: reading the system's store takes a while,
        # and many workspaces speak to loopback alone.
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _why(error: OSError) -> str:
    """What the system says, without the address that the event loop writes into it."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS failed"
    if isinstance(error, socket.gaierror):
        return error.strerror or "its host is not known"
    return os.strerror(error.errno) if error.errno else "none of its host's addresses answers"
