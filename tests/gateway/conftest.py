"""A real gateway on loopback: a workspace, scripted models behind it, keys of three roles."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from befit.audit import DecisionRecord
from befit.catalog import Workspace
from befit.gateway.background import Background
from befit.gateway.limits import Limits
from befit.gateway.operations import OperationCall, perform
from befit.gateway.process import gateway
from befit.gateway.server import GatewayServer
from befit.identity import Principal, local_administrator
from befit.platform import Platform
from befit.testing import ScriptedUpstream
from befit.vocabulary import silent
from tests.embedder import RunningEmbedder

CONFIG = """
models:
  near:
    via: openai
    url: {near}
    model: test-model
    zone: onprem
    family: test
    size: small
    context_window: 8192
    max_output_tokens: 512
    capabilities: [chat, tools, structured_output]
    able: [write]
    price:
      input_usd_per_million: "1"
      output_usd_per_million: "2"
      source: test
      as_of: 2026-01-01
  far:
    via: openai
    url: {far}
    model: test-model
    zone: external
    family: test
    size: large
    context_window: 8192
    max_output_tokens: 512
    capabilities: [chat, tools, structured_output]
    able: [write, plan]
    price:
      input_usd_per_million: "10"
      output_usd_per_million: "20"
      source: test
      as_of: 2026-01-01
    timeouts: {{connect_s: 2, first_token_s: 1, total_s: 1}}
  vectors:
    via: openai
    url: {near}
    model: test-model
    zone: onprem
    family: test
    size: small
    context_window: 8192
    capabilities: [embeddings]
    price:
      input_usd_per_million: "1"
      output_usd_per_million: "0"
      source: test
      as_of: 2026-01-01
{more}
"""

WORKFLOWS = {
    "assistant": "description: Anything.\ninstructions: Be brief.\n",
    "triage": """
description: Sort a message.
labels: [red, green]
data_class: public
escalation: {models: [near, far], check: label}
""",
    "advice": """
description: Weighty advice.
impact: high
data_class: public
escalation: {models: [near]}
""",
    "extract": """
description: Take a message apart.
data_class: public
input_schema: {type: object, required: [text], properties: {text: {type: string}}}
output_schema: {type: object, required: [colour], properties: {colour: {type: string}}}
escalation: {models: [near], check: schema}
""",
}


@dataclass
class House:
    """A gateway with what stands behind and before it."""

    platform: Platform
    server: GatewayServer
    near: ScriptedUpstream
    far: ScriptedUpstream
    url: str
    serving: asyncio.Task[None]
    keys: dict[str, str] = field(default_factory=dict)
    clients: list[openai.AsyncOpenAI] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def openai(self, who: str = "user", **options: Any) -> openai.AsyncOpenAI:
        client = openai.AsyncOpenAI(
            base_url=f"{self.url}/v1", api_key=self.keys[who], **{"max_retries": 0, **options}
        )
        self.clients.append(client)
        return client

    def http(self, who: str | None = "user") -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.keys[who]}"} if who else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    async def key(self, name: str, **params: Any) -> str:
        document = await self.operate("keys.create", {"name": name, **params})
        return str(document["key"])

    async def operate(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        return await self.operate_as(local_administrator(), name, params)

    async def operate_as(
        self, principal: Principal, name: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        call = OperationCall(platform=self.platform, principal=principal, progress=silent)
        return await perform(name, params, call)

    async def record(self, decision_id: str) -> DecisionRecord:
        return await self.platform.record("default", decision_id)

    async def decisions(self) -> list[dict[str, Any]]:
        found = await self.operate("decisions.list", {"limit": 500})
        return found["decisions"]

    async def until_closed(self, count: int) -> list[dict[str, Any]]:
        """Wait until there are so many decisions and none of them is open."""
        found: list[dict[str, Any]] = []
        for _ in range(200):
            found = await self.decisions()
            if len(found) == count and all(item["status"] != "open" for item in found):
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"not {count} closed decisions: {found}")


Build = Callable[..., AbstractAsyncContextManager[House]]


def write_workspace(
    folder: Path, *, near: str, far: str, more: str = "", workflows: Mapping[str, str] | None = None
) -> Workspace:
    (folder / "workflows").mkdir(parents=True, exist_ok=True)
    (folder / "befit.yaml").write_text(CONFIG.format(near=near, far=far, more=more))
    for name, text in {**WORKFLOWS, **(workflows or {})}.items():
        (folder / "workflows" / f"{name}.yaml").write_text(text)
    return Workspace.at(folder)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    @asynccontextmanager
    async def built(
        *,
        limits: Limits | None = None,
        more: str = "",
        name: str = "ws",
        workflows: Mapping[str, str] | None = None,
        embedder: RunningEmbedder | None = None,
    ) -> AsyncIterator[House]:
        async with ScriptedUpstream("near says so") as near, ScriptedUpstream("far says so") as far:
            workspace = write_workspace(
                tmp_path / name, near=near.url, far=far.url, more=more, workflows=workflows
            )
            async with (
                Platform.opened(
                    workspace,
                    boot_key=embedder.boot_key if embedder else secrets.token_bytes(32),
                    models_socket=embedder.socket
                    if embedder
                    else workspace.run_dir / "models.sock",
                ) as platform,
                Background() as background,
                gateway(platform, background, limits=limits) as server,
            ):
                listener = socket.create_server(("127.0.0.1", 0))
                port = listener.getsockname()[1]
                house = House(
                    platform=platform,
                    server=server,
                    near=near,
                    far=far,
                    url=f"http://127.0.0.1:{port}",
                    serving=asyncio.create_task(server.serve(listener)),
                )
                for role in ("user", "reviewer", "admin"):
                    house.keys[role] = await house.key(role, roles=[role])
                house.keys["other"] = await house.key("other")
                try:
                    yield house
                finally:
                    for client in house.clients:
                        await client.close()
                    server.stop()
                    server.stop()
                    await house.serving

    return built


@pytest.fixture
async def house(build: Build) -> AsyncIterator[House]:
    async with build() as built:
        yield built
