"""A gateway on a real socket, with a random world behind it and everybody's keys."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from befit.catalog import Workspace
from befit.gateway.background import Background
from befit.gateway.operations import OperationCall, perform
from befit.gateway.process import gateway
from befit.identity import local_administrator
from befit.messages import ChatRequest
from befit.platform import Platform
from befit.testing import CountingUpstream, Reply
from befit.testing.shelving import shelve
from befit.vocabulary import silent
from tests.embedder import RunningEmbedder
from tests.gateway.promises.account import Written, written_in
from tests.gateway.promises.papers import COLLECTION, cited
from tests.gateway.promises.world import DOWN, ORDER, REPLIES, SECRET_ANSWER, Model, World

Upstream = CountingUpstream[tuple[Written, ...]]


@dataclass
class Town:
    """What stands behind and before the gateway.

    Attributes:
        upstreams: each model's own, by the model's name.
        keys: the texts of `plain`, `scoped`, `poor` and `admin`, and their ids.
    """

    platform: Platform
    upstreams: dict[str, Upstream]
    address: tuple[str, int]
    keys: dict[str, str] = field(default_factory=dict)
    key_ids: dict[str, str] = field(default_factory=dict)

    async def operate(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        """Perform an operation as the local administrator."""
        call = OperationCall(
            platform=self.platform, principal=local_administrator(), progress=silent
        )
        return await perform(name, params, call)

    async def make_key(self, name: str, **params: Any) -> None:
        """Make a key and keep its text under its name."""
        document = await self.operate("keys.create", {"name": name, **params})
        self.keys[name], self.key_ids[name] = document["key"], document["id"]


@asynccontextmanager
async def town(
    world: World, folder: Path, *, embedder: RunningEmbedder | None = None, **opened: Any
) -> AsyncIterator[Town]:
    """Open the world's gateway; leaving it stops the gateway and everything behind it."""
    if embedder is not None:
        opened = {"boot_key": embedder.boot_key, "models_socket": embedder.socket, **opened}
    async with AsyncExitStack() as stack:
        upstreams = {
            model.name: await stack.enter_async_context(_upstream(model, folder / ".befit"))
            for model in world.models
        }
        world.write(folder, {name: upstream.url for name, upstream in upstreams.items()})
        for model in world.models:
            if model.behaviour == DOWN:
                await upstreams[model.name].stop()
        workspace = Workspace.at(folder)
        given = {
            "boot_key": secrets.token_bytes(32),
            "models_socket": workspace.run_dir / "models.sock",
            **opened,
        }
        platform = await stack.enter_async_context(Platform.opened(workspace, **given))
        background = await stack.enter_async_context(Background())
        server = await stack.enter_async_context(gateway(platform, background))
        listener = socket.create_server(("127.0.0.1", 0))
        found = Town(platform, upstreams, listener.getsockname())
        serving = asyncio.create_task(server.serve(listener))
        try:
            await found.make_key("plain")
            await found.make_key("scoped", workflows=[world.flows[1].name])
            await found.make_key("poor", budget_usd=world.poor_usd)
            await found.make_key("admin", roles=["admin"])
            if embedder is not None and world.papers:
                papers = [paper.shelved for paper in world.papers]
                await shelve(embedder.shelf(platform), COLLECTION, papers)
            yield found
        finally:
            server.stop()
            server.stop()
            await serving


def _upstream(model: Model, befit: Path) -> Upstream:
    return CountingUpstream(
        lambda request: _answer(model, request),
        witness=lambda: written_in(befit),
    )


def _answer(model: Model, request: ChatRequest) -> Reply:
    if model.answers and (reply := cited(request)) is not None:
        return reply
    if model.answers and any(ORDER in message.text for message in request.messages):
        return Reply(text=f'{{"colour": "{SECRET_ANSWER}"}}')
    return REPLIES.get(model.behaviour, REPLIES["good"])
