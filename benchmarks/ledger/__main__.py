"""What the ledger costs: events a second, CPU an event, proofs, and its share of the gateway.

    python -m benchmarks.ledger [--seconds S] [--rounds N] [--folder DIR] [--json]

Rows: `singly` appends one event at a time; `group of 32` appends 32 at once; `N clients`
appends a request's four events in two groups of two, from N tasks at once, as the
gateway does. `verify` reads it all back. User CPU is the process's own work; system CPU
is the kernel's, which holds the writes and syncs. Then one decision of that log is proved,
and two gateways are compared, one with this ledger and one with none (`--rounds 0` leaves
that out).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.ledger.appending import SYNCS, Row, append_rows, sync_ms
from benchmarks.ledger.proofs import Proving, proving, verify_row
from benchmarks.ledger.share import Share, shares


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=2, help="for each row (default 2)")
    parser.add_argument("--rounds", type=int, default=5, help="of both gateways (default 5)")
    parser.add_argument("--folder", type=Path, help="where the files go (default: a temporary one)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="befit-ledger-") as name:
        folder = Path(name)
        befit = folder / ".befit"
        fsync_ms = sync_ms(folder)
        rows = asyncio.run(append_rows(befit, arguments.seconds))
        rows.append(verify_row(befit))
        proof = asyncio.run(proving(befit, f"dec_{1:020d}"))
        parts: list[Share] = []
        if arguments.rounds:
            parts = shares(folder, rounds=arguments.rounds, seconds=arguments.seconds)
    if arguments.json:
        figures = {"rows": [asdict(row) for row in rows], "fsync_ms": round(fsync_ms, 3)}
        print(
            json.dumps(
                {**figures, "proof": asdict(proof), "shares": [asdict(part) for part in parts]}
            )
        )
        return
    _print_rows(rows, fsync_ms)
    _print_proof(proof)
    for part in parts:
        _print_share(part)


def _print_rows(rows: list[Row], fsync_ms: float) -> None:
    print(f"{'way':<14}{'events/s':>10}{'a group':>9}{'user us':>9}{'system us':>11}  an event")
    for row in rows:
        size = f"{row.events_per_group:.1f}" if row.events_per_group else "-"
        print(
            f"{row.way:<14}{row.events_per_s:>10,.0f}{size:>9}"
            f"{row.user_us_per_event:>9.1f}{row.system_us_per_event:>11.1f}"
        )
    print(f"one fdatasync of 4 KB: median {fsync_ms:.3f} ms over {SYNCS}")


def _print_proof(proof: Proving) -> None:
    print(
        f"proof of one decision in {proof.events:,} events: made in {proof.make_ms:.0f} ms "
        f"({proof.make_ms * 1000 / proof.events:.2f} us an event), {proof.proof_bytes:,} bytes, "
        f"paths of {proof.path_hashes} hashes, checked in {proof.check_ms:.2f} ms"
    )


def _print_share(part: Share) -> None:
    print(
        f"gateway at {part.connections} connections: {part.with_ledger_per_s:,.0f} requests/s with "
        f"the ledger, "
        f"{part.without_per_s:,.0f} without any; share of throughput {part.share:.1%} "
        f"({part.share_least:.1%} to {part.share_most:.1%} over {part.rounds} rounds), "
        f"of CPU {part.cpu_share:.1%}"
    )


if __name__ == "__main__":
    main()
