"""Operations on decisions: the account of one, and a list of them."""

from __future__ import annotations

from dataclasses import replace

from befit.audit import DecisionRecord
from befit.errors import NotFound
from befit.gateway.operations.entitled import audited_workflows, may_read, may_review, require
from befit.gateway.operations.ledger.known import require_known
from befit.gateway.operations.ledger.reading import Reading, record_reading
from befit.gateway.operations.ledger.searching import DecisionQuery, page_asked, told_of
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.identity import Principal
from befit.metering import DecisionRow, Reach
from befit.orchestrator import decision_id_of
from befit.platform import Platform
from befit.policy import Action

_ALL = "decisions"
_NONE: frozenset[str] = frozenset()


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
    workflow = record.workflow.name if record.workflow else None
    is_audited = may_read(platform, principal, record.principal_id, workflow)
    if not (is_audited or await _is_reviewed(platform, principal, record)):
        raise NotFound(f"no decision {params.id!r}")
    await record_reading(platform, principal, Reading.DECISION, subject=decision_id, told={})
    return record


async def list_decisions(
    platform: Platform, principal: Principal, params: DecisionQuery
) -> DecisionList:
    """The principal's own decisions, and everybody's of what it may audit.

    Raises:
        Forbidden: it asks for another's, and may not audit.
        InvalidRequest: the limit or a time cannot be read, or a word means nothing here.
        NotFound: nobody of that name is known.
        LedgerUnavailable: others' are among them, and the reading cannot be recorded.
    """
    own = (principal.id,)
    page = await page_asked(
        platform, principal.tenant, params, limit=params.limit, before=params.before
    )
    workflows = audited_workflows(platform, principal)
    if workflows is not None:
        page = replace(page, reach=Reach(principal_id=principal.id, workflows=workflows))
    if page.principal_ids not in (None, own) and workflows == _NONE:
        require(platform, principal, Action.AUDIT, "read what others asked")
    await require_known(platform, page, params.who)
    await platform.projector.caught_up()
    rows = await platform.stores.usage.decisions(page)
    if page.principal_ids != own and workflows != _NONE:
        told = {"query": told_of(platform, page), "count": len(rows)}
        await record_reading(platform, principal, Reading.SEARCH, subject=_ALL, told=told)
    more = rows[-1].decision_id if len(rows) == page.limit else None
    return DecisionList(decisions=rows, next=more)


async def _is_reviewed(platform: Platform, principal: Principal, record: DecisionRecord) -> bool:
    """Whether the principal decides, or has decided, on an answer of it."""
    for asked in record.approvals:
        try:
            approval = await platform.approvals.get(asked.approval_id, principal)
        except NotFound:
            continue
        if may_review(platform, principal, approval):
            return True
    return False


OPERATIONS = (
    operation("decisions.show", DecisionId, show_decision),
    operation("decisions.list", DecisionQuery, list_decisions),
)
