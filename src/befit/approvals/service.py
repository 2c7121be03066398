"""`Approvals`: opening approvals and deciding on them, once each.

    approval = await approvals.open(proposal, requester=principal)
    ...
    await approvals.approve(approval.id, reviewer, payload_sha256=shown_hash)

Whoever decides names the hash of the payload they have seen, so that nobody approves
what they were not shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import msgspec

from befit.approvals.approval import (
    Approval,
    ApprovalPage,
    ApprovalStatus,
    ApprovalStore,
    Proposal,
    Resolution,
    payload_sha256,
)
from befit.approvals.entitlement import may_see, refusal_of
from befit.errors import BefitError, Conflict, Forbidden, InvalidRequest, NotFound
from befit.identity import Principal
from befit.vocabulary import new_id

_RECOVERY = "system:recovery"


class Approvals:
    """The one way to open and resolve approvals."""

    def __init__(self, store: ApprovalStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def open(self, proposal: Proposal, *, requester: Principal) -> Approval:
        """Put a payload before a person; durable once this returns.

        Raises:
            InvalidRequest: the payload is not JSON, or there is no time to decide.
        """
        _require_json(proposal.payload)
        if proposal.expiry_s <= 0:
            raise InvalidRequest(f"an expiry of {proposal.expiry_s} s leaves no time to decide")
        now = self._clock()
        approval = Approval(
            id=new_id("apr"),
            tenant=requester.tenant,
            kind=proposal.kind,
            decision_id=proposal.decision_id,
            run_id=proposal.run_id,
            workflow=proposal.workflow,
            step=proposal.step,
            payload=proposal.payload,
            payload_sha256=payload_sha256(proposal.payload),
            requester_id=requester.id,
            requester_name=requester.name,
            reviewers=proposal.reviewers,
            created_at=now,
            due=now + proposal.expiry_s,
            data_class=proposal.data_class,
        )
        await self._store.add(approval)
        return approval

    async def get(self, approval_id: str, by: Principal) -> Approval:
        """An approval that the principal may see.

        Raises:
            NotFound: there is none, or it may not see it.
        """
        approval = await self._store.get(by.tenant, approval_id)
        if approval is None or not may_see(approval, by):
            raise _unknown(approval_id)
        return approval

    async def list(self, page: ApprovalPage, by: Principal) -> tuple[Approval, ...]:
        """The approvals of a page that the principal may see, newest first."""
        page = replace(page, tenant=by.tenant)
        seen: list[Approval] = []
        while len(seen) < page.limit:
            found = await self._store.list(page)
            seen += [approval for approval in found if may_see(approval, by)]
            if len(found) < page.limit:
                break
            page = replace(page, before=found[-1].id)
        return tuple(seen[: page.limit])

    async def approve(
        self, approval_id: str, by: Principal, *, payload_sha256: str, note: str | None = None
    ) -> Approval:
        """Release the payload as it is.

        Raises:
            NotFound: the principal's tenant has no such approval.
            Forbidden: the principal is not entitled.
            Conflict: already resolved, expired, or of another payload.
        """
        approval = await self._decidable(approval_id, by, payload_sha256)
        return await self._resolve(approval, by, ApprovalStatus.APPROVED, note=note)

    async def reject(
        self, approval_id: str, by: Principal, *, payload_sha256: str, note: str | None = None
    ) -> Approval:
        """Refuse the payload for good. Raises what `approve` raises."""
        approval = await self._decidable(approval_id, by, payload_sha256)
        return await self._resolve(approval, by, ApprovalStatus.REJECTED, note=note)

    async def edit(
        self,
        approval_id: str,
        by: Principal,
        *,
        payload_sha256: str,
        edited: str,
        note: str | None = None,
    ) -> Approval:
        """Release another payload (JSON text) in place of the one that was proposed.

        Raises what `approve` raises, and InvalidRequest where `edited` is not JSON.
        """
        _require_json(edited)
        approval = await self._decidable(approval_id, by, payload_sha256)
        return await self._resolve(approval, by, ApprovalStatus.EDITED, note=note, edited=edited)

    async def expire_due(self, now: float | None = None) -> tuple[Approval, ...]:
        """Expire what nobody has decided on in time; each is returned exactly once."""
        return await self._store.expire(self._clock() if now is None else now)

    async def withdraw(self, approval: Approval) -> bool:
        """End an approval that no decision waits for; False where it was ended already.

        It then stands as expired, by the system; one that is due is left to `expire_due`.
        """
        resolution = Resolution(status=ApprovalStatus.EXPIRED, by=_RECOVERY, at=self._clock())
        return await self._store.resolve(approval, resolution)

    async def _decidable(self, approval_id: str, by: Principal, sha256: str) -> Approval:
        approval = await self._store.get(by.tenant, approval_id)
        if approval is None:
            raise _unknown(approval_id)
        refusal = refusal_of(approval, by)
        if refusal is not None:
            raise Forbidden(f"approval {approval.id} is not {by.name}'s to decide: {refusal}")
        if approval.payload_sha256 != sha256:
            raise Conflict(
                f"approval {approval.id} is about payload {approval.payload_sha256}, not {sha256}",
                next_step=f"look at it again: befit approvals show {approval.id}",
                param="payload_sha256",
            )
        if approval.status is not ApprovalStatus.PENDING or self._clock() >= approval.due:
            raise _too_late(approval)
        return approval

    async def _resolve(
        self,
        approval: Approval,
        by: Principal,
        status: ApprovalStatus,
        *,
        note: str | None,
        edited: str | None = None,
    ) -> Approval:
        resolution = Resolution(
            status=status,
            by=by.id,
            at=self._clock(),
            self_approved=by.id == approval.requester_id,
            note=note,
            edited=edited,
            edited_sha256=None if edited is None else payload_sha256(edited),
        )
        won = await self._store.resolve(approval, resolution)
        current = await self._store.get(approval.tenant, approval.id)
        if current is None:
            raise _unknown(approval.id)
        if not won:
            raise _too_late(current)
        return current


def _unknown(approval_id: str) -> BefitError:
    return NotFound(f"no approval {approval_id!r}", next_step="list them with befit approvals list")


def _too_late(approval: Approval) -> BefitError:
    by = f" by {approval.resolved_by}" if approval.resolved_by else ""
    waiting = approval.status is ApprovalStatus.PENDING
    status = ApprovalStatus.EXPIRED if waiting else approval.status
    return Conflict(f"approval {approval.id} is already {status}{by}")


def _require_json(payload: str) -> None:
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InvalidRequest(f"the payload is not JSON: {error}", param="payload") from None
