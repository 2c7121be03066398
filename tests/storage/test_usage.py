from __future__ import annotations

import random
import statistics
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from befit.catalog import ModelCard, Price, Via
from befit.messages import TokenUsage
from befit.metering import (
    Basis,
    Budgets,
    BudgetScope,
    Dimension,
    Reference,
    Spread,
    UsageGroup,
    UsageQuery,
    UsageRow,
    UsageStore,
    report_usage,
    restore,
)
from befit.storage import Database, SqlBudgetStore, SqlDecisionIndex, SqlUsageStore
from befit.vocabulary import SizeClass, Zone

DAY = 86_400.0
CARD = ModelCard(
    name="large",
    family="f",
    size=SizeClass.LARGE,
    via=Via.OPENAI,
    zone=Zone.EXTERNAL,
    cost=Price(
        input_usd_per_million=Decimal(1000),
        output_usd_per_million=Decimal(4000),
        source="a price list",
        as_of=date(2026, 1, 1),
    ),
)


class Ledger:
    """Writes whole decisions, each of some calls, into the index."""

    def __init__(self, log: Any, index: SqlDecisionIndex) -> None:
        self.log = log
        self.index = index
        self.number = 0

    async def decide(self, *calls: dict[str, Any], **told: Any) -> str:
        self.number += 1
        decision_id = f"dec_{self.number:04}"
        key_id, workflow = told.get("key_id", "K1"), told.get("workflow", "triage")
        common = {"key_id": key_id, "scopes": told.get("scopes", [])}
        self.log.add("opened", decision_id, {"kind": "chat", "key_id": key_id})
        for number, call in enumerate(calls):
            permit = {"permit_id": f"p{number}", "purpose": "answer", "model": "small", **common}
            named = {"name": workflow, "version": "sha256:aa"} if workflow else None
            reserved = {**permit, "most_usd": "1", "workflow": named, **call}
            self.log.add("reserved", decision_id, reserved)
            if call.get("outcome", "ok") is not None:
                settled = {
                    **permit,
                    "workflow": workflow,
                    "outcome": "ok",
                    "usage": {"input": 10, "cached_input": 0, "output": 5, "reasoning": 0},
                    "cost_usd": "0.1",
                    "latency_ms": 40.0,
                    **call,
                }
                self.log.add("settled", decision_id, settled)
        closed = {
            "status": "answered",
            "workflow": {"name": workflow, "version": "sha256:aa"} if workflow else None,
            "model": "small",
            "key_id": key_id,
            "overhead_ms": told.get("overhead_ms", 1.0),
        }
        self.log.add("closed", decision_id, closed)
        await self.log.give(self.index)
        return decision_id


@pytest.fixture
def ledger(log: Any, database: Database) -> Ledger:
    return Ledger(log, SqlDecisionIndex(database))


@pytest.fixture
def usage(database: Database) -> UsageStore:
    return SqlUsageStore(database)


def by(*dimensions: Dimension, **asked: Any) -> UsageQuery:
    return replace(UsageQuery(by=frozenset(dimensions)), **asked)


async def test_nothing_used_is_no_row(usage: UsageStore) -> None:
    assert await usage.usage(UsageQuery()) == ()
    assert await usage.usage(by(*Dimension)) == ()


async def test_one_row_of_everything(usage: UsageStore, ledger: Ledger) -> None:
    await ledger.decide({"usage": {"input": 10, "cached_input": 4, "output": 5, "reasoning": 1}})
    await ledger.decide({"cost_usd": "0.25", "latency_ms": 60.0}, overhead_ms=3.0)
    (row,) = await usage.usage(UsageQuery())
    assert row == UsageRow(
        decisions=2,
        calls=2,
        tokens=TokenUsage(input=20, cached_input=4, output=10, reasoning=1),
        answers=2,
        answer_tokens=TokenUsage(input=20, cached_input=4, output=10, reasoning=1),
        answering_cost_usd=Decimal("0.35"),
        known_cost_usd=Decimal("0.35"),
        latency=Spread(n=2, p50_ms=40.0, p95_ms=60.0),
        overhead=Spread(n=2, p50_ms=1.0, p95_ms=3.0),
    )
    assert row.cost_usd == Decimal("0.35")


async def test_rows_are_grouped_by_what_is_asked_and_ordered(
    usage: UsageStore, ledger: Ledger
) -> None:
    await ledger.decide({"model": "small"}, {"model": "large", "purpose": "escalation"})
    await ledger.decide({"model": "small"}, workflow=None, key_id="K2")
    ledger.log.at += DAY
    await ledger.decide({"model": "small"})

    async def groups(*dimensions: Dimension) -> list[tuple[UsageGroup, int, int]]:
        rows = await usage.usage(by(*dimensions))
        return [(row.group, row.decisions, row.calls) for row in rows]

    assert await groups(Dimension.MODEL) == [
        (UsageGroup(model="large"), 0, 1),
        (UsageGroup(model="small"), 3, 3),
    ]
    assert await groups(Dimension.WORKFLOW) == [
        (UsageGroup(), 1, 1),
        (UsageGroup(workflow="triage"), 2, 3),
    ]
    assert await groups(Dimension.KEY, Dimension.DAY) == [
        (UsageGroup(key_id="K1", day="2026-03-01"), 1, 2),
        (UsageGroup(key_id="K2", day="2026-03-01"), 1, 1),
        (UsageGroup(key_id="K1", day="2026-03-02"), 1, 1),
    ]
    assert sum(calls for _, _, calls in await groups(*Dimension)) == 4


async def test_only_the_asked_period_key_and_tenant_count(
    usage: UsageStore, ledger: Ledger
) -> None:
    start = ledger.log.at
    for key_id in ("K1", "K2"):
        await ledger.decide({}, key_id=key_id)
        ledger.log.at += DAY

    async def calls(**asked: Any) -> int:
        return sum(row.calls for row in await usage.usage(by(**asked)))

    assert await calls() == 2
    assert await calls(since=start + 1) == 1
    assert await calls(until=start + DAY) == 1
    assert await calls(since=start, until=start) == 0
    assert await calls(key_id="K2") == 1
    assert await calls(tenant="other") == 0


async def test_one_unknown_price_makes_the_cost_unknown_and_is_counted(
    usage: UsageStore, ledger: Ledger
) -> None:
    await ledger.decide({})
    await ledger.decide({"cost_usd": None, "most_usd": None})
    (row,) = await usage.usage(UsageQuery())
    assert (row.cost_usd, row.answering_cost_usd) == (None, None)
    assert (row.known_cost_usd, row.unknown_costs) == (Decimal("0.1"), 1)


async def test_what_is_not_settled_is_not_yet_used(usage: UsageStore, ledger: Ledger) -> None:
    await ledger.decide({"outcome": None}, overhead_ms=None)
    (row,) = await usage.usage(UsageQuery())
    assert (row.decisions, row.calls, row.latency, row.overhead) == (1, 0, Spread(), Spread())


async def test_evaluations_cost_but_are_no_answers(usage: UsageStore, ledger: Ledger) -> None:
    await ledger.decide({"purpose": "evaluation", "cost_usd": None, "rows": {"n": 200}})
    await ledger.decide({}, {"purpose": "escalation"}, {"purpose": "match", "cost_usd": "0"})
    (row,) = await usage.usage(UsageQuery())
    assert (row.calls, row.answers, row.unknown_costs) == (203, 1, 200)
    assert row.answering_cost_usd == Decimal("0.2")
    assert row.cost_usd is None


async def test_percentiles_are_the_nearest_rank_of_each_group(
    usage: UsageStore, ledger: Ledger
) -> None:
    draw = random.Random(3)
    times: dict[str, list[float]] = {"a": [], "b": [], "c": []}
    for model, known in times.items():
        for _ in range(draw.randint(1, 45)):
            known.append(round(draw.expovariate(0.01), 3))
            await ledger.decide({"model": model, "latency_ms": known[-1]})
    await ledger.decide({"model": "a", "latency_ms": 1e9, "rows": 50})  # a bulk call's is no call's
    rows = [row for row in await usage.usage(by(Dimension.MODEL)) if row.calls]
    assert [row.group.model for row in rows] == ["a", "b", "c"]
    for row in rows:
        known = sorted(times[str(row.group.model)])
        ranks = [known[-(-len(known) * p // 100) - 1] for p in (50, 95)]
        assert (row.latency.n, row.latency.p50_ms, row.latency.p95_ms) == (len(known), *ranks)


async def test_costs_of_a_model_are_told_a_workflow_each(usage: UsageStore, ledger: Ledger) -> None:
    amounts = [0.001, 0.0025, 0.0040000015, 0.003]
    for amount in amounts:
        await ledger.decide({"model": "large", "cost_usd": str(amount)}, workflow="a")
    await ledger.decide({"model": "large", "purpose": "evaluation", "rows": 100}, workflow="b")
    await ledger.decide({"model": "large", "purpose": "escalation", "cost_usd": "9"})
    await ledger.decide({"model": "large", "cost_usd": None})
    a, b = await usage.costs_of("large", UsageQuery())
    assert (a.workflow, a.n) == ("a", 4)
    assert a.mean_usd == pytest.approx(statistics.fmean(amounts), rel=1e-6)
    assert a.deviation_usd == pytest.approx(statistics.stdev(amounts), rel=1e-6)
    assert (b.workflow, b.n, b.deviation_usd) == ("b", 100, None)
    assert b.mean_usd == pytest.approx(0.001)


async def test_a_report_names_the_saving_against_a_reference_that_was_run(
    usage: UsageStore, ledger: Ledger
) -> None:
    for cost in ("0.5", "0.7"):
        await ledger.decide({"model": "large", "purpose": "evaluation", "cost_usd": cost})
    await ledger.decide({})
    reference = Reference(card=CARD, basis=Basis.RUN)
    (row,) = await report_usage(usage, by(Dimension.WORKFLOW, reference=reference))
    assert row.saving is not None
    assert row.saving.saved_usd == Decimal("0.5")
    assert (row.saving.n, row.saving.basis) == (2, "run")
    assert row.saving.interval_usd is not None


async def test_a_report_names_the_saving_against_an_assumed_reference(
    usage: UsageStore, ledger: Ledger
) -> None:
    await ledger.decide({}, {"purpose": "escalation"})  # the reference would answer once
    (row,) = await report_usage(usage, by(reference=Reference(card=CARD)))
    assert row.saving is not None
    assert row.saving.saved_usd == Decimal("0.03") - Decimal("0.2")
    (plain,) = await report_usage(usage, UsageQuery())
    assert plain.saving is None


async def test_spending_counts_each_call_of_the_scope_in_its_period(
    usage: UsageStore, ledger: Ledger
) -> None:
    start, scopes = ledger.log.at, ["key:K1", "workflow:triage"]
    await ledger.decide({"cost_usd": "0.3"}, scopes=scopes)
    await ledger.decide({"outcome": None}, scopes=["key:K1"])  # unsettled: in full
    await ledger.decide({"cost_usd": None}, scopes=["key:K1"])  # unknown: in full
    await ledger.decide({"cost_usd": "5"}, scopes=["key:K1"])  # never more than was reserved
    await ledger.decide({"cost_usd": "0.9"})
    ledger.log.at += DAY
    await ledger.decide({"cost_usd": "0.01"}, scopes=["key:K1"])
    every = {"since": 0.0, "until": float("inf")}
    today = {"since": start, "until": start + DAY}
    assert await usage.spent_usd("default", "key:K1", **today) == Decimal("3.3")
    assert await usage.spent_usd("default", "key:K1", **every) == Decimal("3.31")
    assert await usage.spent_usd("default", "workflow:triage", **every) == Decimal("0.3")
    assert await usage.spent_usd("other", "key:K1", **every) == 0


async def test_budgets_are_restored_from_the_ledger_after_a_crash(
    database: Database, ledger: Ledger
) -> None:
    scope = BudgetScope(name="key:K1", limit_usd=Decimal(2))
    store = SqlBudgetStore(database)
    await Budgets(store).reserve((scope,), Decimal(2))
    await ledger.decide({"cost_usd": "0.3"}, scopes=["key:K1"])
    await ledger.decide({"outcome": None}, scopes=["key:K1"])
    await restore(store, SqlUsageStore(database))
    await Budgets(store).reserve((scope,), Decimal("0.7"))
