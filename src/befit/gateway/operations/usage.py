"""The operation `usage`: what was used, by whom, and what it saved."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from befit.errors import InvalidRequest
from befit.gateway.operations.operation import OpDocument, OpParams
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

_AGO = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


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
    """Usage of the tenant for administrators, of the principal's own key for others.

    Raises:
        InvalidRequest: a time cannot be read.
        NotFound: no such reference model.
    """
    reference = None
    if params.reference is not None:
        card = platform.catalog.current.find_card(params.reference)
        reference = Reference(card=card, basis=Basis(params.basis))
    query = UsageQuery(
        tenant=principal.tenant,
        by=frozenset(Dimension(word) for word in params.by),
        since=_moment(params.since, "since"),
        until=_moment(params.until, "until"),
        # Who has no key of their own and is no administrator has used nothing.
        key_id=None if principal.is_admin else principal.key_id or "",
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


def _moment(text: str | None, param: str) -> float | None:
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return time.time() - int(ago[1]) * _SECONDS[ago[2]]
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{param} {text!r} is no time",
            next_step="write 2026-01-31, 2026-01-31T08:00, 7d, 24h or Unix seconds",
            param=param,
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
