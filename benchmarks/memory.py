"""The memory of `befit serve` at rest, both embedded models loaded, over all its processes.

    python -m benchmarks.memory [--json]

RSS counts shared pages in every process that maps them; PSS shares them out, so its sum
is what the machine really gives. The limit that the project sets itself is on RSS.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

LIMIT_MB = 900
_READY_S = 120.0
_SETTLE_S = 3.0


def main() -> int:
    """Serve a fresh workspace, measure it, stop it; exit 1 above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    as_json = bool(parser.parse_args().json)
    with tempfile.TemporaryDirectory() as folder:
        befit = [sys.executable, "-m", "befit.cli"]
        subprocess.run([*befit, "init", folder], check=True, capture_output=True)
        serve = [*befit, "--workspace", folder, "serve", "--port", "0"]
        with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
            try:
                rows = _measured(server)
            finally:
                server.send_signal(signal.SIGTERM)
    total = {"process": "all", "rss_mb": _sum(rows, "rss_mb"), "pss_mb": _sum(rows, "pss_mb")}
    if as_json:
        print(json.dumps({"rows": [*rows, total], "limit_mb": LIMIT_MB}))
    else:
        for row in [*rows, total]:
            print(f"{row['process']:<34} {row['rss_mb']:>6} MB RSS  {row['pss_mb']:>6} MB PSS")
    return 0 if float(total["rss_mb"]) <= LIMIT_MB else 1


def _measured(server: subprocess.Popen[str]) -> list[dict[str, str | float]]:
    _wait_until_ready(server.stdout)
    time.sleep(_SETTLE_S)
    return [_memory(pid) for pid in (server.pid, *_descendants(server.pid))]


def _wait_until_ready(output: IO[str] | None) -> None:
    deadline = time.monotonic() + _READY_S
    for line in output or ():
        if line.startswith("Befit serves"):
            return
        if time.monotonic() > deadline:
            break
    raise SystemExit("befit serve did not become ready; run `befit pull` first")


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, children) for found in (child, *_descendants(child))]


def _memory(pid: int) -> dict[str, str | float]:
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    name = next((word for word in command if word.startswith("befit.")), "befit")
    return {
        "process": "supervisor" if name == "befit.cli" else name,
        "rss_mb": _field(told, "Rss"),
        "pss_mb": _field(told, "Pss"),
    }


def _field(told: str, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", told, re.MULTILINE)
    return round(int(found.group(1)) / 1024, 1) if found else 0.0


def _sum(rows: list[dict[str, str | float]], name: str) -> float:
    return round(sum(float(row[name]) for row in rows), 1)


if __name__ == "__main__":
    sys.exit(main())
