"""Administrative acts in the ledger: who changed what, apart from any decision."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from befit.audit import Draft, EventType
from befit.identity import Principal
from befit.platform import Platform
from befit.vocabulary import new_id

_encode = msgspec.json.Encoder(decimal_format="string").encode


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
    fields = {**told, "action": action, "subject": subject, "by": principal.id}
    event_id = new_id("admin")
    draft = Draft(
        type=EventType.ADMINISTRATIVE,
        tenant=principal.tenant,
        decision_id=event_id,
        step="",
        principal=principal.id,
        policy=platform.policy.hash,
        fields={name: msgspec.Raw(_encode(value)) for name, value in fields.items()},
    )
    await platform.ledger.append((draft,))
    return event_id
