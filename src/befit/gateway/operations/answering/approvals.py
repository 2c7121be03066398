"""Operations on approvals: see what waits for a person, and decide on it."""

from __future__ import annotations

from typing import Literal

from befit.approvals import Approval, ApprovalPage, ApprovalStatus, may_read_payload
from befit.errors import InvalidRequest
from befit.gateway.operations.entitled import may_review, require, workflow_named
from befit.gateway.operations.ledger.reading import Reading, record_reading
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.identity import Principal
from befit.orchestrator import Choice
from befit.platform import Platform
from befit.policy import Action

_MOST = 500


class ApprovalQuery(OpParams, frozen=True, kw_only=True):
    """Which approvals; by default those that wait. `status` may also be `all`."""

    status: Literal["pending", "approved", "rejected", "edited", "expired", "all"] = "pending"
    limit: int = 50
    before: str | None = None


class ApprovalId(OpParams, frozen=True, kw_only=True):
    """One approval."""

    id: str


class Decided(OpParams, kw_only=True, frozen=True):
    """A decision. `payload_sha256` is the hash of what was seen; without it, what stands now."""

    id: str
    payload_sha256: str | None = None
    note: str | None = None


class Edited(Decided, kw_only=True, frozen=True):
    """A decision that replaces the proposed answer."""

    answer: str


class ApprovalDocument(OpDocument, omit_defaults=True, frozen=True, kw_only=True):
    """One approval (contract). `payload` is the exact text that the hash is of; only
    reviewers read it."""

    id: str
    kind: str
    workflow: str
    status: str
    payload: str | None
    payload_sha256: str
    requester: str
    due: float
    decision_id: str
    run_id: str
    created_at: float
    reviewers: tuple[str, ...] = ()
    resolved_by: str | None = None
    resolved_at: float | None = None
    self_approved: bool = False
    note: str | None = None
    edited: str | None = None
    edited_sha256: str | None = None


class ApprovalList(OpDocument, frozen=True, kw_only=True):
    """The approvals that the principal may see, newest first."""

    approvals: tuple[ApprovalDocument, ...]


async def list_approvals(
    platform: Platform, principal: Principal, params: ApprovalQuery
) -> ApprovalList:
    """What waits for a person, as far as this principal requested or reviews it.

    Raises:
        InvalidRequest: the limit cannot be.
        LedgerUnavailable: some were decided on before, and the reading cannot be recorded.
    """
    if not 1 <= params.limit <= _MOST:
        raise InvalidRequest(f"limit is {params.limit}; it goes from 1 to {_MOST}", param="limit")
    page = ApprovalPage(
        tenant=principal.tenant,
        status=None if params.status == "all" else ApprovalStatus(params.status),
        limit=params.limit,
        before=params.before,
    )
    await platform.resolutions.expire_due()
    found = await platform.approvals.list(page, principal)
    listed = tuple(_document(platform, approval, principal) for approval in found)
    read = sum(
        _is_looked_up(document, approval, principal)
        for document, approval in zip(listed, found, strict=True)
    )
    if read:
        told = {"for": "approvals", "status": params.status, "count": read}
        await record_reading(platform, principal, Reading.SEARCH, subject="decisions", told=told)
    return ApprovalList(approvals=listed)


async def show_approval(
    platform: Platform, principal: Principal, params: ApprovalId
) -> ApprovalDocument:
    """One approval.

    Raises:
        NotFound: no such approval, for this principal.
        LedgerUnavailable: it was decided on before, and the reading cannot be recorded.
    """
    approval = await platform.approvals.get(params.id, principal)
    document = _document(platform, approval, principal)
    if _is_looked_up(document, approval, principal):
        told, subject = {"as": "approval"}, approval.decision_id
        await record_reading(platform, principal, Reading.DECISION, subject=subject, told=told)
    return document


async def approve(platform: Platform, principal: Principal, params: Decided) -> ApprovalDocument:
    """Release the proposed answer as it is.

    Raises:
        NotFound, Forbidden, Conflict: nothing has changed then.
    """
    return await _decide(platform, principal, params, ApprovalStatus.APPROVED)


async def reject(platform: Platform, principal: Principal, params: Decided) -> ApprovalDocument:
    """Refuse the proposed answer for good. Raises as `approve`."""
    return await _decide(platform, principal, params, ApprovalStatus.REJECTED)


async def edit(platform: Platform, principal: Principal, params: Edited) -> ApprovalDocument:
    """Release another answer in its place. Raises as `approve`."""
    return await _decide(platform, principal, params, ApprovalStatus.EDITED, answer=params.answer)


async def _decide(
    platform: Platform,
    principal: Principal,
    params: Decided,
    status: ApprovalStatus,
    *,
    answer: str | None = None,
) -> ApprovalDocument:
    approval = await platform.approvals.get(params.id, principal)
    if may_read_payload(approval, principal):  # who is not its reviewer is told so below
        about = workflow_named(approval.workflow)
        require(platform, principal, Action.APPROVE, f"decide on {approval.id}", about)
    choice = Choice(
        status=status, payload_sha256=params.payload_sha256, answer=answer, note=params.note
    )
    resolved = await platform.resolutions.resolve(params.id, principal, choice)
    return _document(platform, resolved, principal)


def _is_looked_up(document: ApprovalDocument, approval: Approval, principal: Principal) -> bool:
    """Whether what somebody else was proposed is read after it was decided on.

    Reading what waits is the reviewer's part in the decision, which records it.
    """
    was_decided = approval.status is not ApprovalStatus.PENDING
    is_read = document.payload is not None or document.edited is not None
    return was_decided and is_read and approval.requester_id != principal.id


def _document(platform: Platform, approval: Approval, principal: Principal) -> ApprovalDocument:
    may_read = may_review(platform, principal, approval)
    return ApprovalDocument(
        id=approval.id,
        kind=approval.kind,
        workflow=approval.workflow,
        status=approval.status,
        payload=approval.payload if may_read else None,
        payload_sha256=approval.payload_sha256,
        requester=approval.requester_name,
        due=approval.due,
        decision_id=approval.decision_id,
        run_id=approval.run_id,
        created_at=approval.created_at,
        reviewers=approval.reviewers,
        resolved_by=approval.resolved_by,
        resolved_at=approval.resolved_at,
        self_approved=approval.self_approved,
        note=approval.note,
        edited=approval.edited if may_read else None,
        edited_sha256=approval.edited_sha256,
    )


OPERATIONS = (
    operation("approvals.list", ApprovalQuery, list_approvals),
    operation("approvals.show", ApprovalId, show_approval),
    operation("approvals.approve", Decided, approve),
    operation("approvals.reject", Decided, reject),
    operation("approvals.edit", Edited, edit),
)
