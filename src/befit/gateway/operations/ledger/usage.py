"""The operation `usage`: what was used, by whom, and what it saved."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from befit.gateway.operations.entitled import audited_workflows
from befit.gateway.operations.ledger.moment import moment
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.identity import Principal
from befit.messages import TokenUsage
from befit.metering import (
    Basis,
    Dimension,
    Reference,
    Saving,
    Spread,
    UsageQuery,
    UsageRow,
    report_usage,
)
from befit.platform import Platform


class UsageParams(OpParams, frozen=True, kw_only=True):
    """Which usage.

    `since` and `until` are Unix seconds, a date (UTC), a date with time, or how long ago
    (`7d`, `24h`). `reference` is the model to compare with; `basis` whether its own calls of
    the period decide its cost (`run`) or its price is applied to the same tokens (`assumed`).
    """

    by: tuple[Literal["workflow", "model", "key", "day"], ...] = ()
    since: str | None = None
    until: str | None = None
    reference: str | None = None
    basis: Literal["run", "assumed"] = "assumed"


class UsageEntry(OpDocument, omit_defaults=True, frozen=True, kw_only=True):
    """The usage of one group. `cost_usd` is null where a call has no known price."""

    decisions: int
    calls: int
    tokens: TokenUsage
    cost_usd: Decimal | None
    known_cost_usd: Decimal
    unknown_costs: int
    latency: Spread
    overhead: Spread
    workflow: str | None = None
    model: str | None = None
    key: str | None = None
    day: str | None = None
    saving: Saving | None = None


class UsageDocument(OpDocument, frozen=True, kw_only=True):
    """One row a group, ordered by its values."""

    by: tuple[str, ...]
    since: float | None
    until: float | None
    rows: tuple[UsageEntry, ...]


async def usage(platform: Platform, principal: Principal, params: UsageParams) -> UsageDocument:
    """Usage of the tenant for who may audit, of the principal's own key for others.

    Who may audit some workflows alone sees what these used.

    Raises:
        InvalidRequest: a time cannot be read.
        NotFound: no such reference model.
    """
    reference = None
    if params.reference is not None:
        card = platform.catalog.current.of(principal.tenant).find_card(params.reference)
        reference = Reference(card=card, basis=Basis(params.basis))
    workflows = audited_workflows(platform, principal)
    query = UsageQuery(
        tenant=principal.tenant,
        by=frozenset(Dimension(word) for word in params.by),
        since=moment(params.since, "since"),
        until=moment(params.until, "until"),
        # Who has no key of their own and may not audit has used nothing.
        key_id=None if workflows is None or workflows else principal.key_id or "",
        workflows=workflows or None,
        reference=reference,
    )
    await platform.projector.caught_up()
    rows = await report_usage(platform.stores.usage, query)
    return UsageDocument(
        by=params.by,
        since=query.since,
        until=query.until,
        rows=tuple(_entry(row) for row in rows),
    )


def _entry(row: UsageRow) -> UsageEntry:
    return UsageEntry(
        workflow=row.group.workflow,
        model=row.group.model,
        key=row.group.key_id,
        day=row.group.day,
        decisions=row.decisions,
        calls=row.calls,
        tokens=row.tokens,
        cost_usd=row.cost_usd,
        known_cost_usd=row.known_cost_usd,
        unknown_costs=row.unknown_costs,
        latency=row.latency,
        overhead=row.overhead,
        saving=row.saving,
    )


OPERATIONS = (operation("usage", UsageParams, usage),)
