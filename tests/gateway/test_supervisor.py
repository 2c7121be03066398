"""`befit serve`'s processes: started, killed, restarted, stopped, and what survives it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from befit.audit import verify
from befit.catalog import Workspace
from befit.errors import BefitError, Conflict, WeightsMissing, WorkspaceError, WorkspaceLocked
from befit.gateway import connect
from befit.gateway.supervisor import Announcement, Supervisor
from befit.inference.embedded.weights import MINILM, located
from befit.testing import Reply, ScriptedUpstream
from tests.gateway.conftest import write_workspace

HELLO = [{"role": "user", "content": "hello"}]
EMBEDDED = """
models:
  minilm-l6: {via: embedded, size: small, weights: minilm-l6, capabilities: [embeddings]}
"""


@dataclass
class Serving:
    """A supervisor that serves, and what it has said."""

    supervisor: Supervisor
    workspace: Workspace
    announced: Announcement
    running: asyncio.Task[None]
    told: list[str] = field(default_factory=list)

    async def operate(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        client = await connect(self.workspace)
        assert client is not None
        return await client.call(name, params)

    async def http(self) -> httpx.AsyncClient:
        key = await self.operate("keys.create", {"name": f"k{time.monotonic_ns()}"})
        headers = {"authorization": f"Bearer {key['key']}"}
        return httpx.AsyncClient(base_url=self.announced.url, headers=headers, timeout=30)


@asynccontextmanager
async def serving(workspace: Workspace, **options: Any) -> AsyncIterator[Serving]:
    announced: asyncio.Future[Announcement] = asyncio.get_running_loop().create_future()
    told: list[str] = []
    supervisor = Supervisor(
        workspace, announce=announced.set_result, tell=told.append, **{"port": 0, **options}
    )
    running = asyncio.create_task(supervisor.run())
    await asyncio.wait((running, announced), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    found = Serving(supervisor, workspace, announced.result(), running, told)
    try:
        yield found
    finally:
        supervisor.stop()
        supervisor.stop()
        await running


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream("so it is") as found:
        yield found


@pytest.fixture
def workspace(tmp_path: Path, upstream: ScriptedUpstream) -> Workspace:
    return write_workspace(tmp_path / "ws", near=upstream.url, far=upstream.url)


@pytest.fixture
def embedded(tmp_path: Path) -> Workspace:
    try:
        located(MINILM)
    except WeightsMissing as error:
        pytest.skip(f"real weights are needed: {error}")
    folder = tmp_path / "ws"
    (folder / "workflows").mkdir(parents=True)
    (folder / "befit.yaml").write_text(EMBEDDED)
    return Workspace.at(folder)


def children(name: str, parent: int | None = None) -> list[int]:
    """Processes below this one (or another) that run the module `name`."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                parent_id = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if name.encode() in command and parent_id == (parent or os.getpid()):
                found.append(int(entry.name))
    return found


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about")


async def test_it_announces_where_and_with_which_models_it_serves(workspace: Workspace) -> None:
    async with serving(workspace) as served:
        told = served.announced
        assert {(card.name, str(card.zone)) for card in told.models} >= {
            ("near", "onprem"),
            ("far", "external"),
        }
        assert "triage" in told.workflows
        async with await served.http() as http:
            body = {"model": "near", "messages": HELLO}
            answer = await http.post("/v1/chat/completions", json=body)
            assert answer.json()["choices"][0]["message"]["content"] == "so it is"
            assert (await http.get("/readyz")).json()["status"] == "ready"
    assert (workspace.logs_dir / "gateway.log").exists()
    assert verify(workspace.befit_dir).ok
    assert not children("befit.gateway")


async def test_a_second_serve_is_refused_naming_the_first(workspace: Workspace) -> None:
    async with serving(workspace):
        with pytest.raises(WorkspaceLocked, match=str(os.getpid())):
            async with serving(workspace):
                pass


async def test_a_port_in_use_is_named_with_what_to_do(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port} .* --port N") as caught:
            async with serving(workspace, port=port):
                pass
    assert caught.value.exit_code == 1


async def test_a_host_that_is_not_here_is_named(workspace: Workspace) -> None:
    with pytest.raises(BefitError, match=r"192\.0\.2\.1:"):
        async with serving(workspace, host="192.0.2.1"):
            pass


async def test_a_broken_file_is_named_before_anything_is_started(workspace: Workspace) -> None:
    (workspace.workflows_dir / "triage.yaml").write_text("descriptoin: x\n")
    with pytest.raises(WorkspaceError, match=r"workflows/triage\.yaml"):
        async with serving(workspace):
            pass


async def test_missing_weights_name_the_pull_that_brings_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEFIT_CACHE", str(tmp_path / "empty"))
    folder = tmp_path / "ws"
    (folder / "workflows").mkdir(parents=True)
    (folder / "befit.yaml").write_text(EMBEDDED)
    with pytest.raises(WeightsMissing, match="befit pull") as caught:
        async with serving(Workspace.at(folder)):
            pass
    assert caught.value.exit_code == 1


async def test_a_damaged_ledger_is_refused_with_its_file(workspace: Workspace) -> None:
    async with serving(workspace) as served:
        await served.operate("ask", {"text": "x", "model": "near"})
    (workspace.ledger_dir / "0.log").write_bytes(b"")
    with pytest.raises(BefitError, match=r"0\.log"):
        async with serving(workspace):
            pass


async def test_no_boot_key_is_seen_in_arguments_or_environment(workspace: Workspace) -> None:
    async with serving(workspace) as served:
        (gateway,) = children("befit.gateway")
        key = served.supervisor._boot_key
        for part in ("cmdline", "environ"):
            seen = (Path("/proc") / str(gateway) / part).read_bytes()
            assert key not in seen
            assert key.hex().encode() not in seen


async def test_a_killed_gateway_is_followed_by_one_that_has_put_all_right(
    workspace: Workspace, upstream: ScriptedUpstream
) -> None:
    async with serving(workspace) as served, await served.http() as http:
        body = {"model": "near", "messages": HELLO}
        before = (await http.post("/v1/chat/completions", json=body)).json()["befit"]
        upstream.script(Reply(delay_s=30))
        cut = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        await until(lambda: len(upstream.requests) == 2)
        (gateway,) = children("befit.gateway")
        os.kill(gateway, signal.SIGKILL)
        with pytest.raises(httpx.HTTPError):
            await cut
        # The supervisor still listens: this waits for the next gateway, and is answered.
        after = await http.post("/v1/chat/completions", json=body)
        assert after.status_code == 200
        assert any("ended with -9" in line for line in served.told)
        decisions = (await served.operate("decisions.list", {}))["decisions"]
        assert [item["status"] for item in decisions] == ["answered", "failed", "answered"]
        assert decisions[2]["decision_id"] == before["decision_id"]
        crashed = await served.operate("decisions.show", {"id": decisions[1]["decision_id"]})
        (call,) = crashed["calls"]
        assert call["outcome"] == "unsettled_at_crash"
        assert call["cost_usd"] == call["most_usd"] > 0
    assert verify(workspace.befit_dir).ok


async def test_a_killed_model_process_is_an_error_and_a_restart(embedded: Workspace) -> None:
    others = set(children("befit.inference.embedded"))  # of fixtures that live for long
    async with serving(embedded) as served, await served.http() as http:
        body = {"model": "minilm-l6", "input": "hello"}
        assert (await http.post("/v1/embeddings", json=body)).status_code == 200
        (models,) = set(children("befit.inference.embedded")) - others
        os.kill(models, signal.SIGKILL)
        during = await http.post("/v1/embeddings", json=body)
        assert during.status_code in {200, 502}  # it may have waited for the restart
        await until(lambda: bool(set(children("befit.inference.embedded")) - others - {models}))
        await _until_embedded(http, body)
        decisions = (await served.operate("decisions.list", {}))["decisions"]
        assert {item["status"] for item in decisions} <= {"answered", "failed"}
    assert verify(embedded.befit_dir).ok
    assert set(children("befit.inference.embedded")) <= others


async def _until_embedded(http: httpx.AsyncClient, body: dict[str, str]) -> None:
    for _ in range(100):
        if (await http.post("/v1/embeddings", json=body)).status_code == 200:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the model process did not come back")


def test_a_terminated_server_lets_its_stream_finish_and_exits_0(tmp_path: Path) -> None:
    with ScriptedUpstream(Reply(text="a b c d e f g h", token_delay_s=0.1)) as upstream:
        workspace = write_workspace(tmp_path / "ws", near=upstream.url, far=upstream.url)
        server, url = _started(workspace)
        with server, httpx.Client(base_url=url, headers=_key(workspace), timeout=30) as http:
            body = {"model": "near", "messages": HELLO, "stream": True}
            with http.stream("POST", "/v1/chat/completions", json=body) as answer:
                lines = answer.iter_lines()
                next(lines)
                server.send_signal(signal.SIGTERM)
                rest = [line for line in lines if line]
            assert rest[-1] == "data: [DONE]"
            assert server.wait(30) == 0
        assert verify(workspace.befit_dir).ok


def test_the_children_of_a_killed_supervisor_end_and_the_next_start_is_clean(
    tmp_path: Path,
) -> None:
    with ScriptedUpstream("ok") as upstream:
        workspace = write_workspace(tmp_path / "ws", near=upstream.url, far=upstream.url)
        for _ in range(2):
            server, url = _started(workspace)
            with server, httpx.Client(base_url=url, headers=_key(workspace)) as http:
                body = {"model": "near", "messages": HELLO}
                assert http.post("/v1/chat/completions", json=body).status_code == 200
                (gateway,) = children("befit.gateway", server.pid)
                server.kill()
                server.wait(30)
            _until_gone(gateway)
        assert verify(workspace.befit_dir).ok


_SERVE = """
import asyncio, pathlib, sys
from befit.catalog import Workspace
from befit.gateway.supervisor import Supervisor
show = lambda told: print(told.url, flush=True)
tell = lambda line: print(line, file=sys.stderr)
workspace = Workspace.at(pathlib.Path(sys.argv[1]))
asyncio.run(Supervisor(workspace, announce=show, tell=tell, port=0).run())
"""


def _started(workspace: Workspace) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-c", _SERVE, str(workspace.root)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, server.stdout.readline().strip()


def _key(workspace: Workspace) -> dict[str, str]:
    async def create() -> dict[str, Any]:
        client = await connect(workspace)
        assert client is not None
        return await client.call("keys.create", {"name": f"k{time.monotonic_ns()}"})

    return {"authorization": f"Bearer {asyncio.run(create())['key']}"}


def _until_gone(pid: int) -> None:
    for _ in range(500):
        if not (Path("/proc") / str(pid)).exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} lives on")


async def test_a_changed_file_that_is_not_in_force_is_told_on_the_terminal(
    workspace: Workspace,
) -> None:
    async with serving(workspace) as found:
        config = workspace.config_file
        config.write_text(config.read_text() + "\nunknown_key: 1\n")
        async with asyncio.timeout(10):
            while not any("unknown_key" in line for line in found.told):
                await asyncio.sleep(0.1)
    assert sum("unknown_key" in line for line in found.told) == 1
