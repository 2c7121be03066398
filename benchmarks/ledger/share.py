"""The ledger's share of the gateway: throughput with it, over throughput without any.

Both gateways run in the same rounds, one after the other, on the same core, so that a
neighbour on the machine slows both. The share is 1 minus the median of the ratios. Few
connections wait for the disk twice a request, and leave the core idle meanwhile; many
share each group.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from befit.catalog import Workspace
from befit.gateway import ControlClient, connect
from benchmarks.gateway.load import Target, apply_load
from benchmarks.gateway.processes import (
    GATEWAY_CORE,
    LOAD_CORE,
    cpu_seconds,
    free_port,
    started,
)
from benchmarks.gateway.served import write_workspace

_READY_S = 60.0
_CONNECTIONS = (16, 64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What the gateway gives up for its ledger, of whole answers.

    Attributes:
        share: of requests per second; the least and the most of the rounds beside it.
        cpu_share: of the gateway's CPU a request, which a busy machine sways less.
    """

    connections: int
    with_ledger_per_s: float
    without_per_s: float
    share: float
    share_least: float
    share_most: float
    cpu_share: float
    rounds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Served:
    pid: int
    port: int
    key: str


def shares(folder: Path, *, rounds: int, seconds: int) -> list[Share]:
    """Measure both gateways in turn, at few and at many connections."""
    upstream = free_port()
    command = [sys.executable, "-m", "benchmarks.gateway.upstream", str(upstream)]
    with ExitStack() as running:
        running.enter_context(started(LOAD_CORE, command, port=upstream))
        served = {
            kind: running.enter_context(_gateway(folder / kind, upstream, kind))
            for kind in ("real", "memory")
        }
        return [
            _share(served, connections, rounds=rounds, seconds=seconds, folder=folder)
            for connections in _CONNECTIONS
        ]


def _share(
    served: dict[str, _Served], connections: int, *, rounds: int, seconds: int, folder: Path
) -> Share:
    speeds: dict[str, list[float]] = {kind: [] for kind in served}
    costs: dict[str, list[float]] = {kind: [] for kind in served}
    for at in range(rounds + 1):
        for kind in sorted(served, reverse=bool(at % 2)):
            each = served[kind]
            target = Target(port=each.port, key=each.key, connections=connections, stream=False)
            before = cpu_seconds(each.pid)
            load = apply_load(target, seconds=seconds if at else 1, folder=folder)
            if load.errors or not load.requests:
                raise RuntimeError(f"{kind}: {load.errors} errors in {load.requests} requests")
            if at:  # the first round warms up
                speeds[kind].append(load.requests_per_s)
                costs[kind].append((cpu_seconds(each.pid) - before) / load.requests)
    parts = [1 - real / free for real, free in zip(speeds["real"], speeds["memory"], strict=True)]
    return Share(
        connections=connections,
        with_ledger_per_s=round(median(speeds["real"]), 1),
        without_per_s=round(median(speeds["memory"]), 1),
        share=round(median(parts), 4),
        share_least=round(min(parts), 4),
        share_most=round(max(parts), 4),
        cpu_share=round(1 - median(costs["memory"]) / median(costs["real"]), 4),
        rounds=rounds,
    )


@contextmanager
def _gateway(folder: Path, upstream: int, kind: str) -> Generator[_Served]:
    port = free_port()
    workspace = write_workspace(folder, f"http://127.0.0.1:{upstream}/v1")
    module = "benchmarks.ledger.served"
    command = [sys.executable, "-m", module, str(workspace.root), str(port), kind]
    with started(GATEWAY_CORE, command, port=port) as pid:
        yield _Served(pid=pid, port=port, key=asyncio.run(_key(workspace)))


async def _key(workspace: Workspace) -> str:
    client: ControlClient | None = None
    async with asyncio.timeout(_READY_S):
        while client is None:
            await asyncio.sleep(0.1)
            client = await connect(workspace)
    key = await client.call("keys.create", {"name": "bench", "budget_usd": "1000000"})
    return str(key["key"])
