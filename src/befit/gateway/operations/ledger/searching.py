"""What a search for decisions asks: who, what, when, as people write it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Literal

from befit.errors import InvalidRequest
from befit.gateway.operations.ledger.known import meant
from befit.gateway.operations.ledger.moment import moment
from befit.gateway.operations.operation import OpParams
from befit.metering import DecisionPage, DecisionRow
from befit.platform import Platform

MOST = 500
"""The most decisions of one page."""

ClassWord = Literal["public", "internal", "confidential", "restricted"]


class DecisionFilter(OpParams, frozen=True, kw_only=True):
    """Which decisions; what is not given restricts nothing.

    `who` is a principal's id, a key's id, or the name of a person. `model` is any that was
    called, whoever answered in the end. `since` and `until` are Unix seconds, a date (UTC),
    a date with time, or how long ago (`7d`, `24h`). `denied` leaves those that policy refused.
    """

    who: str | None = None
    workflow: str | None = None
    model: str | None = None
    data_class: ClassWord | None = None
    status: str | None = None
    since: str | None = None
    until: str | None = None
    denied: bool = False


class DecisionQuery(DecisionFilter, frozen=True, kw_only=True):
    """Which decisions, newest first; `before` is the last id of the page before."""

    limit: int = 50
    before: str | None = None


async def page_asked(
    platform: Platform, tenant: str, asked: DecisionFilter, *, limit: int, before: str | None
) -> DecisionPage:
    """The page of decisions that a filter describes.

    Raises:
        InvalidRequest: the limit or a time cannot be read.
    """
    if not 1 <= limit <= MOST:
        raise InvalidRequest(f"limit is {limit}; it goes from 1 to {MOST}", param="limit")
    whom = None if asked.who is None else await meant(platform, tenant, asked.who)
    return DecisionPage(
        tenant=tenant,
        limit=limit,
        before=before,
        status=asked.status,
        workflow=asked.workflow,
        model=asked.model,
        data_class=asked.data_class,
        since=moment(asked.since, "since"),
        until=moment(asked.until, "until"),
        principal_ids=whom.principal_ids if whom else None,
        key_id=whom.key_id if whom else None,
        denied=asked.denied,
    )


async def all_pages(
    platform: Platform, page: DecisionPage
) -> AsyncGenerator[tuple[DecisionRow, ...]]:
    """Every decision from a page on, a page at a time; none of them is empty."""
    await platform.projector.caught_up()
    while True:
        rows = await platform.stores.usage.decisions(page)
        if rows:
            yield rows
        if len(rows) < page.limit:
            return
        page = replace(page, before=rows[-1].decision_id)


def told_of(platform: Platform, page: DecisionPage) -> dict[str, object]:
    """A query as an event tells it: persons by pseudonym, and only what restricts."""
    pseudonym = platform.erasure.pseudonym
    told: dict[str, object] = {
        "who": [pseudonym(page.tenant, each) for each in page.principal_ids or ()],
        "workflow": page.workflow,
        "model": page.model,
        "data_class": page.data_class,
        "status": page.status,
        "since": page.since,
        "until": page.until,
        "denied": page.denied,
        "before": page.before,
        "within": sorted(page.reach.workflows) if page.reach else (),
    }
    return {name: value for name, value in told.items() if value}
