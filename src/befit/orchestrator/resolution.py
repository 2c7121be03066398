"""What happens once a person has decided: `resolved`, `closed`, and the run's output.

The approval's own row decides, by compare-and-set; the ledger and the run follow from it.
A crash in between is made good by `recover`, which repeats what follows and changes
nothing that is there already.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from befit.approvals import Approval, ApprovalPage, Approvals, ApprovalStatus
from befit.audit import Draft, Event, EventType, Ledger
from befit.errors import InvalidRequest
from befit.identity import Principal
from befit.vocabulary import DEFAULT_TENANT

_OF_THE_APPROVAL = frozenset({"approval_id", "payload_sha256", "due", "reason"})
_CLOSED_AS = {
    ApprovalStatus.APPROVED: "answered",
    ApprovalStatus.EDITED: "answered",
    ApprovalStatus.REJECTED: "rejected",
    ApprovalStatus.EXPIRED: "expired",
}
_PAGE = 200

ReadEvents = Callable[[str, str], Awaitable[tuple[Event, ...]]]
"""All events of a decision, by tenant and decision id, those just appended included."""


class FinishRun(Protocol):
    """Ends a run that waited for a person."""

    async def __call__(self, approval: Approval, *, status: str, output: str | None) -> None:
        """Keep how the run ended; ending it again the same way changes nothing."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a person decides, and on which payload.

    Attributes:
        status: approved, rejected or edited.
        payload_sha256: the hash of what they saw; None takes what stands there now.
        answer: for `edited`, the answer that replaces the proposed one.
    """

    status: ApprovalStatus
    payload_sha256: str | None = None
    answer: str | None = None
    note: str | None = None


class Resolutions:
    """Carries a person's decision into ledger and run."""

    def __init__(
        self, approvals: Approvals, ledger: Ledger, read: ReadEvents, finish: FinishRun
    ) -> None:
        self._approvals = approvals
        self._ledger = ledger
        self._read = read
        self._finish = finish

    async def resolve(self, approval_id: str, by: Principal, choice: Choice) -> Approval:
        """Decide, record and release.

        Raises:
            NotFound, Forbidden, Conflict: as `Approvals`; nothing has changed then.
        """
        seen = await self._approvals.get(approval_id, by)
        sha256 = choice.payload_sha256 or seen.payload_sha256
        match choice.status:
            case ApprovalStatus.APPROVED:
                _require_answer(seen)
                decided = await self._approvals.approve(
                    approval_id, by, payload_sha256=sha256, note=choice.note
                )
            case ApprovalStatus.REJECTED:
                decided = await self._approvals.reject(
                    approval_id, by, payload_sha256=sha256, note=choice.note
                )
            case ApprovalStatus.EDITED:
                decided = await self._approvals.edit(
                    approval_id,
                    by,
                    payload_sha256=sha256,
                    edited=_with_answer(seen, choice.answer),
                    note=choice.note,
                )
            case _:
                raise InvalidRequest(f"nobody decides {choice.status!r}")
        await self._follow(decided)
        return decided

    async def expire_due(self) -> int:
        """Close every decision whose approval nobody took in time; how many there were."""
        expired = await self._approvals.expire_due()
        for approval in expired:
            await self._follow(approval)
        return len(expired)

    async def recover(self, waiting: frozenset[str], by: Principal) -> int:
        """Follow up what was decided before a crash; `waiting` are the decisions still open."""
        followed = 0
        page = ApprovalPage(tenant=DEFAULT_TENANT, limit=_PAGE)
        while waiting:
            approvals = await self._approvals.list(page, by)
            for approval in approvals:
                is_decided = approval.status is not ApprovalStatus.PENDING
                if approval.decision_id in waiting and is_decided:
                    await self._follow(approval)
                    followed += 1
            if len(approvals) < _PAGE:
                break
            page = ApprovalPage(tenant=DEFAULT_TENANT, limit=_PAGE, before=approvals[-1].id)
        return followed

    async def _follow(self, approval: Approval) -> None:
        events = await self._read(approval.tenant, approval.decision_id)
        output = _answer_in(approval)
        status = _CLOSED_AS[approval.status]
        if not any(event.type is EventType.CLOSED for event in events):
            waiting = next(event for event in events if event.type is EventType.WAITING)
            done = any(event.type is EventType.RESOLVED for event in events)
            drafts = [] if done else [_resolved(approval, waiting)]
            await self._ledger.append((*drafts, _closed(approval, waiting, status, output)))
        await self._finish(approval, status=status, output=output)


def _resolved(approval: Approval, waiting: Event) -> Draft:
    return _draft(
        EventType.RESOLVED,
        approval,
        waiting,
        {
            "approval_id": approval.id,
            "resolution": approval.status,
            "by": approval.resolved_by,
            "self_approved": approval.self_approved,
            "payload_sha256": approval.effective_sha256,
            "time": approval.resolved_at or time.time(),
        },
    )


def _closed(approval: Approval, waiting: Event, status: str, output: str | None) -> Draft:
    """The account that stood in `waiting`, with its end."""
    account = {
        name: value
        for name, value in (waiting.fields or {}).items()
        if name not in _OF_THE_APPROVAL
    }
    digest = None if output is None else hashlib.sha256(output.encode()).hexdigest()
    return _draft(
        EventType.CLOSED, approval, waiting, account | {"status": status, "output_sha256": digest}
    )


def _draft(
    event: EventType, approval: Approval, waiting: Event, fields: Mapping[str, object]
) -> Draft:
    return Draft(
        type=event,
        tenant=approval.tenant,
        decision_id=approval.decision_id,
        step=approval.step,
        principal=approval.resolved_by or "system:expiry",
        policy=waiting.policy,
        fields={name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()},
    )


class _Payload(msgspec.Struct):
    answer: str | None = None


def _answer_in(approval: Approval) -> str | None:
    """What is released: the answer of the payload that took effect, or nothing."""
    if _CLOSED_AS[approval.status] != "answered" or approval.effective_payload is None:
        return None
    return msgspec.json.decode(approval.effective_payload, type=_Payload).answer


def _require_answer(approval: Approval) -> None:
    payload = msgspec.json.decode(approval.payload or "{}", type=_Payload)
    if payload.answer is None:
        raise InvalidRequest(
            f"approval {approval.id} has no proposed answer: no model could give one",
            next_step=f"write it: befit approvals edit {approval.id} --answer TEXT",
        )


def _with_answer(approval: Approval, answer: str | None) -> str:
    if answer is None:
        raise InvalidRequest("an edit needs the new answer", param="answer")
    payload = msgspec.json.decode(approval.payload or "{}", type=dict[str, msgspec.Raw])
    payload["answer"] = msgspec.Raw(msgspec.json.encode(answer))
    return msgspec.json.encode(payload).decode()
