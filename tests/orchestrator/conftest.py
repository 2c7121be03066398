"""A real workspace with real HTTP peers: an external, a private and a failing model."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from befit.audit import DecisionRecord
from befit.catalog import Workspace
from befit.identity import Principal, local_administrator
from befit.messages import BefitOptions, ChatRequest
from befit.orchestrator import Answer, Arrival, StreamedAnswer
from befit.platform import Platform
from befit.testing import ScriptedUpstream
from befit.vocabulary import DataClass

CONFIG = """
models:
  onprem:
    via: openai
    url: {onprem}
    model: test-model
    zone: onprem
    family: test
    size: small
    context_window: 8192
    max_output_tokens: 512
    price:
      {{input_usd_per_million: "1", output_usd_per_million: "2", source: t, as_of: 2026-01-01}}
  outside:
    via: openai
    url: {outside}
    model: test-model
    zone: external
    family: test
    size: large
    able: [write, plan]
    context_window: 8192
    max_output_tokens: 512
    price:
      {{input_usd_per_million: "10", output_usd_per_million: "20", source: t, as_of: 2026-01-01}}
"""

WORKFLOWS = {
    "assistant": "description: Anything.\ninstructions: Be brief.\n",
    "triage": """
description: Sort a message.
labels: [red, green]
data_class: public
escalation: {models: [onprem, outside], check: label}
""",
    "advice": """
description: Weighty advice.
impact: high
data_class: public
escalation: {models: [onprem, outside]}
reviewers: [rita]
""",
    "last": """
description: Ends at a person.
labels: [red, green]
data_class: public
escalation: {models: [onprem, outside, person], check: label}
""",
}


@dataclass(frozen=True)
class World:
    """A platform with the two peers behind its cards."""

    platform: Platform
    onprem: ScriptedUpstream
    outside: ScriptedUpstream

    async def ask(
        self,
        text: str = "hello",
        *,
        model: str = "auto",
        workflow: str | None = None,
        data_class: DataClass | None = None,
        caller: str | Principal | None = None,
    ) -> Answer:
        answer = await self.platform.orchestrator.handle(
            self.arrival(text, model=model, workflow=workflow, data_class=data_class, caller=caller)
        )
        assert isinstance(answer, Answer)
        return answer

    async def stream(
        self, text: str = "hello", *, model: str = "auto", data_class: DataClass | None = None
    ) -> StreamedAnswer:
        arrival = self.arrival(text, model=model, data_class=data_class, stream=True)
        answer = await self.platform.orchestrator.handle(arrival)
        assert isinstance(answer, StreamedAnswer)
        return answer

    def arrival(
        self,
        text: str,
        *,
        model: str = "auto",
        workflow: str | None = None,
        data_class: DataClass | None = None,
        caller: str | Principal | None = None,
        stream: bool = False,
    ) -> Arrival:
        import msgspec

        body: dict[str, object] = {
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "stream": stream,
        }
        befit: dict[str, object] = {}
        if workflow:
            befit["workflow"] = workflow
        if data_class is not None:
            befit["data_class"] = data_class.word
        if befit:
            body["befit"] = befit
        return Arrival(
            caller=caller or local_administrator(),
            request=ChatRequest.from_json(msgspec.json.encode(body)),
        )

    async def record(self, decision_id: str) -> DecisionRecord:
        return await self.platform.record("default", decision_id)


OpenWorld = Callable[..., AbstractAsyncContextManager[World]]


@asynccontextmanager
async def _opened(
    folder: Path, *, config: str = CONFIG, extra: str = "", boot_key: bytes | None = None
) -> AsyncIterator[World]:
    onprem, outside = ScriptedUpstream("green"), ScriptedUpstream("green")
    async with onprem, outside:
        (folder / "befit.yaml").write_text(
            config.format(onprem=onprem.url, outside=outside.url) + extra
        )
        (folder / "workflows").mkdir(exist_ok=True)
        for name, text in WORKFLOWS.items():
            (folder / "workflows" / f"{name}.yaml").write_text(text)
        async with Platform.opened(
            Workspace.at(folder),
            boot_key=boot_key or secrets.token_bytes(32),
            models_socket=folder / "no-models.sock",
        ) as platform:
            yield World(platform=platform, onprem=onprem, outside=outside)


@pytest.fixture
def open_world() -> OpenWorld:
    return _opened


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with _opened(tmp_path) as world:
        yield world


__all__ = ["BefitOptions", "World"]
