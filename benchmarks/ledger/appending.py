"""Appending: events a second and CPU an event, singly, in groups, and from many clients."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from befit.audit import Draft, FileLedger, open_keyring, open_ledger
from befit.testing.ledger import closing_drafts, opening_drafts

SYNCS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One way of using the ledger, measured."""

    way: str
    events: int
    events_per_group: float | None
    events_per_s: float
    user_us_per_event: float
    system_us_per_event: float


async def append_rows(befit: Path, seconds: float) -> list[Row]:
    """Each way of appending, for some seconds, into one new ledger."""
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


def sync_ms(folder: Path) -> float:
    """The median time of one small durable write where the ledger lies."""
    times: list[float] = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return median(times)
