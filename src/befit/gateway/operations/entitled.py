"""Who may read what: one's own, and administrators everything of their tenant."""

from __future__ import annotations

from befit.errors import Forbidden
from befit.identity import Principal, Role


def may_read(principal: Principal, owner_id: str | None) -> bool:
    """Whether a decision or run may be shown: to whom asked for it, and to administrators."""
    return principal.is_admin or (owner_id is not None and owner_id == principal.id)


def may_review(principal: Principal) -> bool:
    """Whether the principal decides on others' answers, and so may read their decisions."""
    return principal.is_admin or Role.REVIEWER in principal.roles


def require_admin(principal: Principal, what: str) -> None:
    """Let administrators alone pass.

    Raises:
        Forbidden: naming what was to be done.
    """
    if not principal.is_admin:
        raise Forbidden(
            f"{principal.name} may not {what}: it takes the role admin",
            next_step="use an administrator's key",
        )
