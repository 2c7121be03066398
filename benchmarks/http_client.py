"""CPU a call of Befit's HTTP client and its OpenAI provider, on loopback.

    python -m benchmarks.http_client [--calls N] [--json]

The upstream runs in a process of its own, so that the CPU measured is the caller's.
Each row is the median of five rounds of N calls over 16 concurrent tasks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe

import uvloop

from befit.catalog import ModelCard, Via
from befit.inference.permit import Permit
from befit.inference.provider import ModelCall
from befit.inference.providers import (
    Endpoint,
    HttpClient,
    HttpRequest,
    OpenAICompatibleProvider,
    Timeouts,
)
from befit.messages import ChatRequest
from befit.testing import Reply, ScriptedUpstream
from befit.vocabulary import DataClass, Purpose, SizeClass, Zone

_TASKS = 16
_ROUNDS = 5
_CHUNKS = 50
_TEXT = "word " * 100


def _serve(pipe: Pipe) -> None:
    with ScriptedUpstream(Reply(text=_TEXT, chunks=_CHUNKS)) as upstream:
        pipe.send(upstream.url)
        pipe.recv()


async def _measure(call: Callable[[], Awaitable[None]], calls: int) -> tuple[float, float]:
    """Microseconds of CPU and of wall time a call."""
    cpu: list[float] = []
    wall: list[float] = []

    async def several() -> None:
        for _ in range(calls // _TASKS):
            await call()

    for _ in range(_ROUNDS):
        cpu_before, wall_before = time.process_time(), time.perf_counter()
        await asyncio.gather(*(several() for _ in range(_TASKS)))
        done = calls // _TASKS * _TASKS
        cpu.append((time.process_time() - cpu_before) / done * 1e6)
        wall.append((time.perf_counter() - wall_before) / done * 1e6)
    return statistics.median(cpu), statistics.median(wall)


async def _rows(url: str, calls: int) -> list[dict[str, object]]:
    client = HttpClient()
    provider = OpenAICompatibleProvider(client)
    body = b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % (b"x" * 960)
    call = _call(url, body)
    request = HttpRequest(
        method="POST",
        url=Endpoint.base(url).at("/chat/completions"),
        peer="upstream",
        headers=(("Content-Type", "application/json"),),
        body=body,
    )
    timeouts = Timeouts(connect_s=5, total_s=60)

    async def bare() -> None:
        with await client.send(request, timeouts) as response:
            await response.read()

    async def chat() -> None:
        await provider.chat(call)

    async def stream() -> None:
        async for _ in provider.stream(call):
            pass

    rows: list[dict[str, object]] = []
    for name, action, count in (
        ("http client", bare, calls),
        ("provider chat", chat, calls),
        (f"provider stream of {_CHUNKS} chunks", stream, calls // 10),
    ):
        await _measure(action, _TASKS)  # opens the connections
        cpu_us, wall_us = await _measure(action, count)
        rows.append({"what": name, "calls": count, "cpu_us": cpu_us, "wall_us": wall_us})
    client.close()
    return rows


def _call(url: str, body: bytes) -> ModelCall:
    card = ModelCard(
        name="m",
        family="test",
        size=SizeClass.SMALL,
        via=Via.OPENAI,
        zone=Zone.DEVICE,
        url=url,
        upstream_model="m",
    )
    permit = Permit(
        permit_id="permit",
        tenant="default",
        decision_id="dec",
        step="1",
        purpose=Purpose.ANSWER,
        data_class=DataClass.PUBLIC,
        models=("m",),
        reservation_id="res",
        expires_at=0.0,
    )
    return ModelCall(permit=permit, card=card, request=ChatRequest.from_json(body))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=8000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    server.start()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rows = runner.run(_rows(ours.recv(), options.calls))
    finally:
        ours.send(None)
        server.join(10)
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        print(f"{row['what']:32} {row['cpu_us']:8.1f} us CPU {row['wall_us']:8.1f} us wall a call")


if __name__ == "__main__":
    main()
