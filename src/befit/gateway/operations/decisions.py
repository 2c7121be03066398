"""Operations on decisions: the account of one, and a list of them."""

from __future__ import annotations

from befit.audit import DecisionRecord
from befit.errors import InvalidRequest, NotFound
from befit.gateway.operations.entitled import may_read, may_review
from befit.gateway.operations.operation import OpDocument, OpParams
from befit.identity import Principal
from befit.metering import DecisionPage, DecisionRow
from befit.orchestrator import decision_id_of
from befit.platform import Platform

_MOST = 500


class DecisionId(OpParams, frozen=True, kw_only=True):
    """One decision, by its own id or its run's."""

    id: str


class DecisionQuery(OpParams, frozen=True, kw_only=True):
    """Which decisions, newest first; `before` is the last id of the page before."""

    limit: int = 50
    before: str | None = None
    status: str | None = None
    workflow: str | None = None


class DecisionList(OpDocument, frozen=True, kw_only=True):
    """Decisions, newest first."""

    decisions: tuple[DecisionRow, ...]


async def show_decision(
    platform: Platform, principal: Principal, params: DecisionId
) -> DecisionRecord:
    """Who asked, what was considered, called, checked and decided.

    Raises:
        NotFound: no such decision, for this principal.
    """
    decision_id = decision_id_of(params.id) if params.id.startswith("run_") else params.id
    record = await platform.record(principal.tenant, decision_id)
    is_reviewed = bool(record.approvals) and may_review(principal)
    if not (may_read(principal, record.principal_id) or is_reviewed):
        raise NotFound(f"no decision {params.id!r}")
    return record


async def list_decisions(
    platform: Platform, principal: Principal, params: DecisionQuery
) -> DecisionList:
    """The principal's own decisions; everybody's for administrators."""
    if not 1 <= params.limit <= _MOST:
        raise InvalidRequest(f"limit is {params.limit}; it goes from 1 to {_MOST}", param="limit")
    page = DecisionPage(
        tenant=principal.tenant,
        limit=params.limit,
        before=params.before,
        status=params.status,
        workflow=params.workflow,
        principal_id=None if principal.is_admin else principal.id,
    )
    await platform.projector.caught_up()
    return DecisionList(decisions=await platform.stores.usage.decisions(page))
