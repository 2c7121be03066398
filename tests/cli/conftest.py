"""A shell that runs `befit` as a user does, and a workspace with two scripted models."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from befit.errors import WeightsMissing
from befit.inference.embedded.weights import PINS, located
from befit.testing import ScriptedUpstream
from tests.cli.in_process import can_run_here, run_here

BEFIT = Path(sys.executable).with_name("befit")

CONFIG = """
models:
  near: &near
    via: openai
    url: {near}
    model: test-model
    zone: device
    family: test
    size: small
    context_window: 8192
    max_output_tokens: 256
    price:
      {{input_usd_per_million: "1", output_usd_per_million: "2", source: t, as_of: 2026-01-01}}
  far:
    via: openai
    url: {far}
    model: test-model
    zone: external
    family: test
    size: large
    able: [write, plan]
    context_window: 8192
    max_output_tokens: 256
    price:
      {{input_usd_per_million: "10", output_usd_per_million: "20", source: t, as_of: 2026-01-01}}
""".replace(" &near", "")

WORKFLOWS = {
    "assistant": "description: Anything.\ninstructions: Be brief.\n",
    "colour": """
description: Name the colour.
labels: [red, green]
data_class: public
requirements: {quality_bar: 0.5}
escalation: {models: [near, far], check: label}
""",
    "advice": """
description: Weighty advice.
impact: high
escalation: {models: [near]}
""",
    "form": """
description: Fill the form.
input_schema: {type: object, required: [customer], properties: {customer: {type: integer}}}
output_schema: {type: object, required: [ok], properties: {ok: {type: boolean}}}
escalation: {models: [near], check: schema}
""",
}


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


class Shell:
    """Runs `befit` in a folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environ = {k: v for k, v in os.environ.items() if k != "BEFIT_WORKSPACE"}
        self.environ |= environ or {}

    def __call__(self, *arguments: str, code: int | None = 0, stdin: str = "") -> Result:
        """Run one command to its end, in this process where that can be."""
        run = run_here if can_run_here() else _run_apart
        ended, out, err = run(arguments, folder=self.folder, environ=self.environ, stdin=stdin)
        assert code is None or ended == code, f"befit {arguments}: {ended}\n{err}"
        return Result(ended, out, err)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BEFIT, *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _run_apart(
    arguments: Sequence[str], *, folder: Path, environ: Mapping[str, str], stdin: str
) -> tuple[int, str, str]:
    done = subprocess.run(
        [BEFIT, *arguments],
        cwd=folder,
        env=environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def needs_weights() -> None:
    """Skip, saying what to do, where the embedded models have not been pulled."""
    for name in PINS:
        try:
            located(name)
        except WeightsMissing as missing:
            pytest.skip(f"{missing}")


def answering(text: str) -> str:
    """What the scripted models say to a request's last message."""
    if "form" in text or "customer" in text:
        return '{"ok": true}'
    if "grass" in text:
        return "green"
    return "red"


@pytest.fixture(scope="module")
def near() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(lambda request: answering(request.text)) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def far() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream("green") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def shell(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream, far: ScriptedUpstream
) -> Shell:
    """A shell in a workspace of two scripted models, without a server."""
    return make_workspace(tmp_path_factory.mktemp("workspace"), near, far)


def make_workspace(folder: Path, near: ScriptedUpstream, far: ScriptedUpstream) -> Shell:
    (folder / "workflows").mkdir()
    (folder / "befit.yaml").write_text(CONFIG.format(near=near.url, far=far.url))
    for name, text in WORKFLOWS.items():
        (folder / "workflows" / f"{name}.yaml").write_text(text)
    return Shell(folder)


@dataclass
class Served:
    """A running `befit serve`."""

    shell: Shell
    process: subprocess.Popen[str]
    url: str
    announced: str


def serve(shell: Shell) -> Iterator[Served]:
    """Run `befit serve` beside the test; it must stop by itself when told to."""
    process = shell.start("serve", "--port", "0")
    assert process.stdout is not None
    said: list[str] = []
    while "client.chat" not in "".join(said):
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"serve ended: {process.communicate()[1]}")
        said.append(line)
    announced = "".join(said)
    url = announced.split("Befit serves ")[1].split()[0]
    yield Served(shell=shell, process=process, url=url, announced=announced)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def until(condition: Any, *, within_s: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
