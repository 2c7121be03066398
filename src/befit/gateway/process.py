"""The gateway process: told by the supervisor what to serve, telling it how it goes.

The order comes as one line of JSON on standard input, where neither arguments nor
environment show the boot key. The input stays open: its end means that the supervisor has
died. What the process has to say goes to standard output, a line of JSON each.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from befit.catalog import Workspace
from befit.errors import BefitError, WorkspaceError
from befit.gateway.app import GatewayApp
from befit.gateway.background import Background
from befit.gateway.catalog_watch import CatalogWatch
from befit.gateway.control_server import ControlServer
from befit.gateway.control_wire import SOCKET_NAME, error_told
from befit.gateway.expiry_watch import ExpiryWatch
from befit.gateway.limits import Limits
from befit.gateway.metrics import Metrics
from befit.gateway.notices import Notices
from befit.gateway.orders import Order, Report
from befit.gateway.retention_watch import RetentionWatch
from befit.gateway.routes import ReadyEndpoint
from befit.gateway.server import GatewayServer
from befit.platform import Platform

_log = logging.getLogger("befit.gateway")


def run(order_input: BinaryIO, reports: BinaryIO) -> int:
    """Serve until told to stop; the process's exit code."""
    order = msgspec.json.decode(order_input.readline(), type=Order)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(order, order_input, reports))
    except BefitError as error:
        _report(reports, Report(error=error_told(error)))
        return error.exit_code
    return 0


@asynccontextmanager
async def gateway(
    platform: Platform, background: Background, *, limits: Limits | None = None
) -> AsyncGenerator[GatewayServer]:
    """A gateway on an open platform, with all that it does beside requests."""
    limits = limits or limits_of(platform)
    metrics = Metrics()
    watch = CatalogWatch(platform)
    ready = ReadyEndpoint(platform, watch, background)
    app = GatewayApp(platform, ready, limits=limits, metrics=metrics)
    control = ControlServer(platform, platform.workspace.run_dir / SOCKET_NAME)
    try:
        await control.start()
    except OSError as error:
        raise WorkspaceError(f"the control socket cannot be made: {error.strerror}") from None
    background.start("the catalog watch", watch.run)
    background.start("the expiry of approvals", ExpiryWatch(platform).run)
    background.start("the taking of checkpoints", platform.checkpointer.run)
    background.start("retention", RetentionWatch(platform).run)
    try:
        yield GatewayServer(app, limits=limits, metrics=metrics)
    finally:
        await control.stop()


def limits_of(platform: Platform) -> Limits:
    """The limits that `befit.yaml` sets."""
    settings = platform.settings.gateway
    return Limits(
        max_body_bytes=settings.max_body_bytes,
        max_requests=settings.max_concurrent,
        drain_s=settings.drain_s,
    )


async def _serve(order: Order, order_input: BinaryIO, reports: BinaryIO) -> None:
    workspace = Workspace.at(Path(order.workspace))
    listener = socket.socket(fileno=order.listener)
    async with (
        Platform.opened(
            workspace,
            boot_key=order.boot_key,
            models_socket=Path(order.models_socket),
            log=order.log,
        ) as platform,
        Background() as background,
        gateway(platform, background) as server,
    ):
        _stop_on_signals(server)
        notices = Notices(lambda notice: _report(reports, Report(notice=notice)))
        logging.getLogger("befit").addHandler(notices)
        background.start(
            "listening to the supervisor", lambda: _stop_when_orphaned(order_input, server)
        )
        await asyncio.to_thread(_load_recognisers, platform)
        _report(reports, _started(platform))
        _spare_the_collector()
        await server.serve(listener)


def _load_recognisers(platform: Platform) -> None:
    """What is loaded when a text is first examined, so that no request waits for it."""
    examine = platform.shelf.now.examine
    if examine is not None:
        examine(())


def _spare_the_collector() -> None:
    """What has been loaded stays for good, and a request leaves few cycles behind it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _started(platform: Platform) -> Report:
    recovery = platform.recovery
    return Report(ready=True, closed_decisions=len(recovery.closed), settled_calls=recovery.settled)


def _stop_on_signals(server: GatewayServer) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)


async def _stop_when_orphaned(order_input: BinaryIO, server: GatewayServer) -> None:
    """Stop at the end of input: nobody would restart or stop this process any more."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), order_input)
    await reader.read()
    _log.warning("the supervisor has gone; stopping")
    server.stop()


def _report(reports: BinaryIO, report: Report) -> None:
    with suppress(BrokenPipeError):
        reports.write(msgspec.json.encode(report) + b"\n")
        reports.flush()


def _loop_factory() -> type[asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop
    import uvloop

    return uvloop.Loop
