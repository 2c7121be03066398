"""The promises as `befit serve` keeps them: separate processes, judged from outside."""

from __future__ import annotations

import json
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from befit.audit import verify
from befit.errors import WeightsMissing
from befit.inference.embedded.weights import PINS, located
from befit.testing import CountingUpstream, Reply
from tests.cli.conftest import Served, Shell, serve
from tests.gateway.promises.account import Account, Written, types_of, written_in
from tests.gateway.promises.network import peers_of

_HELLO = [{"role": "user", "content": "What colour is grass?"}]
_LOCAL = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
_LOOK_EVERY_S = 0.01

Upstream = CountingUpstream[tuple[Written, ...]]


def _entry(upstream: Upstream, zone: str, **more: Any) -> dict[str, Any]:
    price = {
        "input_usd_per_million": "1",
        "output_usd_per_million": "1",
        "source": "made up",
        "as_of": "2026-01-01",
    }
    entry = {"via": "openai", "url": upstream.url, "model": "test-model", "zone": zone}
    return {**entry, "size": "small", "family": "test", "price": price, **more}


def _embedded() -> dict[str, Any]:
    """The embedded models, where their weights are on this machine."""
    try:
        for name in PINS:
            located(name)
    except WeightsMissing:
        return {}
    return {
        "minilm-l6": {
            "via": "embedded",
            "size": "small",
            "weights": "minilm-l6",
            "capabilities": ["embeddings"],
        },
        "smollm2-135m": {"via": "embedded", "size": "small", "weights": "smollm2-135m"},
    }


@dataclass
class House:
    """A running `befit serve` with one near and one far upstream.

    Attributes:
        peers: the far ends of all sockets that its processes ever had open.
    """

    served: Served
    near: Upstream
    far: Upstream
    key: str
    peers: set[tuple[str, int]] = field(default_factory=set)

    @property
    def befit(self) -> Path:
        return self.served.shell.folder / ".befit"

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.served.url, api_key=self.key, max_retries=0, timeout=60)

    def chat(self, model: str = "near", **fields: Any) -> Any:
        return self.client().chat.completions.create(
            model=model, messages=_HELLO, max_tokens=16, **fields
        )

    def processes(self) -> list[int]:
        """The supervisor and everything below it."""
        found = [self.served.process.pid]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            found += map(int, children.read_text().split()) if children.exists() else ()
        return found

    def gateway_pid(self) -> int:
        (pid,) = (
            pid
            for pid in self.processes()
            if b"befit.gateway" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        )
        return pid


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("served")
    with ExitStack() as stack:
        near, far = (
            stack.enter_context(
                CountingUpstream("green", witness=lambda: written_in(folder / ".befit"))
            )
            for _ in range(2)
        )
        _write(folder, near, far)
        shell = Shell(folder)
        for served in serve(shell):
            key = shell("keys", "create", "tests", "--json").json["key"]
            found = House(served, near, far, key)
            stop = threading.Event()
            watcher = threading.Thread(target=_watch, args=(found, stop))
            watcher.start()
            yield found
            stop.set()
            watcher.join()
    # What the whole life of the processes left behind.
    assert {host for host, _ in found.peers} <= set(_LOCAL)
    assert {port for _, port in found.peers} >= {near.port}
    report = verify(found.befit)
    assert report.ok, report.problems


def _write(folder: Path, near: Upstream, far: Upstream) -> None:
    models = {
        "near": _entry(near, "onprem", context_window=8192, max_output_tokens=64),
        "far": _entry(far, "external", context_window=8192, max_output_tokens=64),
        "vectors": _entry(near, "onprem", context_window=512, capabilities=["embeddings"]),
        **_embedded(),
    }
    flows = {
        "assistant": {"description": "Anything."},
        "colours": {
            "description": "Name a colour.",
            "examples": ["What colour is grass?", "Which colour has the sky?"],
            "labels": ["red", "green"],
            "escalation": {"models": ["near", "far"], "check": "label"},
        },
    }
    (folder / "workflows").mkdir()
    (folder / "befit.yaml").write_text(json.dumps({"models": models}))
    for name, flow in flows.items():
        (folder / "workflows" / f"{name}.yaml").write_text(json.dumps(flow))


def _watch(found: House, stop: threading.Event) -> None:
    """Look again and again whom the processes have a connection to, before it is gone."""
    while not stop.wait(_LOOK_EVERY_S):
        for pid in found.processes():
            try:
                found.peers |= peers_of(pid)
            except OSError:
                continue


def test_each_call_stands_in_the_files_before_its_upstream_sees_it(house: House) -> None:
    house.chat()
    assert len(list(house.chat(stream=True))) > 1
    house.client().embeddings.create(model="vectors", input=["a", "b"])
    run = httpx.post(
        f"{house.served.url}/workflows/colours/runs",
        json={"input": "grass?"},
        headers={"authorization": f"Bearer {house.key}"},
        timeout=60,
    )
    assert run.json()["status"] == "answered"
    visits = house.near.visits[-4:]
    assert len(visits) == 4
    for visit in visits:
        *earlier, opened, reserved = visit.seen
        assert (opened.type, reserved.type) == ("opened", "reserved")
        assert opened.decision_id == reserved.decision_id
        assert opened.decision_id not in {leaf.decision_id for leaf in earlier}


def test_a_request_of_a_closed_zone_reaches_nobody(house: House) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        house.chat("far")
    with pytest.raises(openai.PermissionDeniedError):
        house.chat("far", stream=True, extra_body={"befit": {"data_class": "restricted"}})
    assert house.far.visits == []


def test_matching_by_meaning_is_a_permitted_call_on_the_device(house: House) -> None:
    if not _embedded():
        pytest.skip("real weights are needed: befit pull")
    answer = house.chat("auto")
    told = answer.model_extra["befit"]
    assert told["workflow"] == "colours"
    shown = house.served.shell("audit", "show", told["decision_id"], "--json").json
    matching = [call for call in shown["calls"] if call["purpose"] == "match"]
    assert matching
    for call in matching:
        assert (call["model"], call["zone"]) == ("minilm-l6", "device")
        assert call["data_class"] == "restricted"


def test_a_client_that_leaves_mid_stream_leaves_one_whole_decision(house: House) -> None:
    house.near.script(Reply(text="word " * 30, token_delay_s=0.05))
    before = len(house.near.visits)
    with house.chat(stream=True) as stream:
        decision_id = stream.response.headers["befit-decision"]
        next(iter(stream))
    assert len(house.near.visits) == before + 1
    for _ in range(500):
        leaves = [leaf.type for leaf in written_in(house.befit) if leaf.decision_id == decision_id]
        if "closed" in leaves:
            break
        time.sleep(0.02)
    assert leaves == ["opened", "reserved", "settled", "closed"]


def test_a_ledger_that_cannot_append_lets_no_call_through(house: House) -> None:
    """The disk is full as far as the gateway can tell: no file may grow any more."""
    pid = house.gateway_pid()
    before = len(house.near.visits)
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (64, hard))
    try:
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError) as refused:
                house.chat(stream=stream)
            assert (refused.value.status_code, refused.value.code) == (503, "ledger_unavailable")
        with pytest.raises(openai.InternalServerError):
            house.client().embeddings.create(model="vectors", input="a")
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert len(house.near.visits) == before


def test_what_was_written_is_whole_once_it_has_stopped(house: House) -> None:
    """Runs last: the fixture stops the server behind it and verifies every byte."""
    account = Account.read(house.befit)
    ends = Counter(str(types_of(events)[-1]) for events in account.decisions.values())
    assert ends.keys() <= {"closed", "waiting"}
