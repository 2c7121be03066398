"""With the network taken away, the embedded default still answers (promise 8).

The commands run in a network namespace of their own, which holds loopback and nothing else:
what asked for a name, a licence, a download or a telemetry server would fail here.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import BEFIT, needs_weights

_IFF_UP = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_ELSEWHERE = ("192.0.2.1", 443)
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}
_ISOLATED = ["unshare", "--map-root-user", "--net"]


def _needs_namespaces() -> None:
    if shutil.which("unshare") is None:
        pytest.skip("NOT TESTED: `unshare` is not installed, so the network cannot be taken away")
    tried = subprocess.run([*_ISOLATED, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"NOT TESTED: this machine allows no network namespace: {tried.stderr.strip()}")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the commands said inside the namespace."""
    _needs_namespaces()
    needs_weights()
    folder = tmp_path_factory.mktemp("offline")
    inside = subprocess.run(
        [*_ISOLATED, sys.executable, "-m", __name__, str(folder)],
        cwd=Path(__file__).parent.parent.parent,
        env={key: value for key, value in os.environ.items() if key != "BEFIT_WORKSPACE"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert inside.returncode == 0, inside.stderr[-3000:]
    return json.loads(inside.stdout)


def test_nothing_outside_can_be_reached_there(told: dict[str, object]) -> None:
    assert told["elsewhere"] in _UNREACHABLE


def test_init_and_ask_answer_without_a_network(told: dict[str, object]) -> None:
    asked = told["ask"]
    assert isinstance(asked, dict)
    assert (asked["status"], asked["zone"]) == ("answered", "device")
    assert asked["output"]


def test_serve_answers_a_client_on_loopback_without_a_network(told: dict[str, object]) -> None:
    chat = told["chat"]
    assert isinstance(chat, dict)
    assert chat["befit"]["status"] == "answered"
    assert chat["befit"]["zone"] == "device"
    assert chat["choices"][0]["message"]["content"]


def test_the_ledger_verifies_there(told: dict[str, object]) -> None:
    verified = told["verify"]
    assert isinstance(verified, dict)
    assert (verified["ok"], verified["decisions"]) == (True, 2)


# What runs inside the namespace


def _inside(folder: Path) -> dict[str, object]:
    _raise_loopback()
    elsewhere = _reach_elsewhere()
    _befit(folder, "init", "ws", "--json")
    workspace = folder / "ws"
    asked = json.loads(_befit(workspace, "ask", "Say hello.", "--json"))
    chat = _chat(workspace)
    verified = json.loads(_befit(workspace, "audit", "verify", "--json"))
    return {"elsewhere": elsewhere, "ask": asked, "chat": chat, "verify": verified}


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(probe, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))


def _reach_elsewhere() -> int:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(_ELSEWHERE)


def _befit(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [BEFIT, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"befit {' '.join(arguments)} ended with {done.returncode}")
    return done.stdout


def _chat(workspace: Path) -> dict[str, object]:
    """Serve, ask once as a client does, and stop."""
    serving = subprocess.Popen(
        [BEFIT, "serve", "--port", "0"], cwd=workspace, stdout=subprocess.PIPE, text=True
    )
    try:
        if serving.stdout is None:
            raise SystemExit("serve has no output to read")
        url = next(line for line in serving.stdout if "Befit serves" in line).split()[-1]
        key = json.loads(_befit(workspace, "keys", "create", "k", "--json"))["key"]
        body = {
            "model": "auto",
            "messages": [{"role": "user", "content": "Hello?"}],
            "max_tokens": 8,
        }
        request = urllib.request.Request(
            f"{url}/chat/completions",
            data=json.dumps(body).encode(),
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    finally:
        serving.terminate()
        serving.wait(30)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_inside(Path(sys.argv[1]))))
