"""What the ledger costs: events a second, and CPU an event, alone and in groups.

    python -m benchmarks.ledger [--seconds S] [--folder DIR] [--json]

Rows: `singly` appends one event at a time; `group of 32` appends 32 at once; `N clients`
appends a request's four events in two groups of two, from N tasks at once, as the
gateway does. `verify` reads it all back. User CPU is the process's own work; system CPU
is the kernel's, which holds the writes and syncs.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from befit.audit import Draft, FileLedger, open_keyring, open_ledger, verify
from befit.testing.ledger import closing_drafts, opening_drafts

_SYNCS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One way of using the ledger, measured."""

    way: str
    events: int
    events_per_group: float | None
    events_per_s: float
    user_us_per_event: float
    system_us_per_event: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row (default 2)")
    parser.add_argument("--folder", type=Path, help="where the files go (default: a temporary one)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        sync_ms = _sync_ms(Path(folder))
        rows = asyncio.run(_rows(Path(folder) / ".befit", arguments.seconds))
        rows.append(_verified(Path(folder) / ".befit"))
    if arguments.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "fsync_ms": round(sync_ms, 3)}))
        return
    print(f"{'way':<14}{'events/s':>10}{'a group':>9}{'user us':>9}{'system us':>11}  an event")
    for row in rows:
        size = f"{row.events_per_group:.1f}" if row.events_per_group else "-"
        print(
            f"{row.way:<14}{row.events_per_s:>10,.0f}{size:>9}"
            f"{row.user_us_per_event:>9.1f}{row.system_us_per_event:>11.1f}"
        )
    print(f"one fdatasync of 4 KB: median {sync_ms:.3f} ms over {_SYNCS}")


async def _rows(befit: Path, seconds: float) -> list[Row]:
    keyring = open_keyring(befit)
    ledger = open_ledger(befit, keyring)
    names = (f"dec_{number:020d}" for number in itertools.count())
    rows = [
        await _measured("singly", ledger, [_appending(ledger, _single(names))], seconds),
        await _measured("group of 32", ledger, [_appending(ledger, _whole(names, 8))], seconds),
    ]
    for clients in (16, 64):
        tasks = [_appending(ledger, _halves(names)) for _ in range(clients)]
        rows.append(await _measured(f"{clients} clients", ledger, tasks, seconds))
    ledger.close()
    return rows


def _single(names: Iterator[str]) -> Iterator[tuple[Draft, ...]]:
    for drafts in _halves(names):
        for draft in drafts:
            yield (draft,)


def _halves(names: Iterator[str]) -> Iterator[tuple[Draft, ...]]:
    for name in names:
        yield opening_drafts(name)
        yield closing_drafts(name)


def _whole(names: Iterator[str], decisions: int) -> Iterator[tuple[Draft, ...]]:
    halves = _halves(names)
    while True:
        yield tuple(draft for _ in range(2 * decisions) for draft in next(halves))


def _appending(
    ledger: FileLedger, appends: Iterator[tuple[Draft, ...]]
) -> Callable[[float], Awaitable[float]]:
    """A client: appends until the time given; returns the user CPU that making drafts took."""

    async def run(until: float) -> float:
        spent = 0.0
        while True:
            began = time.thread_time()
            drafts = next(appends)
            spent += time.thread_time() - began
            await ledger.append(drafts)
            # Only whole decisions, so that what was written verifies.
            if time.perf_counter() > until and drafts[-1].type == "closed":
                return spent

    return run


async def _measured(
    way: str,
    ledger: FileLedger,
    clients: list[Callable[[float], Awaitable[float]]],
    seconds: float,
) -> Row:
    groups = 0

    def count() -> None:
        nonlocal groups
        groups += 1

    ledger.on_durable(count)
    first = ledger.durable_sizes()[ledger.log].events
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    spent = await asyncio.gather(*[client(began + seconds) for client in clients])
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    events = ledger.durable_sizes()[ledger.log].events - first
    return Row(
        way=way,
        events=events,
        events_per_group=events / groups,
        events_per_s=events / wall_s,
        user_us_per_event=(after.ru_utime - before.ru_utime - sum(spent)) / events * 1e6,
        system_us_per_event=(after.ru_stime - before.ru_stime) / events * 1e6,
    )


def _verified(befit: Path) -> Row:
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    report = verify(befit)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    if not report.ok:
        raise SystemExit(f"the ledger does not verify: {report.problems[0]}")
    return Row(
        way="verify",
        events=report.events,
        events_per_group=None,
        events_per_s=report.events / wall_s,
        user_us_per_event=(after.ru_utime - before.ru_utime) / report.events * 1e6,
        system_us_per_event=(after.ru_stime - before.ru_stime) / report.events * 1e6,
    )


def _sync_ms(folder: Path) -> float:
    times: list[float] = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return median(times)


if __name__ == "__main__":
    main()
