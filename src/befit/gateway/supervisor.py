"""`Supervisor`: what `befit serve` runs: the model process, the gateway, and their restarts.

    await Supervisor(workspace, announce=show, tell=log).run()

It owns the workspace's lock and the listening socket, so a gateway that crashed is followed
by another on the same port, and connections made meanwhile wait instead of being refused.
Nothing is ever downloaded here.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from befit.catalog import Catalog, ModelCard, Stage, Workspace, WorkspaceLock, load_catalog
from befit.errors import BefitError
from befit.gateway.child import GatewayChild
from befit.gateway.listening import Address, listening_socket, url_of
from befit.gateway.orders import Order
from befit.inference.embedded import ModelProcess, ModelProcessSettings
from befit.inference.embedded.weights import MINILM, WeightsKind, located
from befit.settings import GatewaySettings, load_settings

_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 10.0
_STEADY_S = 60.0

Tell = Callable[[str], None]
"""Told in one sentence of what happens while serving."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """What there is to say once requests are answered.

    Attributes:
        url: the server's own; OpenAI clients take `url` + `/v1`.
        models: the cards that serve, with their zones.
    """

    url: str
    models: tuple[ModelCard, ...]
    workflows: tuple[str, ...]
    recovered: str | None


class Supervisor:
    """Serves one workspace until it is told to stop.

    Args:
        host, port: in place of those of `befit.yaml`.
        announce: told once everything is ready.
        tell: told of crashes, restarts and the stop.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        announce: Callable[[Announcement], None],
        tell: Tell,
        host: str | None = None,
        port: int | None = None,
    ) -> None:
        self._workspace = workspace
        self._announce = announce
        self._tell = tell
        self._host = host
        self._port = port
        self._boot_key = secrets.token_bytes(32)
        self._stop = asyncio.Event()
        self._gateway: GatewayChild | None = None

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM; then let open answers end. A second signal hurries.

        Raises:
            WorkspaceLocked: another process owns the workspace; names its pid.
            WeightsMissing: names the `befit pull` that brings them.
            Conflict: the port is in use.
            BefitError: a process could not be started; says why.
        """
        with WorkspaceLock(self._workspace):
            settings = load_settings(self._workspace).gateway
            catalog = load_catalog(self._workspace)
            models = _model_settings(self._workspace, catalog)
            listener = listening_socket(
                Address(
                    host=self._host or settings.host,
                    port=settings.port if self._port is None else self._port,
                )
            )
            with listener:
                await self._serve(listener, settings, catalog, models)

    def stop(self) -> None:
        """Stop serving; called again, end what is still under way."""
        if self._stop.is_set() and self._gateway is not None:
            self._gateway.hurry()
        self._stop.set()

    async def _serve(
        self,
        listener: socket.socket,
        settings: GatewaySettings,
        catalog: Catalog,
        models: ModelProcessSettings | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            async with AsyncExitStack() as processes:
                if models is not None:
                    starting = ModelProcess(models, boot_key=self._boot_key)
                    await processes.enter_async_context(starting)
                self._gateway = await self._started(listener)
                if not self._stop.is_set():
                    self._announce(self._announcement(listener, catalog, self._gateway))
                    await self._keep_alive(listener)
                listener.close()
                self._tell("stopping: open answers may end")
                await self._gateway.stop(settings.drain_s)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _keep_alive(self, listener: socket.socket) -> None:
        """Follow a gateway that ends unasked by another, until told to stop."""
        delay_s = _FIRST_DELAY_S
        stopping = asyncio.create_task(self._stop.wait())
        while self._gateway is not None:
            began = time.monotonic()
            ending = asyncio.create_task(self._gateway.wait(self._tell))
            await asyncio.wait((ending, stopping), return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                ending.cancel()
                return
            if time.monotonic() - began > _STEADY_S:
                delay_s = _FIRST_DELAY_S
            self._tell(f"the gateway ended with {ending.result()}; starting it again")
            delay_s = await self._restarted(listener, delay_s)

    async def _restarted(self, listener: socket.socket, delay_s: float) -> float:
        """Start a gateway again, as often as it takes; the delay that the next crash waits."""
        while not self._stop.is_set():
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _LONGEST_DELAY_S)
            try:
                self._gateway = await self._started(listener)
            except BefitError as error:
                self._tell(f"the gateway cannot be started: {error}")
                continue
            self._tell("the gateway serves again" + _recovered(self._gateway))
            break
        return delay_s

    async def _started(self, listener: socket.socket) -> GatewayChild:
        order = Order(
            workspace=str(self._workspace.root),
            boot_key=self._boot_key,
            models_socket=str(_models_socket(self._workspace)),
            listener=listener.fileno(),
        )
        return await GatewayChild.start(order, listener, self._workspace.logs_dir / "gateway.log")

    def _announcement(
        self, listener: socket.socket, catalog: Catalog, gateway: GatewayChild
    ) -> Announcement:
        return Announcement(
            url=url_of(listener),
            models=tuple(card for card in catalog.cards.values() if card.stage is Stage.APPROVED),
            workflows=tuple(catalog.workflows),
            recovered=_recovered(gateway).removeprefix("; ") or None,
        )


def _recovered(gateway: GatewayChild) -> str:
    report = gateway.report
    if not report.closed_decisions and not report.settled_calls:
        return ""
    return (
        f"; {report.closed_decisions} decision(s) that a crash left open were closed and "
        f"{report.settled_calls} call(s) settled in full"
    )


def _models_socket(workspace: Workspace) -> Path:
    return workspace.run_dir / "models.sock"


def _model_settings(workspace: Workspace, catalog: Catalog) -> ModelProcessSettings | None:
    """What the model process shall load, or None where no card needs one.

    Raises:
        WeightsMissing: naming the `befit pull` that brings them.
    """
    names = _needed_weights(catalog)
    if not names:
        return None
    found = [located(name) for name in names]
    return ModelProcessSettings(
        socket=_models_socket(workspace),
        log=workspace.logs_dir / "models.log",
        artefacts=workspace.artefacts_dir,
        generators=tuple(each.name for each in found if each.kind is WeightsKind.GENERATOR),
        embedders=tuple(each.name for each in found if each.kind is WeightsKind.EMBEDDER),
    )


def _needed_weights(catalog: Catalog) -> tuple[str, ...]:
    embedded = [card for card in catalog.cards.values() if card.is_in_process]
    names = {
        MINILM if card.specialist else card.weights or card.name
        for card in embedded
        if card.stage is not Stage.RETIRED
    }
    return tuple(sorted(names))
