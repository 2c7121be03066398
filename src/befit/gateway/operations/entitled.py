"""Who may do what, asked of policy: every operation begins here.

    require(platform, principal, Action.ADMINISTER, "create keys")

Reading one's own needs no leave; reading what others asked takes the action `audit`.
"""

from __future__ import annotations

import time
from dataclasses import replace

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


def may_read(platform: Platform, principal: Principal, owner_id: str | None) -> bool:
    """Whether a decision or run may be shown: to whom asked for it, and to who may audit."""
    is_own = owner_id is not None and owner_id == principal.id
    return is_own or may(platform, principal, Action.AUDIT)


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
