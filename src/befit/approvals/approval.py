"""`Approval`: a person's decision on one exact payload, and what a store must do for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from befit.vocabulary import DEFAULT_TENANT, DataClass


class ApprovalKind(StrEnum):
    """What waits: an answer to be released, or an effect to be executed."""

    ANSWER = "answer"
    EFFECT = "effect"


class ApprovalStatus(StrEnum):
    """Where an approval stands; every status but `pending` is final."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EDITED = "edited"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What is put before a person.

    Attributes:
        payload: JSON text; its exact bytes are what the decision is about.
        reviewers: user names, principal ids or `group:NAME`; empty leaves it to
            administrators and holders of the role reviewer.
        expiry_s: how long it may wait.
        data_class: the class of the payload; None where it is not known.
    """

    kind: ApprovalKind
    decision_id: str
    run_id: str
    workflow: str
    step: str
    payload: str
    reviewers: tuple[str, ...] = ()
    expiry_s: float
    data_class: DataClass | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """A proposal with its place in time and what became of it. Times are Unix seconds.

    Attributes:
        payload: as proposed; None where the key that sealed it has been destroyed.
        payload_sha256: hex SHA-256 of the payload's UTF-8 bytes.
        resolved_by: the deciding principal's id; None while pending or when expired.
        self_approved: the local administrator has decided on its own request.
        edited: the payload that replaces the proposed one, when it was edited.
    """

    id: str
    tenant: str
    kind: ApprovalKind
    decision_id: str
    run_id: str
    workflow: str
    step: str
    payload: str | None
    payload_sha256: str
    requester_id: str
    requester_name: str
    reviewers: tuple[str, ...]
    created_at: float
    due: float
    status: ApprovalStatus = ApprovalStatus.PENDING
    resolved_by: str | None = None
    resolved_at: float | None = None
    self_approved: bool = False
    note: str | None = None
    edited: str | None = None
    edited_sha256: str | None = None
    data_class: DataClass | None = None

    @property
    def effective_payload(self) -> str | None:
        """What takes effect: the edited payload where there is one."""
        return self.edited if self.edited_sha256 else self.payload

    @property
    def effective_sha256(self) -> str:
        """The hash of what takes effect."""
        return self.edited_sha256 or self.payload_sha256


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """A person's decision, as a store applies it."""

    status: ApprovalStatus
    by: str
    at: float
    self_approved: bool = False
    note: str | None = None
    edited: str | None = None
    edited_sha256: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalPage:
    """Which approvals to list, newest first; `before` is the last id of the page before."""

    tenant: str = DEFAULT_TENANT
    status: ApprovalStatus | None = None
    limit: int = 50
    before: str | None = None


class ApprovalStore(Protocol):
    """Where approvals are kept, their texts sealed under the requester's key."""

    async def add(self, approval: Approval) -> None:
        """Keep a new approval, durably."""
        ...

    async def get(self, tenant: str, approval_id: str) -> Approval | None:
        """The approval, or None where the tenant has none of this id."""
        ...

    async def list(self, page: ApprovalPage) -> tuple[Approval, ...]:
        """A page of approvals, newest first."""
        ...

    async def resolve(self, approval: Approval, resolution: Resolution) -> bool:
        """Apply the decision if the approval is still pending, not due and of this hash.

        Of any number of concurrent calls exactly one is told True.
        """
        ...

    async def expire(self, now: float) -> tuple[Approval, ...]:
        """Expire what is pending and due; each approval is returned by one call only."""
        ...


def payload_sha256(payload: str) -> str:
    """The hash that stands for a payload."""
    return hashlib.sha256(payload.encode()).hexdigest()
