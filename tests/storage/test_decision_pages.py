"""Searches find what they ask for, page by page without a gap, and by an index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, text

from befit.metering import DecisionPage
from befit.storage import Database, SqlUsageStore
from befit.storage.decision_pages import page_of_decisions
from befit.storage.schema import CALLS, DECISIONS


@pytest.fixture
def usage(database: Database) -> SqlUsageStore:
    return SqlUsageStore(database)


async def fill(database: Database, rows: list[dict[str, Any]]) -> None:
    base = {"tenant": "default", "opened_at": 0.0, "closed_at": 1.0, "status": "answered"}

    def work(connection: Connection) -> None:
        connection.execute(DECISIONS.delete())
        for number, row in enumerate(rows):
            values = {**base, "decision_id": f"dec_{number:06d}", **row}
            connection.execute(insert(DECISIONS).values(values))

    await database.run(work)


async def found(usage: SqlUsageStore, **asked: Any) -> list[int]:
    rows = await usage.decisions(DecisionPage(**asked))
    return [int(row.decision_id.removeprefix("dec_")) for row in rows]


async def test_each_filter_keeps_what_it_names(database: Database, usage: SqlUsageStore) -> None:
    await fill(
        database,
        [
            {"principal_id": "key:a", "key_id": "a", "data_class": "public", "opened_at": 10.0},
            {
                "principal_id": "person:p",
                "key_id": "b",
                "data_class": "internal",
                "opened_at": 20.0,
            },
            {"principal_id": "person:p", "status": "refused", "error_code": "forbidden"},
            {"principal_id": "key:a", "status": "refused", "error_code": "budget_exhausted"},
            {"model": "large", "workflow": "triage"},
            *(
                {"status": "refused", "error_code": code, "data_class": "restricted"}
                for code in ("no_fit_model", "person_required", "permit_denied")
            ),
        ],
    )
    assert await found(usage, principal_ids=("person:p",)) == [1, 2]
    assert await found(usage, principal_ids=("person:p",), key_id="b") == [1]
    assert await found(usage, data_class="public") == [0]
    assert await found(usage, denied=True) == [2]
    assert await found(usage, status="refused") == [7, 6, 5, 3, 2]
    assert await found(usage, since=10.0, until=20.0) == [0]
    assert await found(usage, model="large") == [4]
    assert await found(usage, workflow="triage", model="small") == []


async def test_a_model_is_found_where_it_was_called_and_another_answered(
    database: Database, usage: SqlUsageStore
) -> None:
    await fill(database, [{"model": "large"}, {"model": "large"}])
    call = {"tenant": "default", "decision_id": "dec_000001", "permit_id": "p", "step": "1"}
    await database.run(
        lambda c: c.execute(insert(CALLS).values(**call, at=0.0, day="", model="small"))
    )
    assert await found(usage, model="small") == [1]
    assert await found(usage, model="large") == [1, 0]


@given(
    times=st.lists(st.integers(0, 5), max_size=30),
    limit=st.integers(1, 7),
    asked=st.sampled_from([{}, {"principal_ids": ("key:0",)}, {"since": 1.0, "until": 4.0}]),
)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_pages_join_without_a_gap_or_a_repetition_whatever_comes_in_between(
    database: Database,
    usage: SqlUsageStore,
    times: list[int],
    limit: int,
    asked: dict[str, Any],
) -> None:
    rows = [
        {"opened_at": float(at), "principal_id": f"key:{number % 2}"}
        for number, at in enumerate(times)
    ]
    await fill(database, rows)
    whole = await found(usage, limit=1_000, **asked)
    assert whole == sorted(whole, key=lambda number: (times[number], number), reverse=True)
    paged: list[int] = []
    before = None
    while page := await found(usage, limit=limit, before=before, **asked):
        paged += page
        before = f"dec_{page[-1]:06d}"
        newer = {"decision_id": f"dec_9{len(paged):05d}", "opened_at": 9.0, "tenant": "default"}
        await database.run(lambda c, row=newer: c.execute(insert(DECISIONS).values(row)))
    assert paged == whole


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "ix_decisions_tenant_opened_at"),
        ({"before": "dec_000001"}, "ix_decisions_tenant_opened_at"),
        ({"since": 1.0, "until": 2.0}, "ix_decisions_tenant_opened_at"),
        ({"principal_ids": ("key:a",)}, "ix_decisions_tenant_principal_id_opened_at"),
        (
            {"principal_ids": ("key:a",), "since": 1.0},
            "ix_decisions_tenant_principal_id_opened_at",
        ),
    ],
)
async def test_a_page_is_a_stretch_of_an_index_and_sorts_nothing(
    database: Database, asked: dict[str, Any], index: str
) -> None:
    plan = "\n".join(await database.read(_plan(DecisionPage(**asked))))
    assert index in plan, plan
    assert "TEMP B-TREE" not in plan, plan


def _plan(page: DecisionPage) -> Callable[[Connection], list[str]]:
    def work(connection: Connection) -> list[str]:
        compiled = page_of_decisions(page).compile(
            connection.engine, compile_kwargs={"literal_binds": True}
        )
        return [row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))]

    return work
