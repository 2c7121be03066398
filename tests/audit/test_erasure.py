"""A person's data are gone once their keys are, others' stay, and the log says what happened."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from befit.audit import (
    Act,
    Draft,
    Erasure,
    Event,
    EventType,
    FileLedger,
    LedgerReader,
    Projector,
    Sealer,
    Standing,
    open_keyring,
    open_ledger,
    verify,
)
from befit.audit.data_keys import DataKeys
from befit.errors import Conflict, LedgerUnavailable
from befit.testing.ledger import MemoryDecisionIndex, closing_drafts, opening_drafts
from befit.vocabulary import DataClass

ACT = Act(by="local:admin", policy="sha256:policy")
DAY_S = 86_400.0
START = 1_760_000_000.0  # 2025-10-09


@dataclass
class Rows:
    """What the database repeats, in memory."""

    stands: Standing = field(default_factory=lambda: Standing(waiting=0, open=0, key_ids=()))
    forgotten: list[tuple[str, str]] = field(default_factory=list)
    expired: list[tuple[str, DataClass | None, float]] = field(default_factory=list)

    async def standing(self, tenant: str, principal_id: str) -> Standing:
        return self.stands

    async def forget(self, tenant: str, principal_id: str) -> int:
        self.forgotten.append((tenant, principal_id))
        return 1

    async def expire(self, tenant: str, data_class: DataClass | None, *, before: float) -> int:
        self.expired.append((tenant, data_class, before))
        return 0


@dataclass
class Work:
    """What is under way: who, and since when."""

    since: dict[str, float] = field(default_factory=dict)

    async def begun(self, tenant: str) -> dict[str, float]:
        return self.since


class House:
    """A ledger with its keys at a time of its own, and what erases from it."""

    def __init__(self, befit: Path, now: list[float] | None = None) -> None:
        self.befit = befit
        self.now = [START] if now is None else now
        made = open_keyring(befit)
        keys = made.data_keys._tenants  # the same keys, read by a clock of the test's
        data_keys = DataKeys(
            befit / "keys" / "data",
            keys,
            pseudonym_of=made.pseudonyms.of,
            clock=lambda: self.now[0],
        )
        self.keyring = replace(made, sealer=Sealer(keys, data_keys), data_keys=data_keys)
        self.ledger: FileLedger = open_ledger(befit, self.keyring)
        self.reader = LedgerReader(befit, self.keyring.sealer)
        self.projector = Projector(index=MemoryDecisionIndex(), reader=self.reader)
        self.projector.follow(self.ledger)
        self.rows = Rows()
        self.work = Work()

    def erasure(self) -> Erasure:
        return Erasure(
            self.ledger,
            self.keyring,
            self.rows,
            open_work=self.work,
            caught_up=self.projector.caught_up,
            clock=lambda: self.now[0],
        )

    async def ask(
        self, decision_id: str, who: str, data_class: DataClass = DataClass.INTERNAL
    ) -> None:
        opened, *others = (*opening_drafts(decision_id), *closing_drafts(decision_id))
        known = [msgspec.structs.replace(each, data_class=data_class) for each in others]
        drafts = [msgspec.structs.replace(each, principal=who) for each in (opened, *known)]
        await self.ledger.append(tuple(drafts))

    async def events(self, decision_id: str) -> tuple[Event, ...]:
        return await self.projector.events_of("default", decision_id)

    async def readable(self, decision_id: str) -> list[bool]:
        return [event.fields is not None for event in await self.events(decision_id)]


@pytest.fixture
def house(befit: Path) -> Iterator[House]:
    built = House(befit)
    yield built
    built.ledger.close()


async def told_of(house: House, records: tuple[str, ...]) -> dict[str, object]:
    (event,) = await house.events(records[0])
    return msgspec.json.decode(event.fields_json() or b"")


async def test_what_a_person_asked_is_gone_and_what_others_asked_stays(house: House) -> None:
    await house.ask("dec_a", "key:alice")
    await house.ask("dec_b", "key:bob")
    report = await house.erasure().erase("default", "key:alice", ACT)
    assert await house.readable("dec_a") == [False] * 4
    assert await house.readable("dec_b") == [True] * 4
    assert len(report.keys) == 2  # of `opened`, and of the class
    assert house.rows.forgotten == [("default", "key:alice")]
    house.ledger.close()
    found = verify(house.befit)
    assert found.ok, found.problems
    assert found.erased == 4


async def test_the_record_names_keys_and_a_pseudonym_and_never_the_person(house: House) -> None:
    await house.ask("dec_a", "key:alice")
    leaf = (await house.events("dec_a"))[0]
    report = await house.erasure().erase("default", "key:alice", ACT)
    told = await told_of(house, report.records)
    assert told["action"] == "keys_destroyed"
    assert told["by"] == "local:admin"
    assert sorted(report.keys) == sorted(told["key_ids"])  # type: ignore[type-var]
    pseudonym = house.erasure().pseudonym("default", "key:alice")
    assert told["subject"] == told["pseudonym"] == pseudonym
    assert "alice" not in str(told)
    assert pseudonym in (house.befit / "ledger/0.log").read_text().splitlines()[leaf.index]


async def test_what_a_person_asks_afterwards_is_kept_anew(house: House) -> None:
    await house.ask("dec_a", "key:alice")
    await house.erasure().erase("default", "key:alice", ACT)
    await house.ask("dec_b", "key:alice")
    assert await house.readable("dec_b") == [True] * 4


async def test_what_a_reviewer_adds_is_the_data_of_who_asked(house: House) -> None:
    opened, reserved = opening_drafts("dec_a")
    settled, closed = closing_drafts("dec_a")
    asked = [
        msgspec.structs.replace(each, principal="key:alice") for each in (opened, reserved, settled)
    ]
    decided = msgspec.structs.replace(closed, principal="key:reviewer", subject="key:alice")
    await house.ledger.append((*asked, decided))
    await house.erasure().erase("default", "key:reviewer", ACT)
    assert await house.readable("dec_a") == [True] * 4
    await house.erasure().erase("default", "key:alice", ACT)
    assert await house.readable("dec_a") == [False] * 4


async def test_who_erased_stays_known_when_they_are_erased(house: House) -> None:
    await house.ask("dec_a", "key:alice")
    report = await house.erasure().erase("default", "key:alice", ACT)
    await house.erasure().erase("default", "local:admin", ACT)
    assert (await told_of(house, report.records))["by"] == "local:admin"


@pytest.mark.parametrize("stands", [{"waiting": 2, "open": 0}, {"waiting": 0, "open": 1}])
async def test_nothing_is_erased_while_something_is_under_way(
    house: House, stands: dict[str, int]
) -> None:
    await house.ask("dec_a", "key:alice")
    house.rows.stands = Standing(**stands, key_ids=())
    with pytest.raises(Conflict):
        await house.erasure().erase("default", "key:alice", ACT)
    assert await house.readable("dec_a") == [True] * 4
    assert house.rows.forgotten == []


async def test_nothing_is_destroyed_that_cannot_be_recorded(house: House) -> None:
    await house.ask("dec_a", "key:alice")
    await house.projector.caught_up()
    house.ledger.close()
    with pytest.raises(LedgerUnavailable):
        await house.erasure().erase("default", "key:alice", ACT)
    assert await house.readable("dec_a") == [True] * 4
    assert house.rows.forgotten == []


async def _crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["destroy", "forget"])
async def test_a_crash_between_the_steps_is_told_and_finished_by_repeating(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await house.ask("dec_a", "key:alice")
    with monkeypatch.context() as patched:
        if step == "destroy":
            patched.setattr(asyncio, "to_thread", _crash_in_destroy(asyncio.to_thread))
        else:
            patched.setattr(house.rows, "forget", _crash)
        with pytest.raises(KeyboardInterrupt):
            await house.erasure().erase("default", "key:alice", ACT)
    live = verify(house.befit, live=house.ledger.durable_sizes())
    assert live.ok is (step == "forget"), live.problems
    if step == "destroy":
        assert "repeat the erasure" in live.problems[0]
    await house.erasure().erase("default", "key:alice", ACT)
    assert house.rows.forgotten == [("default", "key:alice")]
    assert await house.readable("dec_a") == [False] * 4
    live = verify(house.befit, live=house.ledger.durable_sizes())
    assert live.ok, live.problems
    assert live.erased == 4


def _crash_in_destroy(real: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def to_thread(function: Callable[..., object], *given: object, **named: object) -> object:
        if getattr(function, "__name__", "") == "destroy":
            raise KeyboardInterrupt
        return await real(function, *given, **named)

    return to_thread


async def test_a_key_that_is_missing_without_a_record_is_a_problem(house: House) -> None:
    await house.ask("dec_a", "key:alice")
    house.ledger.close()
    shutil.rmtree(house.befit / "keys" / "data")
    found = verify(house.befit)
    assert not found.ok
    assert found.erased == 0
    assert "no event records that it was destroyed" in found.problems[0]


async def test_keys_that_come_back_from_a_backup_are_a_problem(house: House) -> None:
    await house.ask("dec_a", "key:alice")
    backup = shutil.copytree(house.befit / "keys" / "data", house.befit.parent / "backup")
    report = await house.erasure().erase("default", "key:alice", ACT)
    house.ledger.close()
    assert verify(house.befit).ok
    shutil.rmtree(house.befit / "keys" / "data")
    backup.rename(house.befit / "keys" / "data")
    found = verify(house.befit)
    assert not found.ok
    assert any(report.keys[0] in problem for problem in found.problems)


async def test_a_decision_that_claims_a_destruction_excuses_nothing(house: House) -> None:
    await house.ask("dec_a", "key:alice")
    keys = [entry.key_id for entry in house.keyring.data_keys.entries("default")]
    forged = opening_drafts("dec_b")[0]
    fields = {"action": "keys_destroyed", "key_ids": keys}
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    await house.ledger.append((msgspec.structs.replace(forged, fields=raw, principal="key:bob"),))
    await asyncio.to_thread(house.keyring.sealer.destroy, "default", keys)
    assert not verify(house.befit, live=house.ledger.durable_sizes()).ok


async def test_retention_destroys_a_month_once_all_of_it_is_old_enough(house: House) -> None:
    kept = {DataClass.PUBLIC: 90, DataClass.INTERNAL: 365}
    await house.ask("dec_public", "key:alice", DataClass.PUBLIC)
    await house.ask("dec_internal", "key:alice", DataClass.INTERNAL)
    await house.ask("dec_secret", "key:alice", DataClass.RESTRICTED)
    house.now[0] = 1_761_955_200.0 + 90 * DAY_S - 1  # a second before all of October is 90 days ago
    assert await house.erasure().due("default", kept) == ()
    house.now[0] += 1
    (due,) = await house.erasure().due("default", kept)
    assert (due.data_class, due.month, due.keys) == (DataClass.PUBLIC, "2025-10", 1)
    assert await house.readable("dec_public") == [True] * 4
    report = await house.erasure().retain("default", kept, ACT)
    assert len(report.keys) == 1
    assert await house.readable("dec_public") == [True, False, False, False]
    assert await house.readable("dec_internal") == [True] * 4
    assert await house.readable("dec_secret") == [True] * 4
    assert house.rows.expired[0] == ("default", DataClass.PUBLIC, 1_761_955_200.0)
    again = await house.erasure().retain("default", kept, ACT)
    assert (again.keys, again.records) == ((), ())
    house.ledger.close()
    found = verify(house.befit)
    assert found.ok, found.problems
    assert found.erased == 3


async def test_what_is_under_way_keeps_its_keys_until_it_has_ended(house: House) -> None:
    kept = {DataClass.INTERNAL: 1, None: 1}
    await house.ask("dec_before", "key:alice")  # in October
    house.now[0] += 30 * DAY_S
    await house.ask("dec_waiting", "key:alice")  # in November
    began = house.now[0]
    await house.ask("dec_other", "key:bob")
    house.now[0] += 30 * DAY_S
    await house.ask("dec_after", "key:alice")  # in December, while the other waits
    house.now[0] += 60 * DAY_S
    house.work.since["key:alice"] = began
    assert sum(due.keys for due in await house.erasure().due("default", kept)) == 4
    assert len((await house.erasure().retain("default", kept, ACT)).keys) == 4
    assert await house.readable("dec_before") == [False] * 4
    assert await house.readable("dec_other") == [False] * 4
    assert await house.readable("dec_waiting") == [True] * 4
    assert await house.readable("dec_after") == [True] * 4
    house.work.since.clear()
    assert len((await house.erasure().retain("default", kept, ACT)).keys) == 4
    assert await house.readable("dec_waiting") == [False] * 4
    house.ledger.close()
    assert verify(house.befit).ok


WHO = st.sampled_from(["key:a", "key:b", "key:c"])
CLASS = st.sampled_from(list(DataClass))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), WHO, CLASS),
        st.tuples(st.just("erase"), WHO),
        st.tuples(st.just("wait"), st.integers(1, 90)),
        st.tuples(st.just("retain"), st.dictionaries(CLASS, st.integers(1, 100), max_size=2)),
        st.tuples(st.just("restart")),
    ),
    max_size=14,
)


@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_exactly_what_was_erased_or_due_is_unreadable(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]]
) -> None:
    house = House(tmp_path_factory.mktemp("house") / ".befit")
    asked: dict[str, tuple[object, object, str]] = {}  # decision: who, class, month
    gone: set[str] = set()  # the decisions whose class's key is destroyed
    erased: set[str] = set()  # those whose person was erased, `opened` included
    for number, step in enumerate(steps):
        match step:
            case ("ask", who, data_class):
                name = f"dec_{number}"
                await house.ask(name, str(who), data_class)  # type: ignore[arg-type]
                asked[name] = (who, data_class, house.keyring.data_keys.month())
            case ("erase", who):
                await house.erasure().erase("default", str(who), ACT)
                erased |= {name for name, told in asked.items() if told[0] == who}
            case ("wait", days):
                house.now[0] += DAY_S * int(days)  # type: ignore[call-overload]
            case ("retain", kept):
                await house.erasure().retain("default", kept, ACT)  # type: ignore[arg-type]
                gone |= {
                    name
                    for name, (_, data_class, month) in asked.items()
                    if data_class in kept  # type: ignore[operator]
                    and _end(month) + kept[data_class] * DAY_S <= house.now[0]  # type: ignore[index]
                }
            case _:
                house.ledger.close()
                house = House(house.befit, house.now)
    for name in asked:
        first = name not in erased
        rest = first and name not in gone
        assert await house.readable(name) == [first, rest, rest, rest], name
    house.ledger.close()
    found = verify(house.befit)
    assert found.ok, found.problems


def _end(month: str) -> float:
    """By another way than the code's: the first of the month that 31 days lead into."""
    first = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
    return (first + timedelta(days=31)).replace(day=1).timestamp()


def test_administrative_events_belong_to_the_tenant(house: House) -> None:
    told = Draft(
        type=EventType.ADMINISTRATIVE,
        tenant="default",
        decision_id="admin_1",
        step="",
        principal="key:alice",
        policy="",
        fields={"action": msgspec.Raw(b'"changed"')},
    )
    asyncio.run(house.ledger.append((told,)))
    (line, _) = (house.befit / "ledger/0.log").read_text().splitlines()
    assert msgspec.json.decode(line)["key_id"].startswith("tenant-default:")
