"""Load on one URL: wrk where it is installed, else a slower client in Python."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway.processes import LOAD_CORE, pinned

_REQUEST_BYTES = 1024
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What is asked: how many connections at once, whole answers or streams."""

    port: int
    key: str
    connections: int
    stream: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What one round brought; `errors` are answers that were none, or not 2xx."""

    requests: int
    seconds: float
    p50_ms: float
    errors: int

    @property
    def requests_per_s(self) -> float:
        """Throughput of the round."""
        return self.requests / self.seconds


def has_wrk() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def apply_load(target: Target, *, seconds: float, folder: Path) -> Load:
    """Ask as fast as answers come, for some seconds."""
    if has_wrk():
        return _by_wrk(target, seconds=seconds, folder=folder)
    return asyncio.run(_by_python(target, seconds=seconds))


def request_body(*, stream: bool) -> bytes:
    """A chat request of 1 KB."""
    body = {"model": "bench", "stream": stream, "messages": [{"role": "user", "content": ""}]}
    missing = _REQUEST_BYTES - len(json.dumps(body))
    body["messages"] = [{"role": "user", "content": ("what is measured? " * 60)[:missing]}]
    return json.dumps(body).encode()


def _by_wrk(target: Target, *, seconds: float, folder: Path) -> Load:
    script = folder / "request.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f"wrk.body = {json.dumps(request_body(stream=target.stream).decode())}\n"
        'wrk.headers["content-type"] = "application/json"\n'
        f'wrk.headers["authorization"] = "Bearer {target.key}"\n'
    )
    url = f"http://127.0.0.1:{target.port}/v1/chat/completions"
    command = [
        "wrk", "-t1", f"-c{target.connections}", f"-d{seconds:g}s", "--latency",
        "-s", str(script), url,
    ]  # fmt: skip
    run = subprocess.run(pinned(LOAD_CORE, command), check=True, capture_output=True, text=True)
    return _parsed(run.stdout)


def _parsed(text: str) -> Load:
    """wrk's report, which is written for people."""
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", text)
    median = re.search(r"50%\s+([\d.]+)(us|ms|s|m)", text)
    if total is None or median is None:
        raise RuntimeError(f"wrk said something new: {text}")
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", text)
    errors = int(wrong[1]) if wrong else 0
    errors += sum(int(each) for each in socket_errors.groups()) if socket_errors else 0
    return Load(
        requests=int(total[1]),
        seconds=float(total[2]) * _UNITS[total[3]] / 1000,
        p50_ms=float(median[1]) * _UNITS[median[2]],
        errors=errors,
    )


async def _by_python(target: Target, *, seconds: float) -> Load:
    body = request_body(stream=target.stream)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {target.key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    end = b"0\r\n\r\n" if target.stream else None
    latencies: list[float] = []
    errors = 0
    deadline = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        while time.perf_counter() < deadline:
            began = time.perf_counter()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if end is not None:
                await reader.readuntil(end)
            else:
                length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
                await reader.readexactly(int(length[1]) if length else 0)
            latencies.append((time.perf_counter() - began) * 1000)
            errors += b" 200 " not in answer[:16]
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(target.connections)))
    taken_s = time.perf_counter() - began
    return Load(
        requests=len(latencies),
        seconds=taken_s,
        p50_ms=sorted(latencies)[len(latencies) // 2],
        errors=errors,
    )
