"""The model process: `python -m befit.inference.embedded`, started by `ModelProcess`.

It reads one `Boot` frame from its standard input, which then stays open: when it
closes, the parent has died and so does this process. Nothing secret is in argv or in
the environment.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from befit.errors import BefitError
from befit.inference.embedded.calls import CallHandler, failed
from befit.inference.embedded.engine import SOCKET_PATTERN
from befit.inference.embedded.models import EmbeddedModels
from befit.inference.embedded.server import ModelServer, private_folder
from befit.inference.embedded.wire import Boot, boot_frame_from
from befit.inference.permit import PermitGate

_log = logging.getLogger("befit.models")


def main() -> None:
    """Serve until the parent says stop or is gone."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    boot = boot_frame_from(sys.stdin.buffer)
    threading.Thread(target=_follow_parent, name="parent", daemon=True).start()
    private_folder(Path(boot.folder))
    for stale in Path().glob(SOCKET_PATTERN):
        stale.unlink(missing_ok=True)
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(_serve(boot))
    # Native destructors may wait for their threads; the sockets are gone already.
    logging.shutdown()
    os._exit(0)


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # not to be had on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _follow_parent() -> None:
    # A thread of its own: it works whatever the event loop is doing.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


async def _serve(boot: Boot) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    models = EmbeddedModels(boot)
    handler = CallHandler(models, PermitGate(boot.boot_key))
    server = ModelServer(handler, boot.socket_name)
    await server.start()
    _log.info("listening; loading %s", ", ".join((*boot.embedders, *boot.generators)) or "nothing")
    loading = asyncio.create_task(_load(models, handler))
    await stopping.wait()
    _log.info("stopping")
    loading.cancel()
    await server.stop()


async def _load(models: EmbeddedModels, handler: CallHandler) -> None:
    try:
        await models.load()
    except BefitError as error:
        _log.error("not ready: %s", error)
        handler.failure = failed(error)
        return
    handler.ready = True
    _log.info("ready with %d MB", handler.status().rss_bytes >> 20)


if __name__ == "__main__":
    main()
