"""Who may do what, asked of policy: every operation begins here.

    require(platform, principal, Action.ADMINISTER, "create keys")

Reading one's own needs no leave; reading what others asked takes the action `audit`, on the
workspace for all of it or on a workflow for what was asked of that one.
"""

from __future__ import annotations

import time
from dataclasses import replace

from befit.approvals import Approval, may_read_payload
from befit.errors import Forbidden
from befit.identity import Principal
from befit.platform import Platform
from befit.policy import Action, Inquiry, Resource, ResourceKind

_WORKSPACE = Resource()


def require(
    platform: Platform,
    principal: Principal,
    action: Action,
    what: str,
    resource: Resource = _WORKSPACE,
) -> None:
    """Go on only where policy permits the action.

    Args:
        what: what was to be done, as it stands after "may not".
        resource: on what; by its name, it is completed from the catalog.

    Raises:
        Forbidden: naming what was to be done, the rule, and the roles that may.
    """
    policy = platform.policy
    inquiry = _inquiry(platform, principal, action, resource)
    ruling = policy.judge(inquiry)
    if ruling.permitted:
        return
    roles = policy.roles_that_may(inquiry)
    takes = f"it takes the role {' or '.join(roles)}; " if roles else ""
    raise Forbidden(
        f"{principal.name} may not {what}: {takes}{'; '.join(ruling.reasons)}",
        next_step=f"ask with a key that has the role {roles[0]}" if roles else None,
    )


def may(
    platform: Platform, principal: Principal, action: Action, resource: Resource = _WORKSPACE
) -> bool:
    """Whether policy permits the action."""
    return platform.policy.judge(_inquiry(platform, principal, action, resource)).permitted


def may_read(
    platform: Platform, principal: Principal, owner_id: str | None, workflow: str | None
) -> bool:
    """Whether a decision or run may be shown: to whom asked for it, and to who may audit.

    Who may not audit the workspace may still audit the workflow that was run.
    """
    if owner_id is not None and owner_id == principal.id:
        return True
    return may(platform, principal, Action.AUDIT) or (
        workflow is not None and may(platform, principal, Action.AUDIT, workflow_named(workflow))
    )


def audited_workflows(platform: Platform, principal: Principal) -> frozenset[str] | None:
    """The workflows whose decisions may be read, whoever asked; None: all decisions may."""
    if may(platform, principal, Action.AUDIT):
        return None
    return frozenset(
        workflow.name
        for workflow in platform.catalog.current.of(principal.tenant).workflows.values()
        if may(platform, principal, Action.AUDIT, Resource.of_workflow(workflow))
    )


def may_review(platform: Platform, principal: Principal, approval: Approval) -> bool:
    """Whether what was proposed may be read: by its reviewers whom policy lets decide on it."""
    return may_read_payload(approval, principal) and may(
        platform, principal, Action.APPROVE, workflow_named(approval.workflow)
    )


def workflow_named(name: str | None) -> Resource:
    """The workflow of that name; the workspace where there is none."""
    return Resource(kind=ResourceKind.WORKFLOW, name=name) if name else _WORKSPACE


def _inquiry(
    platform: Platform, principal: Principal, action: Action, resource: Resource
) -> Inquiry:
    hour = time.gmtime().tm_hour
    about = _completed(platform, resource)
    return Inquiry(principal=principal, action=action, resource=about, hour=hour)


def _completed(platform: Platform, resource: Resource) -> Resource:
    """The resource with what the catalog says of it, where it was given by its name alone."""
    catalog = platform.catalog.current
    if resource.kind is ResourceKind.WORKFLOW and resource.workflow is None:
        workflow = catalog.workflows.get(resource.name)
        return resource if workflow is None else Resource.of_workflow(workflow)
    if resource.kind is ResourceKind.MODEL and resource.card is None:
        card = catalog.cards.get(resource.name)
        return resource if card is None else replace(resource, card=card, stage=card.stage)
    return resource
