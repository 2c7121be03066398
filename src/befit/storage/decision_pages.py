"""Pages of decisions: the query behind every list and search, and its rows.

A page is a stretch of the index `(tenant, opened_at)`, which the table's key completes to
`(tenant, opened_at, decision_id)`; who asked has an index of its own in the same order. So
the next page begins where the last one ended, however much was added meanwhile.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select

from befit.errors import Forbidden
from befit.messages import TokenUsage
from befit.metering import DecisionPage, DecisionRow, Reach
from befit.storage.schema import CALLS, DECISIONS

TOKENS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
"""The columns of tokens by class."""

_C = DECISIONS.c
_STANDING = case(
    (_C.closed_at.is_not(None), func.coalesce(_C.status, "erased")),
    (_C.approval_id.is_not(None) & _C.resolution.is_(None), "pending_person"),
    else_="open",
)


def page_of_decisions(page: DecisionPage) -> Select[*tuple[Any, ...]]:
    """The decisions of a page, newest first."""
    return (
        select(DECISIONS, _STANDING.label("standing"))
        .where(_C.tenant == page.tenant, _C.opened_at.is_not(None), *_wanted(page))
        .order_by(_C.opened_at.desc(), _C.decision_id.desc())
        .limit(page.limit)
    )


def _wanted(page: DecisionPage) -> list[ColumnElement[bool]]:
    wanted = [
        column == value
        for column, value in (
            (_STANDING, page.status),
            (_C.workflow, page.workflow),
            (_C.data_class, page.data_class),
            (_C.key_id, page.key_id),
        )
        if value is not None
    ]
    if page.before is not None:
        wanted.append(_older_than(page.tenant, page.before))
    if page.since is not None:
        wanted.append(_C.opened_at >= page.since)
    if page.until is not None:
        wanted.append(_C.opened_at < page.until)
    if page.principal_ids is not None:
        wanted.append(_asked_by(page.principal_ids))
    if page.model is not None:
        wanted.append(_has_called(page.model))
    if page.reach is not None:
        wanted.append(_within(page.reach))
    if page.denied:
        wanted.append(_C.error_code == Forbidden.code)
    return wanted


def _asked_by(principal_ids: tuple[str, ...]) -> ColumnElement[bool]:
    if len(principal_ids) == 1:  # the planner trusts its index for an equality alone
        return _C.principal_id == principal_ids[0]
    return _C.principal_id.in_(principal_ids)


def _within(reach: Reach) -> ColumnElement[bool]:
    own = _C.principal_id == reach.principal_id
    return or_(own, _C.workflow.in_(sorted(reach.workflows))) if reach.workflows else own


def _older_than(tenant: str, decision_id: str) -> ColumnElement[bool]:
    last = DECISIONS.alias()
    opened_at = (
        select(last.c.opened_at)
        .where(last.c.tenant == tenant, last.c.decision_id == decision_id)
        .scalar_subquery()
    )
    # The first half alone bounds the stretch of the index; the second settles equal times.
    return and_(
        _C.opened_at <= opened_at,
        or_(_C.opened_at < opened_at, _C.decision_id < decision_id),
    )


def _has_called(model: str) -> ColumnElement[bool]:
    calls = CALLS.c
    called = select(1).where(
        calls.tenant == _C.tenant, calls.decision_id == _C.decision_id, calls.model == model
    )
    return or_(_C.model == model, called.exists())


def decision_row(row: Row[*tuple[Any, ...]]) -> DecisionRow:
    """A decision as a list shows it."""
    return DecisionRow(
        decision_id=row.decision_id,
        kind=row.kind,
        source=row.source,
        principal_id=row.principal_id,
        key_id=row.key_id,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        status=row.standing,
        workflow=row.workflow,
        workflow_version=row.workflow_version,
        model=row.model,
        zone=row.zone,
        evidence=row.evidence,
        data_class=row.data_class,
        approval_id=row.approval_id,
        resolution=row.resolution,
        error_code=row.error_code,
        tokens=tokens_of(row),
        cost_usd=row.cost_usd,
        latency_ms=row.latency_ms,
        overhead_ms=row.overhead_ms,
    )


def tokens_of(row: Row[*tuple[Any, ...]], prefix: str = "") -> TokenUsage:
    """Tokens by class, from a row's columns."""
    values = [int(getattr(row, prefix + name) or 0) for name in TOKENS]
    return TokenUsage(
        input=values[0], cached_input=values[1], output=values[2], reasoning=values[3]
    )
