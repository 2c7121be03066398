"""`GatewayServer`: uvicorn in this process, stopped the way open answers deserve."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

import uvicorn

from befit.gateway.app import GatewayApp
from befit.gateway.limits import Limits
from befit.gateway.metrics import Metrics
from befit.gateway.protocol import GuardedProtocol, guarded

_LAST_WORDS_S = 1.0
"""How long ended requests may take to write their last event."""

_log = logging.getLogger("befit.gateway")


class _Uvicorn(uvicorn.Server):
    """uvicorn without signal handlers of its own: the process decides when to stop."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


class GatewayServer:
    """Serves the application on one listening socket until it is told to stop."""

    def __init__(self, app: GatewayApp, *, limits: Limits, metrics: Metrics) -> None:
        self._app = app
        self._limits = limits
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        config = uvicorn.Config(
            app,
            http=guarded(limits, metrics),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=limits.keep_alive_s,
        )
        self._uvicorn = _Uvicorn(config)

    async def serve(self, listener: socket.socket) -> None:
        """Serve until `stop`; return once every connection is closed."""
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[listener]))
        stopping = asyncio.create_task(self._drain())
        try:
            await serving
        finally:
            stopping.cancel()

    def stop(self) -> None:
        """Accept no more and let open answers finish; a second call hurries them."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _drain(self) -> None:
        await self._stop.wait()
        flights = self._app.flights
        flights.stop_boarding()
        self._uvicorn.should_exit = True
        try:
            async with asyncio.timeout(self._limits.drain_s):
                await self._hurry.wait()
        except TimeoutError:
            pass
        if len(flights):
            _log.warning("ending %d requests that are still under way", len(flights))
        flights.end_all()
        await asyncio.sleep(_LAST_WORDS_S)
        connections = cast("set[GuardedProtocol]", self._uvicorn.server_state.connections)
        for connection in tuple(connections):
            connection.abort()
