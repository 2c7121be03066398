"""Befit with everything on, as the benchmark serves it.

    python -m benchmarks.gateway.served WORKSPACE PORT

prints `ready` and serves until it is terminated. Key, policy, permit, budget, ledger with
fsync, receipts and metering are those of `befit serve`; only the terminal output is not.
Whether texts are examined is the workspace's to say: the two profiles of the benchmark.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from befit.catalog import Workspace
from befit.gateway.supervisor import Supervisor

CONFIG = """
models:
  bench:
    via: openai
    url: {url}
    model: bench
    zone: device
    family: bench
    size: small
    context_window: 32768
    max_output_tokens: 4096
    able: [write]
    price:
      input_usd_per_million: "0.1"
      output_usd_per_million: "0.4"
      source: made up for the benchmark
      as_of: 2026-01-01
detection:
  enabled: {detects}
"""
WORKFLOW = "description: Anything.\n"


def write_workspace(folder: Path, upstream_url: str, *, detects: bool = False) -> Workspace:
    """A workspace with one priced model behind the mock upstream.

    With `detects`, the text of each request is examined; without, what is declared counts.
    """
    (folder / "workflows").mkdir(parents=True)
    (folder / "befit.yaml").write_text(
        CONFIG.format(url=upstream_url, detects=str(detects).lower())
    )
    (folder / "workflows" / "assistant.yaml").write_text(WORKFLOW)
    return Workspace.at(folder)


def main(folder: str, port: str) -> None:
    """Serve the workspace."""
    supervisor = Supervisor(
        Workspace.at(Path(folder)),
        announce=lambda announcement: print("ready", announcement.url, flush=True),
        tell=lambda line: print(line, file=sys.stderr, flush=True),
        port=int(port),
    )
    asyncio.run(supervisor.run())


if __name__ == "__main__":
    main(*sys.argv[1:])
