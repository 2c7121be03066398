"""The lamp works: a handbook with rights, the real embedder, and two models that may write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from befit.audit import DecisionRecord, EventType
from befit.catalog import Workspace
from befit.identity import Principal, local_administrator
from befit.knowledge.access import Acl
from befit.messages import ChatRequest
from befit.orchestrator import Answer, Arrival
from befit.platform import Platform
from befit.testing import ScriptedUpstream
from befit.testing.shelving import Shelved, shelve
from befit.vocabulary import DataClass
from tests.embedder import CARD, RunningEmbedder

CONFIG = """
undeclared_class: public
models:
  onprem:
    via: openai
    url: {onprem}
    model: test-model
    zone: onprem
    family: test
    size: small
    able: [write]
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
  unable:
    via: openai
    url: {onprem}
    model: test-model
    zone: onprem
    family: test
    size: small
    context_window: 8192
    max_output_tokens: 512
"""

WORKFLOWS = {
    "assistant": "description: Anything.\ninstructions: Be brief.\n",
    "ask-documents": "description: Ask the documents.\nknowledge: {}\n",
    "write-it": """
description: Write from the documents.
instructions: Write like a clerk.
knowledge: {mode: write}
escalation: {models: [onprem, outside]}
""",
    "write-outside": "knowledge: {mode: write}\nescalation: {models: [outside]}\n",
    "write-or-person": "knowledge: {mode: write}\nescalation: {models: [onprem, person]}\n",
    "handbook-only": "knowledge: {collections: [handbook]}\n",
    "weighty": "impact: high\nknowledge: {collections: [handbook]}\n",
    "no-documents": "instructions: Be brief.\n",
}

TRAVEL = """\
Employees of the lamp works travel by train when the journey takes less than five hours. \
Flights need the approval of the head of the department.

A hotel room is paid for up to 120 EUR a night. Breakfast is not paid for apart.
"""
SALARIES = """\
The salary band of a lamp designer is 48,000 to 61,000 EUR a year. \
The bonus of a lamp designer is at most 4,000 EUR.
"""
HANDBOOK = (
    Shelved(doc_id="travel.md", title="Travel", text=TRAVEL, data_class=DataClass.PUBLIC),
    Shelved(
        doc_id="salaries.md",
        title="Salaries",
        text=SALARIES,
        acl=Acl(groups=frozenset({"hr"})),
        data_class=DataClass.CONFIDENTIAL,
    ),
    Shelved(
        doc_id="cleaning.md",
        title="Cleaning",
        text="The workshop floor is swept every evening at six. Lamps are dusted on Fridays.\n",
        data_class=DataClass.PUBLIC,
    ),
    Shelved(
        doc_id="canteen.md",
        title="Canteen",
        text="The canteen is open from eleven to two. On Mondays there is soup.\n",
        data_class=DataClass.PUBLIC,
    ),
)

MARA = local_administrator(acting_as="mara")
HANA = local_administrator(acting_as="hana:hr")


@dataclass(frozen=True)
class LampWorks:
    """A platform whose handbook is shelved, with the two peers that may write."""

    platform: Platform
    onprem: ScriptedUpstream
    outside: ScriptedUpstream
    embedder: RunningEmbedder
    keys: Mapping[str, str]
    folder: Path

    async def ask(
        self,
        text: str,
        *,
        reader: Principal = MARA,
        model: str = "auto",
        history: tuple[tuple[str, str], ...] = (),
        more: Mapping[str, object] | None = None,
        **befit: object,
    ) -> Answer:
        arrival = self.arrival(
            text, reader=reader, model=model, history=history, more=more, **befit
        )
        answer = await self.platform.orchestrator.handle(arrival)
        assert isinstance(answer, Answer)
        return answer

    def arrival(
        self,
        text: str,
        *,
        reader: Principal = MARA,
        model: str = "auto",
        history: tuple[tuple[str, str], ...] = (),
        more: Mapping[str, object] | None = None,
        **befit: object,
    ) -> Arrival:
        turns = [{"role": role, "content": content} for role, content in history]
        body: dict[str, object] = {
            "model": model,
            "messages": [*turns, {"role": "user", "content": text}],
            **(more or {}),
        }
        if befit:
            body["befit"] = befit
        return Arrival(caller=reader, request=ChatRequest.from_json(msgspec.json.encode(body)))

    async def record(self, answer: Answer) -> DecisionRecord:
        return await self.platform.record("default", answer.standing.decision_id)

    async def events(self, decision_id: str) -> list[EventType]:
        events = await self.platform.projector.events_of("default", decision_id)
        return [event.type for event in events]


@asynccontextmanager
async def lamp_works(
    folder: Path,
    embedder: RunningEmbedder,
    *,
    documents: tuple[Shelved, ...] = HANDBOOK,
    more: str = "",
    files: Mapping[str, str] | None = None,
) -> AsyncIterator[LampWorks]:
    onprem, outside = ScriptedUpstream("ok"), ScriptedUpstream("ok")
    async with onprem, outside:
        text = CONFIG.format(onprem=onprem.url, outside=outside.url) + CARD + more
        (folder / "befit.yaml").write_text(text)
        (folder / "workflows").mkdir(exist_ok=True)
        for name, content in WORKFLOWS.items():
            (folder / "workflows" / f"{name}.yaml").write_text(content)
        for name, content in (files or {}).items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content)
        async with Platform.opened(
            Workspace.at(folder), boot_key=embedder.boot_key, models_socket=embedder.socket
        ) as platform:
            keys = await shelve(embedder.shelf(platform), "handbook", documents)
            yield LampWorks(
                platform=platform,
                onprem=onprem,
                outside=outside,
                embedder=embedder,
                keys=keys,
                folder=folder,
            )


@pytest.fixture
async def works(tmp_path: Path, embedder: RunningEmbedder) -> AsyncIterator[LampWorks]:
    async with lamp_works(tmp_path, embedder) as works:
        yield works
