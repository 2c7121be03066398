from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from befit.audit import DecisionIndex, LogPosition, OpenDecision
from befit.errors import WorkspaceError
from befit.messages import TokenUsage
from befit.metering import DecisionPage, UsageStore
from befit.storage import (
    Database,
    SqlDecisionIndex,
    SqlUsageStore,
    database_url,
    upgrade,
)
from befit.storage.schema import METADATA

D1, D2 = "dec_1", "dec_2"

OPENED = {
    "kind": "chat",
    "source": "http",
    "principal_id": "key:K1",
    "key_id": "K1",
    "asked": {"model": "auto", "workflow": None},
    "stream": False,
}
RESERVED = {
    "permit_id": "permit_1",
    "purpose": "answer",
    "model": "small",
    "zone": "device",
    "most_usd": "0.5",
    "data_class": "internal",
    "calls": 1,
    "workflow": {"name": "triage", "version": "sha256:aa"},
    "key_id": "K1",
    "scopes": ["key:K1", "workflow:triage"],
    "evidence": "evaluation",
}
SETTLED = {
    "permit_id": "permit_1",
    "purpose": "answer",
    "model": "small",
    "workflow": "triage",
    "key_id": "K1",
    "scopes": ["key:K1", "workflow:triage"],
    "outcome": "ok",
    "error": None,
    "usage": {"input": 10, "cached_input": 2, "output": 5, "reasoning": 1},
    "cost_usd": "0.125",
    "latency_ms": 40.5,
    "first_token_ms": None,
    "rows": None,
}
CLOSED = {
    "status": "answered",
    "workflow": {"name": "triage", "version": "sha256:aa"},
    "model": "small",
    "zone": "device",
    "evidence": "evaluation",
    "data_class": "confidential",
    "key_id": "K1",
    "checks": [],
    "excluded": {},
    "usage": {"input": 10, "cached_input": 2, "output": 5, "reasoning": 1},
    "cost_usd": "0.125",
    "latency_ms": 41.5,
    "overhead_ms": 1.0,
    "output_sha256": None,
    "error": None,
}


@pytest.fixture
def index(database: Database) -> DecisionIndex:
    return SqlDecisionIndex(database)


@pytest.fixture
def usage(database: Database) -> UsageStore:
    return SqlUsageStore(database)


def _whole(log: Any, decision_id: str = D1) -> None:
    log.add("opened", decision_id, OPENED)
    log.add("reserved", decision_id, RESERVED)
    log.add("settled", decision_id, SETTLED)
    log.add("closed", decision_id, CLOSED)


async def _content(database: Database) -> dict[str, list[object]]:
    def read(connection: Any) -> dict[str, list[object]]:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(
                    select(*(c for c in table.c if c.name != "seq")).order_by(*table.c)
                )
            ]
            for table in METADATA.sorted_tables
        }

    return await database.read(read)


async def test_a_whole_decision_is_listed_with_all_that_its_events_tell(
    index: DecisionIndex, usage: UsageStore, log: Any
) -> None:
    _whole(log)
    await log.give(index)
    (row,) = await usage.decisions(DecisionPage())
    assert (row.decision_id, row.kind, row.source, row.status) == (D1, "chat", "http", "answered")
    assert (row.workflow, row.workflow_version, row.model) == ("triage", "sha256:aa", "small")
    assert (row.zone, row.evidence, row.data_class) == ("device", "evaluation", "confidential")
    assert row.tokens == TokenUsage(input=10, cached_input=2, output=5, reasoning=1)
    assert (row.cost_usd, row.latency_ms, row.overhead_ms) == (Decimal("0.125"), 41.5, 1.0)
    assert row.opened_at == log.at
    (call,) = await usage.calls_of("default", D1)
    assert (call.permit_id, call.model, call.outcome) == ("permit_1", "small", "ok")
    assert (call.most_usd, call.cost_usd) == (Decimal("0.5"), Decimal("0.125"))
    assert await usage.calls_of("other", D1) == ()


async def test_pointers_come_in_the_order_they_were_applied_and_of_one_decision(
    index: DecisionIndex, log: Any
) -> None:
    first = log.add("opened", D1, OPENED)
    log.add("opened", D2, OPENED)
    last = log.add("closed", D1, CLOSED)
    await log.give(index)
    assert await index.events_of("default", D1) == (first, last)
    assert await index.events_of("other", D1) == ()
    assert await index.events_of("default", "dec_9") == ()


async def test_the_position_is_where_the_last_batch_ended(index: DecisionIndex, log: Any) -> None:
    assert await index.position("0") == LogPosition()
    _whole(log)
    await log.give(index)
    assert await index.position("0") == log.position
    assert await index.position("1") == LogPosition()


async def test_a_batch_without_events_still_moves_the_position(index: DecisionIndex) -> None:
    moved = LogPosition(events=0, leaf_offset=80, sealed_offset=0)
    await index.apply((), "0", moved)
    assert await index.position("0") == moved


async def test_applying_a_batch_again_changes_nothing(
    index: DecisionIndex, database: Database, log: Any
) -> None:
    _whole(log)
    await log.give(index)
    before = await _content(database)
    await index.apply(tuple(log.rows), log.name, log.position)
    await index.apply(tuple(log.rows[:2]), log.name, LogPosition(events=2))
    assert await _content(database) == before


@settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(cuts=st.sets(st.integers(1, 9)))
async def test_however_the_events_are_cut_into_batches_the_index_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, log_named: Any, cuts: set[int]
) -> None:
    contents = []
    for ends in ([10], [*sorted(cuts), 10]):
        url = database_url(tmp_path_factory.mktemp("cut") / "befit.db")
        upgrade(url)
        database = Database(url)
        log = log_named()
        _whole(log, D1)
        log.add("opened", D2, OPENED)
        log.add("reserved", D2, RESERVED)
        log.add("settled", D2, SETTLED)
        log.add("waiting", D2, {"approval_id": "apr_1"})
        log.add("resolved", D2, {"approval_id": "apr_1", "resolution": "edited"})
        log.add("closed", D2, CLOSED)
        begin = 0
        for end in ends:
            position = log.position if end == 10 else LogPosition(events=end)
            index = SqlDecisionIndex(database)
            await index.apply(tuple(log.rows[begin:end]), log.name, position)
            begin = end
        contents.append(await _content(database))
        database.close()
    assert contents[0] == contents[1]


async def test_a_decision_that_spans_logs_is_one_whichever_log_is_read_first(
    index: DecisionIndex, usage: UsageStore, log_named: Any
) -> None:
    first, second = log_named("0"), log_named("1", at=1_772_366_500.0)
    first.add("opened", D1, OPENED)
    first.add("reserved", D1, RESERVED)
    second.add("settled", D1, SETTLED)
    second.add("closed", D1, CLOSED)
    await second.give(index)
    assert await index.open_decisions() == ()
    await first.give(index)
    assert await index.open_decisions() == ()
    assert await index.unsettled() == ()
    (row,) = await usage.decisions(DecisionPage())
    assert (row.opened_at, row.closed_at, row.status) == (first.at, second.at, "answered")
    (call,) = await usage.calls_of("default", D1)
    assert (call.at, call.zone, call.cost_usd) == (first.at, "device", Decimal("0.125"))


async def test_open_decisions_tell_whether_a_person_is_awaited(
    index: DecisionIndex, usage: UsageStore, log: Any
) -> None:
    resolved = {"approval_id": "apr_1", "resolution": "approved"}
    for decision_id, events in {
        "dec_a": (),
        "dec_b": (("waiting", {"approval_id": "apr_1"}),),
        "dec_c": (("waiting", {"approval_id": "apr_1"}), ("resolved", resolved)),
        "dec_d": (("waiting", {"approval_id": "apr_1"}), ("closed", CLOSED)),
    }.items():
        log.add("opened", decision_id, OPENED)
        for type_, fields in events:
            log.add(type_, decision_id, fields)
        log.at += 1
    await log.give(index)
    assert await index.open_decisions() == (
        OpenDecision(tenant="default", decision_id="dec_a", is_waiting=False),
        OpenDecision(tenant="default", decision_id="dec_b", is_waiting=True),
        OpenDecision(tenant="default", decision_id="dec_c", is_waiting=False),
    )
    standing = {row.decision_id: row.status for row in await usage.decisions(DecisionPage())}
    assert standing == {
        "dec_a": "open",
        "dec_b": "pending_person",
        "dec_c": "open",
        "dec_d": "answered",
    }


async def test_unsettled_calls_point_at_their_reservation(index: DecisionIndex, log: Any) -> None:
    log.add("opened", D1, OPENED)
    log.add("reserved", D1, RESERVED)
    lost = log.add("reserved", D1, {**RESERVED, "permit_id": "permit_2"})
    log.add("settled", D1, SETTLED)
    other = log.add("reserved", D2, RESERVED)  # the same permit id is another call there
    log.add("reserved", D2, None)  # its key was destroyed
    await log.give(index)
    assert await index.unsettled() == (lost, other)


async def test_erased_fields_still_open_and_close_a_decision(
    index: DecisionIndex, usage: UsageStore, log: Any
) -> None:
    log.add("opened", D1, None)
    log.add("settled", D1, None)
    log.add("closed", D1, None)
    await log.give(index)
    assert await index.open_decisions() == ()
    (row,) = await usage.decisions(DecisionPage())
    assert (row.status, row.principal_id) == ("erased", None)


async def test_an_event_that_cannot_be_read_stops_its_whole_batch(
    index: DecisionIndex, log: Any
) -> None:
    log.add("opened", D1, OPENED)
    log.add("settled", D1, {**SETTLED, "latency_ms": "soon"})
    with pytest.raises(WorkspaceError, match=r"event 1 of log 0 \(settled\).*latency_ms"):
        await log.give(index)
    assert await index.position("0") == LogPosition()
    assert await index.events_of("default", D1) == ()


async def test_administrative_and_later_events_are_pointed_at_only(
    index: DecisionIndex, usage: UsageStore, log: Any
) -> None:
    pointer = log.add("administrative", "admin_1", {"action": "keys.create", "by": "x"})
    await log.give(index)
    assert await index.events_of("default", "admin_1") == (pointer,)
    assert await usage.decisions(DecisionPage()) == ()


async def test_decisions_are_paged_newest_first_and_filtered(
    index: DecisionIndex, usage: UsageStore, log: Any
) -> None:
    for number in range(5):
        _whole(log, f"dec_{number}")
    log.add("opened", "dec_5", {**OPENED, "principal_id": "key:K2"})
    log.add("opened", "dec_6", OPENED, tenant="other")
    await log.give(index)

    async def ids(**asked: Any) -> list[str]:
        return [row.decision_id for row in await usage.decisions(DecisionPage(**asked))]

    assert await ids(limit=2) == ["dec_5", "dec_4"]
    assert await ids(limit=2, before="dec_4") == ["dec_3", "dec_2"]
    assert await ids(status="open") == ["dec_5"]
    assert await ids(principal_ids=("key:K2", "key:K3")) == ["dec_5"]
    assert await ids(principal_ids=()) == []
    assert await ids(workflow="triage", limit=1) == ["dec_4"]
    assert await ids(tenant="other") == ["dec_6"]
    assert await ids(before="dec_none") == []
    assert await ids(before="dec_6") == []  # another tenant's


async def test_the_index_outlives_a_restart(
    index: DecisionIndex, database: Database, log: Any, another: Callable[[], Database]
) -> None:
    _whole(log)
    await log.give(index)
    database.close()
    reopened = SqlDecisionIndex(another())
    assert await reopened.position("0") == log.position
    assert len(await reopened.events_of("default", D1)) == 4
