"""Resolve the locked requirements anew: `make lock`, or `make lock UPGRADE=1`.

Writes core.lock (what Befit runs on, and the build backend) and dev.lock (the same and
the development tools, at the same versions). The files hold names, versions and hashes
and no address: pip takes the packages from wherever it is configured to.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADER = "# Written by `make lock` from pyproject.toml. Not edited by hand.\n"
# A line of a lock: a requirement, one of its hashes, or a comment on who needs it.
LINE = re.compile(r"^([a-z0-9][a-z0-9._-]*==|    --hash=sha256:[0-9a-f]{64}|    #)")


def main() -> int:
    """Write both locks and say how many packages each holds."""
    upgrade = sys.argv[1:] == ["--upgrade"]
    core = _resolve("core", groups=("build",), upgrade=upgrade)
    dev = _resolve("dev", groups=("dev",), upgrade=upgrade, within=core)
    for path in (core, dev):
        packages = sum(line[0].isalnum() for line in path.read_text().splitlines())
        print(f"{path.relative_to(HERE.parent)}: {packages} packages")
    return 0


def _resolve(
    name: str, *, groups: tuple[str, ...], upgrade: bool, within: Path | None = None
) -> Path:
    lock = HERE / f"{name}.lock"
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml"]
    command += [part for group in groups for part in ("--group", group)]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    command += ["--output-file", str(lock)]
    command += ["--upgrade"] if upgrade else []
    command += ["--constraints", str(within)] if within else []
    subprocess.run(command, cwd=HERE.parent, check=True)
    text = lock.read_text().removeprefix(HEADER)
    if stray := [line for line in text.splitlines() if not LINE.match(line)]:
        raise SystemExit(f"{lock.name} holds a line that may name an address: {stray[0]!r}")
    lock.write_text(HEADER + text)
    return lock


if __name__ == "__main__":
    raise SystemExit(main())
