"""`python -m benchmarks.gateway`: Befit beside nginx as a plain proxy, a core each.

Both stand before the same mock upstream and answer the same 1 KB requests, whole and as a
stream of 50 chunks. Befit runs with everything on, in two profiles: the row `befit` takes the
class that is declared, `befit-detect` examines the text of each request as well. The ratios
are those of requests per second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from befit.catalog import Workspace
from befit.gateway import ControlClient, connect
from benchmarks.gateway.load import Load, Target, apply_load, has_wrk
from benchmarks.gateway.processes import (
    GATEWAY_CORE,
    LOAD_CORE,
    cpu_seconds,
    free_port,
    fsync_ms,
    started,
)
from benchmarks.gateway.served import write_workspace

_CONNECTIONS = (1, 16)
_READY_S = 60.0
_NGINX_ROW, _BEFIT_ROW, _DETECT_ROW = "nginx", "befit", "befit-detect"

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  upstream bench {{
    server 127.0.0.1:{upstream};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """The median of a gateway's rounds at one kind of load."""

    gateway: str
    connections: int
    stream: bool
    requests_per_s: float
    cpu_us: float
    p50_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long and how often each kind of load is applied."""

    seconds: float
    rounds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A gateway that listens."""

    name: str
    pid: int
    port: int
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What is printed.

    Attributes:
        fsync_ms: the disk's own pace.
        ratio: Befit's requests/s over nginx's, for the profile of declared classes.
        detect_ratio: the same for the profile that examines texts.
        detect_share: that profile's requests/s over those of the first.
    """

    rows: tuple[Row, ...]
    fsync_ms: float
    ratio: dict[str, float | None]
    detect_ratio: dict[str, float | None]
    detect_share: dict[str, float | None]


def main() -> int:
    """Measure, print, and say what could not be measured."""
    parser = argparse.ArgumentParser(prog="benchmarks.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round each")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    arguments = parser.parse_args()
    plan = Plan(seconds=3, rounds=1) if arguments.quick else Plan(seconds=8, rounds=3)
    with tempfile.TemporaryDirectory(prefix="befit-bench-") as folder:
        figures = _measure(Path(folder), plan)
    if arguments.json:
        print(json.dumps(asdict(figures)))
    else:
        _print_table(figures)
    return 0


def _measure(folder: Path, plan: Plan) -> Figures:
    upstream = free_port()
    command = [sys.executable, "-m", "benchmarks.gateway.upstream", str(upstream)]
    rows: list[Row] = []
    with started(LOAD_CORE, command, port=upstream):
        if _is_comparable():
            with _nginx(folder, upstream) as served:
                rows += _rows(served, plan, folder)
        for name in (_BEFIT_ROW, _DETECT_ROW):
            with _befit(folder, upstream, name) as served:
                rows += _rows(served, plan, folder)
    return Figures(
        rows=tuple(rows),
        fsync_ms=round(fsync_ms(folder), 3),
        ratio=_ratios(rows, _BEFIT_ROW, _NGINX_ROW),
        detect_ratio=_ratios(rows, _DETECT_ROW, _NGINX_ROW),
        detect_share=_ratios(rows, _DETECT_ROW, _BEFIT_ROW),
    )


def _is_comparable() -> bool:
    """Whether nginx and wrk are here; a slower load generator would flatter the ratio."""
    missing = [name for name in ("nginx", "wrk") if shutil.which(name) is None]
    if missing:
        told = " and ".join(missing)
        print(
            f"NOT COMPARED: {told} not installed (apt install {' '.join(missing)}); "
            "Befit's own figures follow, the ratio is null",
            file=sys.stderr,
        )
    if not has_wrk():
        print(
            "NOTE: load comes from a Python client, which takes more CPU than wrk and so "
            "understates requests per second",
            file=sys.stderr,
        )
    return not missing


def _rows(served: Served, plan: Plan, folder: Path) -> list[Row]:
    return [
        _row(
            served,
            Target(port=served.port, key=served.key, connections=connections, stream=stream),
            plan,
            folder,
        )
        for stream in (False, True)
        for connections in _CONNECTIONS
    ]


def _row(served: Served, target: Target, plan: Plan, folder: Path) -> Row:
    apply_load(target, seconds=1, folder=folder)  # connections, caches and code warm up
    loads: list[Load] = []
    cpu_us: list[float] = []
    for _ in range(plan.rounds):
        before = cpu_seconds(served.pid)
        load = apply_load(target, seconds=plan.seconds, folder=folder)
        if load.errors or not load.requests:
            raise RuntimeError(f"{served.name}: {load.errors} errors in {load.requests} requests")
        cpu_us.append((cpu_seconds(served.pid) - before) / load.requests * 1e6)
        loads.append(load)
    return Row(
        gateway=served.name,
        connections=target.connections,
        stream=target.stream,
        requests_per_s=round(statistics.median(load.requests_per_s for load in loads), 1),
        cpu_us=round(statistics.median(cpu_us), 1),
        p50_ms=round(statistics.median(load.p50_ms for load in loads), 3),
    )


@contextmanager
def _nginx(folder: Path, upstream: int) -> Generator[Served]:
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port))
    command = ["nginx", "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(config)]
    with started(GATEWAY_CORE, command, port=port) as pid:
        yield Served(name=_NGINX_ROW, pid=pid, port=port, key="none")


@contextmanager
def _befit(folder: Path, upstream: int, name: str) -> Generator[Served]:
    port = free_port()
    url = f"http://127.0.0.1:{upstream}/v1"
    workspace = write_workspace(folder / name, url, detects=name == _DETECT_ROW)
    command = [sys.executable, "-m", "benchmarks.gateway.served", str(workspace.root), str(port)]
    with started(GATEWAY_CORE, command, port=port) as pid:
        yield Served(name=name, pid=pid, port=port, key=asyncio.run(_key(workspace)))


async def _key(workspace: Workspace) -> str:
    """A key with a budget, so that every request reserves and settles money."""
    client: ControlClient | None = None
    async with asyncio.timeout(_READY_S):
        # The supervisor listens on the port before the gateway answers commands.
        while client is None:
            await asyncio.sleep(0.1)
            client = await connect(workspace)
    key = await client.call("keys.create", {"name": "bench", "budget_usd": "1000000"})
    return str(key["key"])


def _ratios(rows: list[Row], name: str, over: str) -> dict[str, float | None]:
    """One gateway's requests/s over another's, by kind of load; None where one is missing."""
    by_kind = {(row.gateway, row.stream, row.connections): row.requests_per_s for row in rows}
    ratios: dict[str, float | None] = {}
    for stream in (False, True):
        for connections in _CONNECTIONS:
            own = by_kind.get((name, stream, connections))
            other = by_kind.get((over, stream, connections))
            kind = f"{'stream' if stream else 'json'}_{connections}"
            ratios[kind] = None if own is None or other is None else round(own / other, 4)
    return ratios


def _print_table(figures: Figures) -> None:
    print(
        f"{'gateway':12} {'connections':>11} {'stream':>6} {'req/s':>9} {'cpu us':>8} {'p50 ms':>8}"
    )
    for row in figures.rows:
        print(
            f"{row.gateway:12} {row.connections:>11} {'yes' if row.stream else 'no':>6} "
            f"{row.requests_per_s:>9,.0f} {row.cpu_us:>8,.0f} {row.p50_ms:>8.2f}"
        )
    print(f"fsync {figures.fsync_ms} ms; ratios to nginx: {figures.ratio}")
    print(f"with detection: {figures.detect_ratio}; of befit's own: {figures.detect_share}")


if __name__ == "__main__":
    sys.exit(main())
