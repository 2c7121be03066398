"""Reading what others asked is an event itself: who read, by what query, and how much.

It is appended before anything is shown; where it cannot be, nothing is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from befit.gateway.operations.administration import record_administrative
from befit.identity import Principal
from befit.platform import Platform


class Reading(StrEnum):
    """What was read; the word is the event's action."""

    DECISION = "decision_read"
    SEARCH = "decisions_searched"
    EXPORT = "exported"


async def record_reading(
    platform: Platform,
    principal: Principal,
    reading: Reading,
    *,
    subject: str,
    told: Mapping[str, object],
) -> str:
    """Append the event of a reading; its id.

    Args:
        subject: what was read: a decision's id, or `decisions`.
        told: the query and the count. Persons stand in it by pseudonym, so that an erasure
            need not reach into it.

    Raises:
        LedgerUnavailable: then nothing may be shown.
    """
    return await record_administrative(
        platform, principal, action=reading, subject=subject, told=told
    )
