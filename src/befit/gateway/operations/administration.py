"""Administrative acts in the ledger: who changed what, apart from any decision."""

from __future__ import annotations

from collections.abc import Mapping

from befit.audit import administrative_draft
from befit.identity import Principal
from befit.platform import Platform


async def record_administrative(
    platform: Platform,
    principal: Principal,
    *,
    action: str,
    subject: str,
    told: Mapping[str, object],
) -> str:
    """Append one `administrative` event; durable once this returns.

    Returns:
        The event's own id, by which an auditor finds it.

    Raises:
        LedgerUnavailable: then the act must not happen.
    """
    draft = administrative_draft(
        action,
        subject,
        by=principal.id,
        policy=platform.policy.hash,
        tenant=principal.tenant,
        told=told,
    )
    await platform.ledger.append((draft,))
    return draft.decision_id
