"""People's decisions on exact payloads: who may decide, once, and until when."""

from befit.approvals.approval import (
    Approval,
    ApprovalKind,
    ApprovalPage,
    ApprovalStatus,
    ApprovalStore,
    Proposal,
    Resolution,
    payload_sha256,
)
from befit.approvals.entitlement import may_read_payload, may_see, refusal_of
from befit.approvals.service import Approvals

__all__ = [
    "Approval",
    "ApprovalKind",
    "ApprovalPage",
    "ApprovalStatus",
    "ApprovalStore",
    "Approvals",
    "Proposal",
    "Resolution",
    "may_read_payload",
    "may_see",
    "payload_sha256",
    "refusal_of",
]
