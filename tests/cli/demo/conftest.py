"""One small play, kept, for all tests that read what it left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from rich.console import Console

from befit.audit import Event
from befit.catalog import ModelCard, Workspace, WorkspaceLock
from befit.cli.demo import DemoPlan, play_demo
from befit.errors import WeightsMissing
from befit.inference.embedded.weights import MINILM, SMOLLM2, located
from befit.platform import Platform
from befit.vocabulary import DEFAULT_TENANT

T = TypeVar("T")

WIDTH = 80
TICKETS = 12


@pytest.fixture(scope="session", autouse=True)
def weights() -> None:
    """Everything here plays with the real models."""
    try:
        for name in (SMOLLM2, MINILM):
            located(name)
    except WeightsMissing as error:
        pytest.skip(f"the demo needs the embedded models: {error}")


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a play printed, what its `--json` says, and the workspace it left."""

    folder: Path
    printed: str
    document: dict[str, Any]

    def scene(self, name: str) -> dict[str, Any]:
        (found,) = (scene for scene in self.document["scenes"] if scene["scene"] == name)
        return found

    def row(self, name: str) -> dict[str, Any]:
        (found,) = (row for row in self.document["summary"]["rows"] if row["name"] == name)
        return found


def play(folder: Path, *, tickets: int, large: ModelCard | None = None) -> Played:
    """Play into a pipe and keep the workspace."""
    pipe = StringIO()
    plan = DemoPlan(tickets=tickets, large=large, keep=folder)
    document = asyncio.run(play_demo(plan, Console(file=pipe, width=WIDTH)))
    encoded = msgspec.json.Encoder(decimal_format="number").encode(document)
    return Played(folder=folder, printed=pipe.getvalue(), document=json.loads(encoded))


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A play on few tickets, without a large model."""
    return play(tmp_path_factory.mktemp("demo") / "kept", tickets=TICKETS)


@dataclass(frozen=True, kw_only=True)
class Left:
    """What the ledger of a kept workspace holds: events by decision, rows by table."""

    events: dict[str, tuple[Event, ...]]
    tables: dict[str, list[dict[str, Any]]]

    def fields(self, decision_id: str, kind: str) -> list[dict[str, Any]]:
        """The opened fields of a decision's events of one type, in order."""
        return [
            json.loads(msgspec.json.encode(dict(event.fields)))
            for event in self.events[decision_id]
            if event.type == kind
        ]

    def rows(self, decision_id: str, model: str) -> list[dict[str, Any]]:
        """The sealed rows of one model in a bulk decision."""
        (settled,) = (
            fields for fields in self.fields(decision_id, "settled") if fields["model"] == model
        )
        return self.tables[settled["rows"]["table"]]

    def end(self, decision_id: str) -> dict[str, Any]:
        """What `closed` or `waiting` says, whichever came last."""
        ends = [*self.fields(decision_id, "waiting"), *self.fields(decision_id, "closed")]
        return ends[-1]


@pytest.fixture(scope="session")
def left(played: Played) -> Left:
    return reopened(played, _read)


def reopened(played: Played, read: Callable[[Platform, Played], Any]) -> Any:
    """Open a kept workspace again, in another process's place."""
    workspace = Workspace.at(played.folder)

    async def opened() -> Any:
        socket = workspace.run_dir / "models.sock"
        async with Platform.opened(workspace, boot_key=bytes(32), models_socket=socket) as platform:
            return await read(platform, played)

    with WorkspaceLock(workspace):
        return asyncio.run(opened())


async def _read(platform: Platform, played: Played) -> Left:
    events: dict[str, tuple[Event, ...]] = {}
    tables: dict[str, list[dict[str, Any]]] = {}
    for decision_id in played.document["decisions"]:
        events[decision_id] = await platform.projector.events_of(DEFAULT_TENANT, decision_id)
        for event in events[decision_id]:
            told = json.loads(msgspec.json.encode(dict(event.fields))).get("rows")
            if told:
                lines = await platform.tables.rows(DEFAULT_TENANT, told["table"])
                tables[told["table"]] = [json.loads(line) for line in lines.splitlines()]
    return Left(events=events, tables=tables)
