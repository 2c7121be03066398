"""The shipped leak test at length: many worlds, and what was found in each surface.

    python -m benchmarks.leak_test [--checks 100000] [--seed 0] [--json]

The same code as `befit knowledge leak-test`, under the rules that a new workspace has. Exit 1 on
any leak, and where readers do not find what they may read.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from befit.cli.leak_test import LeakTestDocument, LeakTestPlan, run_leak_test
from befit.cli.progress import shown_progress

_CHECKS = 100_000


def main() -> int:
    """Play it and print the figures; the exit code says whether anything leaked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=int, default=_CHECKS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    given = parser.parse_args()
    plan = LeakTestPlan(checks=int(given.checks), seed=int(given.seed))
    with shown_progress(what="leak test") as progress:
        document = asyncio.run(run_leak_test(plan, progress))
    if given.json:
        print(msgspec.json.encode(document).decode())
    else:
        _print(document)
    return 0 if document.passed else 1


def _print(document: LeakTestDocument) -> None:
    for name, checks in document.surfaces.items():
        found = document.found.get(name)
        share = f"{100 * found.share:6.1f}% of {found.n} found" if found else ""
        print(f"{name:<14} {checks:>8,} checks {share}")
    revoked = document.revocation_ms
    print(
        f"rights taken away: n {revoked.n}, p50 {revoked.p50} ms, max {revoked.max} ms, "
        f"{revoked.late} late"
    )
    print(
        f"{document.checks:,} checks in {document.worlds} worlds, {document.seconds:.0f} s: "
        f"{document.leaks} leaks"
    )
    for finding in document.findings:
        print(f"LEAK {finding.surface}: {finding.reader} sees {finding.what}")


if __name__ == "__main__":
    sys.exit(main())
