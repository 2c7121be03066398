"""After a crash every reservation is settled in full and every decision ends, once."""

from __future__ import annotations

import asyncio
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from befit.audit import (
    LedgerReader,
    Projector,
    RecoveryReport,
    fold,
    open_keyring,
    open_ledger,
    recover,
    verify,
)
from befit.testing.ledger import MemoryDecisionIndex, closing_drafts, draft, opening_drafts


async def recovered(befit: Path) -> tuple[RecoveryReport, Projector]:
    keyring = open_keyring(befit)
    projector = Projector(index=MemoryDecisionIndex(), reader=LedgerReader(befit, keyring.sealer))
    ledger = open_ledger(befit, keyring, previous=projector.previous_digest)
    projector.follow(ledger)
    report = await recover(ledger=ledger, projector=projector)
    ledger.close()
    return report, projector


@pytest.fixture
async def crashed(opened, answer, befit, tmp_path) -> Path:
    ledger = opened()
    await answer(ledger, "dec_whole")
    await ledger.append(opening_drafts("dec_calling", most_usd="0.25"))
    await ledger.append(opening_drafts("dec_free", most_usd=None))
    await ledger.append(opening_drafts("dec_answered"))
    await ledger.append(closing_drafts("dec_answered")[:1])
    await ledger.append((draft("opened", "dec_opened"),))
    waiting = draft("waiting", "dec_waiting", {"approval_id": "apr_1"})
    await ledger.append((draft("opened", "dec_waiting"), waiting))
    return shutil.copytree(befit, tmp_path / "crashed")


async def test_what_a_crash_left_is_settled_in_full_and_closed(crashed: Path) -> None:
    assert verify(crashed).unfinished == 4
    report, projector = await recovered(crashed)
    assert report.settled == 2
    assert report.settled_usd == Decimal("0.25")
    assert set(report.closed) == {"dec_calling", "dec_free", "dec_answered", "dec_opened"}
    after = verify(crashed)
    assert after.ok, after.problems
    calling = fold(await projector.events_of("default", "dec_calling"))
    assert (calling.status, calling.calls[0].outcome) == ("failed", "unsettled_at_crash")
    assert calling.cost_usd == calling.calls[0].cost_usd == Decimal("0.25")
    assert calling.error is not None
    assert calling.error.code == "crash"
    assert calling.excluded == {"far-one": "zone external"}
    free = fold(await projector.events_of("default", "dec_free"))
    assert free.cost_usd is None
    answered = fold(await projector.events_of("default", "dec_answered"))
    assert answered.cost_usd == Decimal("0.01")


async def test_a_decision_that_waits_for_a_person_goes_on_waiting(crashed: Path) -> None:
    _, projector = await recovered(crashed)
    record = fold(await projector.events_of("default", "dec_waiting"))
    assert record.status == "pending_person"


async def test_recovering_again_does_nothing(crashed: Path) -> None:
    await recovered(crashed)
    before = (crashed / "ledger/0.log").read_bytes()
    report, _ = await recovered(crashed)
    assert (report.settled, report.closed, report.repaired) == (0, (), None)
    assert (crashed / "ledger/0.log").read_bytes() == before


async def test_a_torn_end_is_in_the_report(crashed: Path) -> None:
    with (crashed / "ledger/0.log").open("ab") as file:
        file.write(b'{"v":1')
    report, _ = await recovered(crashed)
    assert report.repaired is not None
    assert report.repaired.leaf_bytes == 6
    assert verify(crashed).ok


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_crash_of_many_decisions_at_any_byte_recovers_to_a_valid_ledger(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    befit = tmp_path_factory.mktemp("any") / ".befit"
    steps = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=12))

    async def crash() -> None:
        ledger = open_ledger(befit, open_keyring(befit))
        told = [0] * 5
        for decision in steps:
            name = f"dec_{decision}_{told[decision] // 2}"
            half = opening_drafts if told[decision] % 2 == 0 else closing_drafts
            await ledger.append(half(name))
            told[decision] += 1
        start = ledger.durable_sizes()["0"].leaf_offset
        ledger._writer._files.close()
        ledger._writer.finish = lambda **_: None
        ledger.close()
        assert start == (befit / "ledger/0.log").stat().st_size

    asyncio.run(crash())
    path = befit / "ledger/0.log"
    whole = path.read_bytes()
    last_group = whole.rstrip(b"\n").rfind(b'\n{"note":')
    last_leaf = whole.rfind(b'\n{"note":', 0, max(last_group, 0))
    end = data.draw(st.integers(whole.find(b"\n", last_leaf + 1) + 1, len(whole)))
    path.write_bytes(whole[:end])
    asyncio.run(recovered(befit))
    report = verify(befit)
    assert report.ok, report.problems
