"""Operations on decisions: the account of one, and a list of them."""

from __future__ import annotations

from dataclasses import replace

from befit.audit import DecisionRecord
from befit.errors import NotFound
from befit.gateway.operations.entitled import may, require
from befit.gateway.operations.operation import OpDocument, OpParams
from befit.gateway.operations.reading import Reading, record_reading
from befit.gateway.operations.searching import DecisionQuery, page_asked, told_of
from befit.identity import Principal
from befit.metering import DecisionRow
from befit.orchestrator import decision_id_of
from befit.platform import Platform
from befit.policy import Action

_ALL = "decisions"


class DecisionId(OpParams, frozen=True, kw_only=True):
    """One decision, by its own id or its run's."""

    id: str


class DecisionList(OpDocument, omit_defaults=True, frozen=True, kw_only=True):
    """Decisions, newest first. `next` is `before` of the next page; absent on the last."""

    decisions: tuple[DecisionRow, ...]
    next: str | None = None


async def show_decision(
    platform: Platform, principal: Principal, params: DecisionId
) -> DecisionRecord:
    """Who asked, what was considered, called, checked and decided.

    Raises:
        NotFound: no such decision, for this principal.
        LedgerUnavailable: it is another's, and the reading cannot be recorded.
    """
    decision_id = decision_id_of(params.id) if params.id.startswith("run_") else params.id
    record = await platform.record(principal.tenant, decision_id)
    if record.principal_id == principal.id:
        return record
    is_reviewed = bool(record.approvals) and may(platform, principal, Action.APPROVE)
    if not (is_reviewed or may(platform, principal, Action.AUDIT)):
        raise NotFound(f"no decision {params.id!r}")
    await record_reading(platform, principal, Reading.DECISION, subject=decision_id, told={})
    return record


async def list_decisions(
    platform: Platform, principal: Principal, params: DecisionQuery
) -> DecisionList:
    """The principal's own decisions; everybody's for who may audit.

    Raises:
        Forbidden: it asks for another's, and may not audit.
        InvalidRequest: the limit or a time cannot be read.
        LedgerUnavailable: others' are among them, and the reading cannot be recorded.
    """
    own = (principal.id,)
    page = await page_asked(
        platform, principal.tenant, params, limit=params.limit, before=params.before
    )
    if page.principal_ids is None and not may(platform, principal, Action.AUDIT):
        page = replace(page, principal_ids=own)
    if page.principal_ids not in (None, own):
        require(platform, principal, Action.AUDIT, "read what others asked")
    await platform.projector.caught_up()
    rows = await platform.stores.usage.decisions(page)
    if page.principal_ids != own:
        told = {"query": told_of(platform, page), "count": len(rows)}
        await record_reading(platform, principal, Reading.SEARCH, subject=_ALL, told=told)
    more = rows[-1].decision_id if len(rows) == page.limit else None
    return DecisionList(decisions=rows, next=more)
