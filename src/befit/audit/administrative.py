"""The event of an administrative act: who did what to what, apart from any decision."""

from __future__ import annotations

from collections.abc import Mapping

from befit.audit.events import Draft, EventType
from befit.audit.sections import Sections
from befit.vocabulary import DEFAULT_TENANT, new_id


def administrative_draft(
    action: str,
    subject: str,
    *,
    by: str,
    policy: str = "",
    tenant: str = DEFAULT_TENANT,
    told: Mapping[str, object],
) -> Draft:
    """An `administrative` event; its `decision_id` is its own id, by which it is found.

    Args:
        action: what was done, in the past tense or as the name of the operation.
        subject: what it was done to.
        by: the principal who did it.
        policy: the hash of the policy in force; empty where none had a say.
        tenant: whose event it is.
        told: what else it says; it never takes the place of the three above.
    """
    return Draft(
        type=EventType.ADMINISTRATIVE,
        tenant=tenant,
        decision_id=new_id("admin"),
        step="",
        principal=by,
        policy=policy,
        fields=Sections.of({**told, "action": action, "subject": subject, "by": by}),
    )
