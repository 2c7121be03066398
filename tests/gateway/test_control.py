"""The control socket: commands of the workspace's owner, and nobody else's."""

from __future__ import annotations

import asyncio
import secrets
import stat
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from befit.catalog import Workspace
from befit.errors import BefitError
from befit.gateway import ControlClient, connect
from befit.gateway.control_client import _opened
from befit.gateway.control_server import ControlServer
from befit.gateway.control_wire import SOCKET_NAME
from befit.platform import Platform
from befit.testing import Reply, ScriptedUpstream
from tests.gateway.conftest import Build, House, write_workspace


async def client_of(house: House) -> ControlClient:
    client = await connect(house.platform.workspace)
    assert client is not None
    return client


async def test_a_command_performs_an_operation_of_the_running_server(house: House) -> None:
    client = await client_of(house)
    key = await client.call("keys.create", {"name": "made", "budget_usd": Decimal("1.5")})
    house.keys["made"] = str(key["key"])
    assert await house.openai("made").models.list()
    told = await client.call("ask", {"text": "hello", "model": "near"})
    assert (told["status"], told["output"]) == ("answered", "near says so")
    assert (await house.record(str(told["decision_id"]))).principal_id == "local:admin"


async def test_an_error_arrives_as_it_was_raised(house: House) -> None:
    client = await client_of(house)
    with pytest.raises(BefitError) as caught:
        await client.call("runs.show", {"run_id": "run_none"})
    error = caught.value
    assert (error.code, error.status, error.exit_code) == ("not_found", 404, 1)
    with pytest.raises(BefitError, match="did you mean 'text'") as caught:
        await client.call("ask", {"txt": "hello"})
    assert caught.value.exit_code == 2


async def test_acting_as_a_reader_leaves_the_administrators_rights_behind(house: House) -> None:
    client = await client_of(house)
    with pytest.raises(BefitError, match="role admin"):
        await client.call("keys.list", {}, acting_as="ann:staff")
    told = await client.call("ask", {"text": "x", "model": "near"}, acting_as="ann:staff")
    assert (await house.record(str(told["decision_id"]))).principal_id == "as:ann"


async def test_progress_of_a_long_operation_arrives_on_the_way(
    house: House, tmp_path: Path
) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"id": "1", "input": "a", "expected": "red"}\n' * 1)
    house.near.script(Reply(text="red"))
    told: list[tuple[str, int, int]] = []
    client = await client_of(house)
    await client.call(
        "evaluate",
        {"workflow": "triage", "cases": str(cases), "models": ["near"]},
        lambda stage, done, total: told.append((stage, done, total)),
    )
    assert told


async def test_a_caller_that_leaves_cancels_its_operation(house: House) -> None:
    house.near.script(Reply(delay_s=30))
    client = await client_of(house)
    calling = asyncio.create_task(client.call("ask", {"text": "x", "model": "near"}))
    while not house.near.requests:
        await asyncio.sleep(0.02)
    calling.cancel()
    (decision,) = await house.until_closed(1)
    assert decision["status"] == "cut"


async def test_a_stopping_server_tells_its_callers(build: Build) -> None:
    async with build() as house:
        house.near.script(Reply(delay_s=30))
        client = await client_of(house)
        calling = asyncio.create_task(client.call("ask", {"text": "x", "model": "near"}))
        while not house.near.requests:
            await asyncio.sleep(0.02)
    with pytest.raises(BefitError) as caught:
        await calling
    assert caught.value.code == "overloaded"
    assert await connect(house.platform.workspace) is None


async def test_what_is_no_frame_is_answered_and_closed(house: House) -> None:
    for rubbish in (struct.pack(">I", 5) + b"{bad}", struct.pack(">I", 2**31)):
        reader, writer = await _opened(house.platform.workspace.run_dir / SOCKET_NAME)
        writer.write(rubbish)
        assert b'"error"' in await reader.read()
        writer.close()
    assert (await client_of(house)) is not None


async def test_the_socket_is_its_owners_alone(house: House) -> None:
    run_dir = house.platform.workspace.run_dir
    assert stat.S_IMODE((run_dir / SOCKET_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(run_dir.stat().st_mode) == 0o700


@asynccontextmanager
async def controlled(workspace: Workspace) -> AsyncIterator[ControlServer]:
    path = workspace.run_dir / SOCKET_NAME
    async with Platform.opened(
        workspace, boot_key=secrets.token_bytes(32), models_socket=path
    ) as platform:
        server = ControlServer(platform, path)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


async def test_a_workspace_with_a_long_path_has_a_socket_too(tmp_path: Path) -> None:
    async with ScriptedUpstream() as upstream:
        folder = tmp_path / ("long" * 30)
        workspace = write_workspace(folder, near=upstream.url, far=upstream.url)
        async with controlled(workspace):
            client = await connect(workspace)
            assert client is not None
            assert (await client.call("models.list", {}))["models"]


async def test_a_socket_left_by_a_killed_server_is_replaced(tmp_path: Path) -> None:
    async with ScriptedUpstream() as upstream:
        workspace = write_workspace(tmp_path / "ws", near=upstream.url, far=upstream.url)
        workspace.prepare()
        (workspace.run_dir / SOCKET_NAME).touch()
        assert await connect(workspace) is None
        async with controlled(workspace):
            assert await connect(workspace) is not None
