"""What happens once a person has decided: `resolved`, `closed`, and the run's output.

Only what a durable `waiting` event names can be decided. Then the approval's own row
decides, by compare-and-set; the ledger and the run follow from it, also when whoever
decided has left. A crash in between is made good by `recover`, which repeats what follows
and changes nothing that is there already.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from befit.approvals import Approval, ApprovalPage, Approvals, ApprovalStatus
from befit.audit import Draft, Event, EventType, Ledger
from befit.errors import BefitError, Conflict, InvalidRequest
from befit.identity import Principal
from befit.orchestrator.uninterrupted import to_the_end

_OF_THE_APPROVAL = frozenset({"approval_id", "payload_sha256", "due", "reason"})
_CLOSED_AS = {
    ApprovalStatus.APPROVED: "answered",
    ApprovalStatus.EDITED: "answered",
    ApprovalStatus.REJECTED: "rejected",
    ApprovalStatus.EXPIRED: "expired",
}
_UNANSWERED = frozenset({"failed", "refused", "cut"})
_PAGE = 200

_log = logging.getLogger(__name__)

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
            NotFound, Forbidden, Conflict: as `Approvals`, and Conflict where the decision
                does not wait for this approval; nothing has changed then.
        """
        return await to_the_end(self._resolve(approval_id, by, choice))

    async def _resolve(self, approval_id: str, by: Principal, choice: Choice) -> Approval:
        seen = await self._approvals.get(approval_id, by)
        if seen.status is ApprovalStatus.PENDING:
            _waiting_for(seen, await self._events_of(seen))
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
        await self._follow(decided, await self._events_of(decided))
        return decided

    async def expire_due(self) -> int:
        """Close every decision whose approval nobody took in time; how many there were.

        What cannot be followed up is told in the log and left to the next start.
        """
        return await to_the_end(self._expire_due())

    async def _expire_due(self) -> int:
        expired = await self._approvals.expire_due()
        for approval in expired:
            await self._try(self._settle(approval), approval.id)
        return len(expired)

    async def recover(
        self, waiting: frozenset[str], unfinished: tuple[str, ...], by: Principal
    ) -> None:
        """Make good what a crash left, before the first request is taken.

        Args:
            waiting: the decisions that wait for a person.
            unfinished: the approvals that pending runs wait for.
            by: an administrator of the tenant.
        """
        await self._withdraw_unasked(waiting, by)
        for approval_id in unfinished:
            await self._try(self._make_good(approval_id, by), approval_id)
        await self.expire_due()

    async def _withdraw_unasked(self, waiting: frozenset[str], by: Principal) -> None:
        """Nobody is to be shown an approval whose decision has ended without it."""
        page = ApprovalPage(tenant=by.tenant, status=ApprovalStatus.PENDING, limit=_PAGE)
        while True:
            approvals = await self._approvals.list(page, by)
            for approval in approvals:
                if approval.decision_id not in waiting:
                    await self._approvals.withdraw(approval)
            if len(approvals) < _PAGE:
                return
            page = replace(page, before=approvals[-1].id)

    async def _make_good(self, approval_id: str, by: Principal) -> None:
        approval = await self._approvals.get(approval_id, by)
        if approval.status is not ApprovalStatus.PENDING:
            await self._settle(approval)

    async def _settle(self, approval: Approval) -> None:
        """Follow an approval up; where its decision ended without it, so does its run."""
        events = await self._events_of(approval)
        closed = next((event for event in events if event.type is EventType.CLOSED), None)
        if closed is None or _of(approval, EventType.RESOLVED, events):
            await self._follow(approval, events)
            return
        told = _told(closed, "status")
        status = told if told in _UNANSWERED else "failed"
        await self._finish(approval, status=status, output=None)

    async def _follow(self, approval: Approval, events: tuple[Event, ...]) -> None:
        waiting = _waiting_for(approval, events)
        output = _answer_in(approval)
        status = _CLOSED_AS[approval.status]
        if not any(event.type is EventType.CLOSED for event in events):
            done = _of(approval, EventType.RESOLVED, events)
            drafts = [] if done else [_resolved(approval, waiting)]
            await self._ledger.append((*drafts, _closed(approval, waiting, status, output)))
        await self._finish(approval, status=status, output=output)

    async def _events_of(self, approval: Approval) -> tuple[Event, ...]:
        return await self._read(approval.tenant, approval.decision_id)

    async def _try(self, work: Awaitable[None], approval_id: str) -> None:
        """One approval that cannot be followed up must not keep the others waiting."""
        try:
            await work
        except (BefitError, OSError, msgspec.MsgspecError) as error:
            _log.error("approval %s could not be followed up: %s", approval_id, error)


def _waiting_for(approval: Approval, events: tuple[Event, ...]) -> Event:
    """The event that asked for this approval, the decision not having ended without it.

    Raises:
        Conflict: the decision does not wait for it.
    """
    waiting = _of(approval, EventType.WAITING, events)
    is_closed = any(event.type is EventType.CLOSED for event in events)
    if waiting is None or (is_closed and not _of(approval, EventType.RESOLVED, events)):
        raise Conflict(
            f"decision {approval.decision_id} does not wait for approval {approval.id}",
            next_step=f"see how it stands: befit audit show {approval.decision_id}",
        )
    return waiting


def _of(approval: Approval, kind: EventType, events: tuple[Event, ...]) -> Event | None:
    """The approval's own event of this kind; erased fields can name no other."""
    for event in events:
        if event.type is kind and (
            event.fields is None or _told(event, "approval_id") == approval.id
        ):
            return event
    return None


def _told(event: Event, name: str) -> str | None:
    raw = (event.fields or {}).get(name)
    return None if raw is None else msgspec.json.decode(raw, type=str)


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
        subject=approval.requester_id,  # it is about who asked, whoever decides
        data_class=approval.data_class,
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
