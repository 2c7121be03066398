"""Appending: durable before it returns, in order, chained, bounded, and refusing in doubt."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from befit.audit import EventType, Keyring, open_keyring, open_ledger, verify, verify_receipt
from befit.audit.chains import ChainHeads
from befit.errors import LedgerUnavailable, NotFound, WorkspaceError, WorkspaceLocked
from befit.testing.ledger import closing_drafts, draft, opening_drafts


async def test_receipts_of_every_event_verify_and_name_it(opened, answer, keyring) -> None:
    ledger = opened()
    for number in range(5):
        receipts = await answer(ledger, f"dec_{number}")
        leaves = [verify_receipt(receipt, keyring.signer.verifier) for receipt in receipts]
        assert [leaf.type for leaf in leaves] == ["opened", "reserved", "settled", "closed"]
        assert {leaf.decision for leaf in leaves} == {f"dec_{number}"}
        assert [receipt.index for receipt in receipts] == list(range(number * 4, number * 4 + 4))


async def test_concurrent_appends_share_groups_and_keep_their_own_order(
    opened, answer, befit, keyring
) -> None:
    ledger = opened()
    await asyncio.gather(*[answer(ledger, f"dec_{number}") for number in range(100)])
    notes = (befit / "ledger/0.log").read_bytes().count(b'{"note":')
    assert notes < 100
    ledger.close()
    report = verify(befit)
    assert (report.ok, report.events, report.decisions) == (True, 400, 100), report.problems


async def test_each_event_names_the_one_before_it_in_its_decision(opened, answer, keyring) -> None:
    ledger = opened()
    receipts = await answer(ledger, "dec_1")
    leaves = [verify_receipt(receipt, keyring.signer.verifier) for receipt in receipts]
    assert leaves[0].prev is None
    assert len({leaf.prev for leaf in leaves}) == 4


async def test_what_was_acknowledged_is_on_disk_before_append_returns(opened, befit) -> None:
    ledger = opened()
    receipts = await ledger.append(opening_drafts("dec_1"))
    written = (befit / "ledger/0.log").read_text()
    assert all(receipt.leaf in written for receipt in receipts)
    assert ledger.durable_sizes()["0"].leaf_offset == len(written.encode())


async def test_a_second_writer_of_a_log_is_refused(opened, befit, keyring) -> None:
    opened()
    with pytest.raises(WorkspaceLocked, match=r"ledger/0\.log"):
        open_ledger(befit, keyring)
    open_ledger(befit, keyring, log="1").close()


async def test_an_event_of_an_unknown_decision_is_refused_and_the_ledger_goes_on(
    opened, answer
) -> None:
    ledger = opened()
    with pytest.raises(NotFound, match="dec_unknown"):
        await ledger.append(closing_drafts("dec_unknown"))
    assert len(await answer(ledger, "dec_1")) == 4


async def test_a_later_event_looks_up_the_digest_that_has_left_memory(
    opened, answer, keyring
) -> None:
    digest = "ab" * 32
    asked: list[tuple[str, str]] = []

    async def previous(tenant: str, decision_id: str) -> str | None:
        asked.append((tenant, decision_id))
        return digest

    ledger = opened(previous=previous)
    (receipt,) = await ledger.append((draft(EventType.RESOLVED, "dec_old"),))
    assert verify_receipt(receipt, keyring.signer.verifier).prev == digest
    assert asked == [("default", "dec_old")]


def test_heads_in_memory_are_bounded() -> None:
    heads = ChainHeads(most_open=10, most_ended=5)
    for number in range(100):
        heads.advance(("default", f"open_{number}"), "00", has_ended=False)
        heads.advance(("default", f"done_{number}"), "00", has_ended=True)
    assert len(heads) == 15
    assert heads.get(("default", "open_99")) == "00"
    assert heads.get(("default", "open_1")) is None


async def test_appends_wait_for_room_and_all_arrive(opened, answer, befit) -> None:
    ledger = opened(queue_events=4)
    await asyncio.gather(*[answer(ledger, f"dec_{number}") for number in range(50)])
    ledger.close()
    assert verify(befit).decisions == 50


async def test_a_cancelled_append_neither_blocks_others_nor_leaks_its_room(
    opened, answer, befit
) -> None:
    ledger = opened(queue_events=4)
    tasks = [asyncio.create_task(answer(ledger, f"dec_{number}")) for number in range(40)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(await answer(ledger, "dec_after")) == 4
    assert ledger._queued == 0


async def test_a_decision_whose_opening_was_cancelled_in_the_queue_was_never_opened(
    opened, answer, befit
) -> None:
    ledger = opened(queue_events=2)
    first = asyncio.create_task(ledger.append(opening_drafts("dec_1")))
    second = asyncio.create_task(ledger.append(opening_drafts("dec_2")))
    await asyncio.sleep(0)
    second.cancel()
    await first
    with pytest.raises(NotFound, match="dec_2"):
        await ledger.append(closing_drafts("dec_2"))
    await ledger.append(closing_drafts("dec_1"))
    ledger.close()
    report = verify(befit)
    assert report.ok, report.problems


async def test_events_of_one_decision_may_be_queued_without_waiting(opened, befit) -> None:
    ledger = opened()
    await asyncio.gather(
        ledger.append(opening_drafts("dec_1")), ledger.append(closing_drafts("dec_1"))
    )
    ledger.close()
    report = verify(befit)
    assert report.ok, report.problems


async def test_a_closed_ledger_refuses(opened) -> None:
    ledger = opened()
    ledger.close()
    with pytest.raises(LedgerUnavailable, match="closed"):
        await ledger.append(opening_drafts("dec_1"))


async def test_close_finishes_what_is_queued(opened, answer, befit) -> None:
    ledger = opened()
    tasks = [asyncio.create_task(ledger.append(opening_drafts(f"dec_{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    ledger.close()
    receipts = await asyncio.gather(*tasks)
    assert len(receipts) == 20
    assert verify(befit, live={}).events == 40


FULL_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from befit.audit import open_keyring, open_ledger
from befit.errors import LedgerUnavailable
from befit.testing.ledger import opening_drafts, closing_drafts

async def main(befit):
    ledger = open_ledger(befit, open_keyring(befit))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    for number in range(1000):
        try:
            await ledger.append(opening_drafts(f"dec_{number}"))
            await ledger.append(closing_drafts(f"dec_{number}"))
        except LedgerUnavailable as error:
            print(number, error)
            break
    ledger.close()

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(befit: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(befit)], capture_output=True, text=True, check=True
    )
    number, _, message = done.stdout.strip().partition(" ")
    assert "the ledger cannot append" in message
    assert int(number) > 3
    report = verify(befit, live={})
    assert report.ok, report.problems
    assert report.decisions >= int(number)


KILLED = """
import asyncio, sys
from pathlib import Path
from befit.audit import open_keyring, open_ledger
from befit.testing.ledger import opening_drafts, closing_drafts

async def client(ledger, name):
    for number in range(100_000):
        decision = f"dec_{name}_{number}"
        for drafts in (opening_drafts(decision), closing_drafts(decision)):
            for receipt in await ledger.append(drafts):
                print(receipt.index, receipt.leaf, flush=True)

async def main(befit):
    ledger = open_ledger(befit, open_keyring(befit))
    await asyncio.gather(*[client(ledger, name) for name in range(8)])

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_caller_that_is_alone_never_waits_for_company(
    opened, answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("befit.audit.committer.time.sleep", waits.append)
    ledger = opened()
    for number in range(20):
        await answer(ledger, f"dec_{number}")
    assert waits == []


@pytest.mark.parametrize("lines", [40, 500])
def test_everything_acknowledged_before_kill_9_is_there_afterwards(befit: Path, lines: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(befit)], stdout=subprocess.PIPE, text=True
    ) as child:
        acknowledged = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        acknowledged += child.stdout.readlines()
    whole = [line.split(" ", 1) for line in acknowledged if line.endswith('"}\n')]
    open_ledger(befit, open_keyring(befit)).close()
    leaves = [
        line
        for line in (befit / "ledger/0.log").read_text().splitlines()
        if not line.startswith('{"note":')
    ]
    assert len(whole) >= lines
    assert all(leaves[int(index)] == leaf.rstrip("\n") for index, leaf in whole)
    report = verify(befit, live={})
    assert report.ok, report.problems


def test_a_log_can_be_read_by_its_owner_only(befit: Path, keyring: Keyring) -> None:
    open_ledger(befit, keyring).close()
    modes = {path.stat().st_mode & 0o777 for path in befit.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in befit.rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


def test_files_are_unlocked_when_opening_fails(befit: Path, keyring: Keyring) -> None:
    open_ledger(befit, keyring).close()
    checkpoint = befit / "ledger/0.checkpoint"
    good = checkpoint.read_bytes()
    checkpoint.write_bytes(b"damaged")
    with pytest.raises(WorkspaceError, match="damaged"):
        open_ledger(befit, keyring)
    checkpoint.write_bytes(good)
    open_ledger(befit, keyring).close()
