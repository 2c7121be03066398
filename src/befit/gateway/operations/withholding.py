"""Whether somebody may see an answer that is kept: it tells what the documents behind it say."""

from __future__ import annotations

import time

from befit.errors import Forbidden
from befit.identity import Principal
from befit.platform import Platform
from befit.policy import Action, Inquiry, Resource


async def require_readable_grounds(
    platform: Platform, principal: Principal, decision_id: str
) -> None:
    """Go on only where the principal may read all that an answer cites, as rights are now.

    An answer may have waited for a person for days, and somebody else may look at it.

    Raises:
        Forbidden: a passage that it cites is not theirs to read, or not there any more.
    """
    asked = await platform.stores.feedback.asked(principal.tenant, decision_id)
    if asked is None or not asked.passages:
        return
    policy, hour = platform.policy, time.gmtime().tm_hour

    def may_read(resource: Resource) -> bool:
        inquiry = Inquiry(principal=principal, action=Action.RETRIEVE, resource=resource, hour=hour)
        return policy.judge(inquiry).permitted

    cited = {each.passage_id for each in asked.passages}
    readable = await platform.library.readable(principal, may_read, sorted(cited))
    if not readable >= cited:
        raise Forbidden(
            "a document that the answer cites has changed, or who may read it has",
            next_step="ask again",
        )
