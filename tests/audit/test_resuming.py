"""A ledger whose disk fails refuses, and goes on once the disk is seen to hold and take all."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from befit.audit import (
    EventType,
    FileLedger,
    LedgerReader,
    LogPosition,
    Projector,
    open_keyring,
    open_ledger,
    verify,
)
from befit.errors import LedgerUnavailable
from befit.testing.ledger import MemoryDecisionIndex, closing_drafts, draft, opening_drafts

CALLS = {"pwrite": os.pwrite, "fdatasync": os.fdatasync, "ftruncate": os.ftruncate}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("befit.audit.committer._RETRY_S", 0.01)


class Disk:
    """Fails the calls of the committing thread whose turn it is; a write is torn by it."""

    def __init__(self, fails: Callable[[str], bool]) -> None:
        self._fails = fails

    def patched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("befit.audit.layout._sync", self._call("fdatasync"))
        monkeypatch.setattr("befit.audit.layout.os.pwrite", self._call("pwrite"))
        monkeypatch.setattr("befit.audit.layout.os.ftruncate", self._call("ftruncate"))

    def _call(self, name: str) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            is_ledger = threading.current_thread().name == "ledger"
            if is_ledger and self._fails(name):
                if name == "pwrite":
                    CALLS[name](arguments[0], bytes(arguments[1])[:7], arguments[2])
                raise OSError(errno.EIO, "Input/output error")
            return CALLS[name](*arguments)

        return call


async def until_available(ledger: FileLedger) -> None:
    async with asyncio.timeout(20):
        while not ledger.is_available:
            await asyncio.sleep(0.005)


def actions(befit: Path) -> list[str]:
    reader = LedgerReader(befit, open_keyring(befit).sealer)
    rows = reader.read("0", LogPosition(), until=None, most_events=10**6).rows
    told = [row.event for row in rows if row.event.type is EventType.ADMINISTRATIVE]
    return [bytes(event.fields["action"]).decode().strip('"') for event in told]


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("times", [1, 4])
async def test_a_failing_disk_refuses_and_goes_on_when_it_takes_writes_again(
    opened, answer, befit, monkeypatch, call: str, at: int, times: int
) -> None:
    ledger = opened()
    kept = await answer(ledger, "dec_1")
    count = 0

    def fails(name: str) -> bool:
        nonlocal count
        count += name == call
        return name == call and at <= count < at + times

    Disk(fails).patched(monkeypatch)
    with pytest.raises(LedgerUnavailable, match="Input/output error"):
        await ledger.append(opening_drafts("dec_2"))
    await until_available(ledger)
    await answer(ledger, "dec_3")
    ledger.close()
    report = verify(befit)
    assert report.ok, report.problems
    assert (report.decisions, report.unfinished) == (2, 0)
    assert actions(befit) == ["resumed"]
    assert kept[-1].leaf in (befit / "ledger/0.log").read_text()
    assert opened().repaired is None


async def test_while_the_disk_refuses_everything_is_refused(
    opened, answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = opened()
    await answer(ledger, "dec_1")
    Disk(lambda name: name == "fdatasync").patched(monkeypatch)
    waiting = [asyncio.create_task(ledger.append(opening_drafts(f"dec_w{n}"))) for n in range(9)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, LedgerUnavailable) for result in results)
    for _ in range(5):
        with pytest.raises(LedgerUnavailable, match="goes on by itself"):
            await ledger.append(opening_drafts("dec_2"))
        with pytest.raises(LedgerUnavailable):
            await ledger.checkpoint()
        await asyncio.sleep(0.02)
    assert not ledger.is_available
    monkeypatch.undo()


async def test_a_decision_opened_before_a_failure_is_closed_after_it(
    befit, keyring, monkeypatch
) -> None:
    projector = Projector(index=MemoryDecisionIndex(), reader=LedgerReader(befit, keyring.sealer))
    ledger = open_ledger(befit, keyring, previous=projector.previous_digest)
    projector.follow(ledger)
    await ledger.append(opening_drafts("dec_1"))
    failing = iter([True])
    Disk(lambda name: name == "fdatasync" and next(failing, False)).patched(monkeypatch)
    with pytest.raises(LedgerUnavailable):
        await ledger.append(closing_drafts("dec_1"))
    await until_available(ledger)
    await ledger.append(closing_drafts("dec_1"))
    ledger.close()
    report = verify(befit)
    assert report.ok, report.problems
    assert (report.decisions, report.unfinished) == (1, 0)


async def test_a_disk_that_lost_what_was_acknowledged_is_not_written_to_again(
    opened, answer, befit, monkeypatch
) -> None:
    ledger = opened()
    await answer(ledger, "dec_1")
    path = befit / "ledger/0.log"

    def fails(name: str) -> bool:
        if name == "fdatasync":
            path.write_bytes(path.read_bytes()[:-2000])
        return name == "fdatasync"

    Disk(fails).patched(monkeypatch)
    with pytest.raises(LedgerUnavailable):
        await ledger.append(opening_drafts("dec_2"))
    monkeypatch.undo()
    async with asyncio.timeout(20):
        while "acknowledged" not in str(ledger._committer.refusal):
            await asyncio.sleep(0.005)
    with pytest.raises(LedgerUnavailable, match="then restart"):
        await ledger.append(opening_drafts("dec_3"))


async def test_a_draft_that_cannot_be_written_is_refused_and_the_ledger_goes_on(
    opened, answer, befit
) -> None:
    ledger = opened()
    wrong = draft(EventType.OPENED, "dec_1", tenant="without-a-key")
    with pytest.raises(LedgerUnavailable, match="could not be built"):
        await ledger.append((wrong,))
    await until_available(ledger)
    await answer(ledger, "dec_2")
    ledger.close()
    report = verify(befit)
    assert report.ok, report.problems


@contextmanager
def patched(disk: Disk) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("befit.audit.committer._RETRY_S", 0.001)
        disk.patched(monkeypatch)
        yield


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    faults=st.lists(
        st.tuples(st.sampled_from(sorted(CALLS)), st.integers(0, 12)), max_size=6, unique=True
    ),
    clients=st.integers(1, 4),
)
def test_whatever_fails_the_log_holds_exactly_what_was_acknowledged(
    faults: list[tuple[str, int]], clients: int
) -> None:
    counts = dict.fromkeys(CALLS, -1)

    def fails(name: str) -> bool:
        counts[name] += 1
        return (name, counts[name]) in faults

    acknowledged: list[str] = []

    async def client(ledger: FileLedger, name: str) -> None:
        for number in range(3):
            for drafts in (opening_drafts(f"{name}_{number}"), closing_drafts(f"{name}_{number}")):
                while True:
                    await until_available(ledger)
                    try:
                        receipts = await ledger.append(drafts)
                    except LedgerUnavailable:
                        continue
                    acknowledged.extend(receipt.leaf for receipt in receipts)
                    break

    async def write(befit: Path) -> None:
        keyring = open_keyring(befit)
        reader = LedgerReader(befit, keyring.sealer)
        projector = Projector(index=MemoryDecisionIndex(), reader=reader)
        ledger = open_ledger(befit, keyring, previous=projector.previous_digest)
        projector.follow(ledger)
        with patched(Disk(fails)):
            await asyncio.gather(*[client(ledger, f"dec_{number}") for number in range(clients)])
            await until_available(ledger)
        ledger.close()

    with tempfile.TemporaryDirectory() as folder:
        befit = Path(folder) / ".befit"
        asyncio.run(write(befit))
        report = verify(befit)
        assert report.ok, report.problems
        assert (report.decisions, report.unfinished) == (3 * clients, 0)
        lines = (befit / "ledger/0.log").read_text().splitlines()
        leaves = {line for line in lines if '"type":"administrative"' not in line}
        assert {line for line in leaves if not line.startswith('{"note":')} == set(acknowledged)
        assert len(acknowledged) == len(set(acknowledged)) == 12 * clients
