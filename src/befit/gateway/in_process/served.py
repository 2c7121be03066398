"""`served`: a gateway on an open platform, on a free port of loopback.

    async with served(platform) as (host, port):
        ...

For what tries the whole product out without a server beside it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from befit.gateway.background import Background
from befit.gateway.process import gateway
from befit.platform import Platform

_LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def served(platform: Platform) -> AsyncGenerator[tuple[str, int]]:
    """Serve until the block ends, with all that a gateway does beside requests; its address.

    What is still open then is cut.
    """
    async with Background() as background, gateway(platform, background) as server:
        listener = socket.create_server((_LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        serving = asyncio.create_task(server.serve(listener))
        try:
            yield _LOOPBACK, port
        finally:
            server.stop()
            server.stop()  # told twice, it waits for nobody
            await serving
