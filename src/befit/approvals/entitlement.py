"""Who may decide on an approval, and why somebody may not. No match means no."""

from __future__ import annotations

from befit.approvals.approval import Approval, ApprovalKind
from befit.identity import Principal, Role, local_administrator

_GROUP = "group:"


def refusal_of(approval: Approval, principal: Principal) -> str | None:
    """Why the principal may not decide, or None where it may.

    Entitled are administrators, and the reviewers that the proposal names; where it
    names none, everyone with the role reviewer. The requester is not, with one exception:
    the local administrator owns the workspace's files and may decide on its own answers
    (recorded as `self_approved`), never on its own effects.
    """
    if approval.tenant != principal.tenant:
        return "it belongs to another tenant"
    if principal.workflows and approval.workflow not in principal.workflows:
        return f"this key is limited to workflows {', '.join(sorted(principal.workflows))}"
    if not is_reviewer(approval, principal):
        named = ", ".join(approval.reviewers) or "administrators and reviewers"
        return f"{principal.name} is not among those entitled: {named}"
    if principal.id != approval.requester_id:
        return None
    if approval.kind is ApprovalKind.ANSWER and principal.id == local_administrator().id:
        return None
    return f"{principal.name} has requested it; somebody else must decide"


def is_reviewer(approval: Approval, principal: Principal) -> bool:
    """Whether the principal is among the reviewers, whoever requested it.

    A key that is limited to workflows reviews answers of these alone.
    """
    if principal.workflows and approval.workflow not in principal.workflows:
        return False
    if principal.is_admin:
        return True
    if not approval.reviewers:
        return Role.REVIEWER in principal.roles
    return any(_names(reviewer, principal) for reviewer in approval.reviewers)


def may_see(approval: Approval, principal: Principal) -> bool:
    """Reviewers and the requester see an approval; nobody else learns that it exists."""
    if approval.tenant != principal.tenant:
        return False
    return principal.id == approval.requester_id or is_reviewer(approval, principal)


def may_read_payload(approval: Approval, principal: Principal) -> bool:
    """Only who reviews it reads what was proposed.

    The requester gets an answer by its run, once it is released; before, and after a
    rejection, there is none to read.
    """
    return approval.tenant == principal.tenant and is_reviewer(approval, principal)


def _names(reviewer: str, principal: Principal) -> bool:
    if reviewer.startswith(_GROUP):
        return reviewer.removeprefix(_GROUP) in principal.groups
    return reviewer in (principal.name, principal.id)
