"""Operations on approvals: see what waits for a person, and decide on it."""

from __future__ import annotations

from typing import Literal

from befit.approvals import Approval, ApprovalPage, ApprovalStatus, may_read_payload
from befit.errors import InvalidRequest
from befit.gateway.operations.entitled import require
from befit.gateway.operations.operation import OpDocument, OpParams
from befit.identity import Principal
from befit.orchestrator import Choice
from befit.platform import Platform
from befit.policy import Action, Resource, ResourceKind

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
    """What waits for a person, as far as this principal requested or reviews it."""
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
    return ApprovalList(approvals=tuple(_document(approval, principal) for approval in found))


async def show_approval(
    platform: Platform, principal: Principal, params: ApprovalId
) -> ApprovalDocument:
    """One approval.

    Raises:
        NotFound: no such approval, for this principal.
    """
    return _document(await platform.approvals.get(params.id, principal), principal)


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
        require(platform, principal, Action.APPROVE, f"decide on {approval.id}", _about(approval))
    choice = Choice(
        status=status, payload_sha256=params.payload_sha256, answer=answer, note=params.note
    )
    return _document(await platform.resolutions.resolve(params.id, principal, choice), principal)


def _about(approval: Approval) -> Resource:
    if not approval.workflow:
        return Resource()
    return Resource(kind=ResourceKind.WORKFLOW, name=approval.workflow)


def _document(approval: Approval, principal: Principal) -> ApprovalDocument:
    may_read = may_read_payload(approval, principal)
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
