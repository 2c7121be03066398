"""Usage, decisions and spending: what is asked of the ledger's index, answered in SQL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Row,
    Select,
    Table,
    case,
    cast,
    func,
    select,
    type_coerce,
)

from befit.metering import (
    CallCosts,
    CallRow,
    DecisionPage,
    DecisionRow,
    Dimension,
    LastUse,
    Spread,
    UsageGroup,
    UsageQuery,
    UsageRow,
)
from befit.storage.database import Database
from befit.storage.decision_pages import TOKENS, decision_row, page_of_decisions, tokens_of
from befit.storage.last_use import read_last_use
from befit.storage.schema import CALL_SCOPES, CALLS, DECISIONS
from befit.vocabulary import Purpose

_COLUMNS = {
    Dimension.WORKFLOW: "workflow",
    Dimension.MODEL: "model",
    Dimension.KEY: "key_id",
    Dimension.DAY: "day",
}
_NOT_ANSWERING = [Purpose.EVALUATION.value, Purpose.TRAINING.value, Purpose.PROBE.value]
_COMPARABLE = [Purpose.ANSWER.value, Purpose.EVALUATION.value]
_NANO = 1e9


class SqlUsageStore:
    """A `UsageStore`, and the `Spending` that budgets are restored from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def usage(self, query: UsageQuery) -> tuple[UsageRow, ...]:
        """One row a group, ordered by its values."""
        return await self._database.read(lambda c: _usage(c, query))

    async def costs_of(self, model: str, query: UsageQuery) -> tuple[CallCosts, ...]:
        """What answers of `model` cost in the query's period, one entry a workflow.

        Its first answers and those of evaluations count; escalations and fallbacks do
        not, because the hard requests among them are no fair sample.
        """
        rows = await self._database.read(lambda c: c.execute(_costs_of(model, query)).all())
        return tuple(_call_costs(row) for row in rows)

    async def decisions(self, page: DecisionPage) -> tuple[DecisionRow, ...]:
        """Decisions, newest first."""
        rows = await self._database.read(lambda c: c.execute(page_of_decisions(page)).all())
        return tuple(decision_row(row) for row in rows)

    async def calls_of(self, tenant: str, decision_id: str) -> tuple[CallRow, ...]:
        """A decision's calls in the order they were reserved."""
        columns = CALLS.c
        query = (
            select(CALLS)
            .where(columns.tenant == tenant, columns.decision_id == decision_id)
            .order_by(columns.at, columns.permit_id)
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return tuple(_call(row) for row in rows)

    async def last_use(self, tenant: str) -> LastUse:
        """When each model was last called, and each workflow last run."""
        return await self._database.read(lambda c: read_last_use(c, tenant))

    async def spent_usd(self, tenant: str, scope: str, *, since: float, until: float) -> Decimal:
        """The cost of the scope's calls reserved in the period; unsettled ones in full."""
        calls, scopes = CALLS.c, CALL_SCOPES.c
        cost, most = calls.cost_usd, calls.most_usd
        charged = case(
            (calls.settled_at.is_(None), func.coalesce(most, 0)),
            (cost.is_(None), func.coalesce(most, 0)),
            (cost > most, most),  # what `Budgets.settle` charges
            else_=cost,
        )
        query = (
            select(func.sum(type_coerce(charged, cost.type)))
            .join(
                CALL_SCOPES,
                (scopes.tenant == calls.tenant)
                & (scopes.decision_id == calls.decision_id)
                & (scopes.permit_id == calls.permit_id),
            )
            .where(scopes.tenant == tenant, scopes.scope == scope)
            .where(calls.at >= since, calls.at < until)
        )
        return await self._database.read(lambda c: c.execute(query).scalar()) or Decimal(0)


def _usage(connection: Connection, query: UsageQuery) -> tuple[UsageRow, ...]:
    by = [_COLUMNS[dimension] for dimension in Dimension if dimension in query.by]
    # Without grouping SQL tells one row of nothing where nothing was found.
    totals = [row for row in connection.execute(_totals(query, by)) if row.calls]
    calls = {_group(row, by): row for row in totals}
    latencies = _spreads(connection, _timed(CALLS, CALLS.c.latency_ms, query, by), by)
    overheads = _spreads(connection, _timed(DECISIONS, DECISIONS.c.overhead_ms, query, by), by)
    counted = select(*_grouping(DECISIONS, by), func.count().label("n"))
    counted = counted.where(*_within(DECISIONS, query)).group_by(*_grouping(DECISIONS, by))
    decisions = {_group(row, by): row.n for row in connection.execute(counted) if row.n}
    groups = calls.keys() | decisions.keys()
    rows = [
        _usage_row(
            group,
            calls.get(group),
            decisions=decisions.get(group, 0),
            latency=latencies.get(group, Spread()),
            overhead=overheads.get(group, Spread()),
        )
        for group in groups
    ]
    return tuple(sorted(rows, key=lambda row: _sort_key(row.group)))


def _totals(query: UsageQuery, by: Sequence[str]) -> Select[*tuple[Any, ...]]:
    calls = CALLS.c
    counted = func.coalesce(calls.rows, 1)
    is_first = calls.purpose == Purpose.ANSWER.value
    answers = calls.purpose.not_in(_NOT_ANSWERING)
    is_unknown = calls.cost_usd.is_(None)
    sums = [func.sum(calls[name]).label(name) for name in TOKENS]
    firsts = [func.sum(case((is_first, calls[name]))).label(f"first_{name}") for name in TOKENS]
    return (
        select(
            *_grouping(CALLS, by),
            func.sum(counted).label("calls"),
            func.sum(case((is_first, counted))).label("answers"),
            func.sum(calls.cost_usd).label("known_cost_usd"),
            func.sum(case((is_unknown, counted))).label("unknown_costs"),
            func.sum(type_coerce(case((answers, calls.cost_usd)), calls.cost_usd.type)).label(
                "answering_cost_usd"
            ),
            func.sum(case((answers & is_unknown, 1))).label("answering_unknown"),
            *sums,
            *firsts,
        )
        .where(calls.settled_at.is_not(None), *_within(CALLS, query))
        .group_by(*_grouping(CALLS, by))
    )


def _timed(
    table: Table, duration: ColumnElement[float], query: UsageQuery, by: Sequence[str]
) -> Select[*tuple[Any, ...]]:
    """Nearest-rank percentiles: the least duration that p percent do not exceed."""
    grouping = _grouping(table, by)
    place = func.row_number().over(partition_by=grouping or None, order_by=duration)
    size = func.count().over(partition_by=grouping or None)
    ranked = select(
        *grouping, duration.label("ms"), place.label("place"), size.label("size")
    ).where(duration.is_not(None), *_within(table, query))
    if table is CALLS:
        ranked = ranked.where(CALLS.c.rows.is_(None), CALLS.c.settled_at.is_not(None))
    inner = ranked.subquery()

    def percentile(p: int) -> ColumnElement[float]:
        return func.min(case((inner.c.place * 100 >= inner.c.size * p, inner.c.ms)))

    groups = [inner.c[name] for name in by]
    return select(
        *groups,
        func.count().label("n"),
        percentile(50).label("p50_ms"),
        percentile(95).label("p95_ms"),
    ).group_by(*groups)


def _spreads(
    connection: Connection, query: Select[*tuple[Any, ...]], by: Sequence[str]
) -> dict[UsageGroup, Spread]:
    return {
        _group(row, by): Spread(n=row.n, p50_ms=row.p50_ms, p95_ms=row.p95_ms)
        for row in connection.execute(query)
    }


def _within(table: Table, query: UsageQuery) -> list[ColumnElement[bool]]:
    at = CALLS.c.at if table is CALLS else DECISIONS.c.opened_at
    within = [table.c.tenant == query.tenant, at.is_not(None)]
    if query.since is not None:
        within.append(at >= query.since)
    if query.until is not None:
        within.append(at < query.until)
    if query.key_id is not None:
        within.append(table.c.key_id == query.key_id)
    if query.workflows is not None:
        within.append(table.c.workflow.in_(sorted(query.workflows)))
    return within


def _grouping(table: Table, by: Sequence[str]) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in by]


def _group(row: Row[*tuple[Any, ...]], by: Sequence[str]) -> UsageGroup:
    return UsageGroup(**{name: getattr(row, name) for name in by})


def _sort_key(group: UsageGroup) -> tuple[str, ...]:
    values = (group.day, group.workflow, group.model, group.key_id)
    return tuple(value or "" for value in values)


def _usage_row(
    group: UsageGroup,
    totals: Row[*tuple[Any, ...]] | None,
    *,
    decisions: int,
    latency: Spread,
    overhead: Spread,
) -> UsageRow:
    row = UsageRow(group=group, decisions=decisions, latency=latency, overhead=overhead)
    if totals is None:
        return row
    return UsageRow(
        group=group,
        decisions=decisions,
        calls=totals.calls,
        tokens=tokens_of(totals),
        answers=totals.answers or 0,
        answer_tokens=tokens_of(totals, "first_"),
        answering_cost_usd=(
            None if totals.answering_unknown else totals.answering_cost_usd or Decimal(0)
        ),
        known_cost_usd=totals.known_cost_usd or Decimal(0),
        unknown_costs=totals.unknown_costs or 0,
        latency=latency,
        overhead=overhead,
    )


def _costs_of(model: str, query: UsageQuery) -> Select[*tuple[Any, ...]]:
    calls = CALLS.c
    nano = cast(type_coerce(calls.cost_usd, BigInteger), Double)
    return (
        select(
            calls.workflow,
            func.sum(func.coalesce(calls.rows, 1)).label("n"),
            func.sum(nano).label("total"),
            func.sum(nano * nano).label("squares"),
            func.count(calls.rows).label("bulks"),
        )
        .where(
            calls.settled_at.is_not(None),
            calls.cost_usd.is_not(None),
            calls.model == model,
            calls.purpose.in_(_COMPARABLE),
            *_within(CALLS, query),
        )
        .group_by(calls.workflow)
        .order_by(calls.workflow)
    )


def _call_costs(row: Row[*tuple[Any, ...]]) -> CallCosts:
    n = int(row.n)
    mean = row.total / n
    deviation = None
    if not row.bulks and n > 1:
        deviation = math.sqrt(max(0.0, (row.squares - n * mean * mean) / (n - 1)))
    return CallCosts(
        workflow=row.workflow,
        n=n,
        mean_usd=mean / _NANO,
        deviation_usd=None if deviation is None else deviation / _NANO,
    )


def _call(row: Row[*tuple[Any, ...]]) -> CallRow:
    return CallRow(
        permit_id=row.permit_id,
        decision_id=row.decision_id,
        step=row.step,
        at=row.at,
        purpose=row.purpose,
        model=row.model,
        zone=row.zone,
        workflow=row.workflow,
        key_id=row.key_id,
        evidence=row.evidence,
        most_usd=row.most_usd,
        outcome=row.outcome,
        error=row.error,
        tokens=tokens_of(row),
        cost_usd=row.cost_usd,
        latency_ms=row.latency_ms,
        first_token_ms=row.first_token_ms,
        rows=row.rows,
    )
