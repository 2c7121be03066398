"""Whether somebody may see an answer that is kept: it tells what the documents behind it say."""

from __future__ import annotations

import time

from befit.errors import Forbidden
from befit.identity import Principal
from befit.knowledge import may_retrieve
from befit.platform import Platform


async def require_readable_grounds(
    platform: Platform, principal: Principal, decision_id: str
) -> None:
    """Go on only where the principal may read all that an answer was made from, as rights are now.

    An answer may have waited for a person for days, and somebody else may look at it. The
    decision says whether it is from documents; where it cannot be told what is behind it, it is
    withheld.

    Raises:
        Forbidden: a passage behind it is not theirs to read, or not there any more.
    """
    record = await platform.record(principal.tenant, decision_id)
    is_from_documents = bool(record.collections) and record.found is not False
    if not is_from_documents and not record.erased_events:
        return
    asked = await platform.stores.feedback.asked(principal.tenant, decision_id)
    behind = frozenset(asked.behind) if asked else frozenset[str]()
    may_read = may_retrieve(platform.policy, principal, hour=time.gmtime().tm_hour)
    readable = await platform.library.readable(principal, may_read, sorted(behind))
    if not behind or not readable >= behind:
        raise Forbidden(
            "a document behind the answer has changed, or who may read it has",
            next_step="ask again",
        )
