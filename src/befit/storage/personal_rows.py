"""What the database repeats of persons, cleared when their keys are destroyed."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Delete, Update, delete, func, select, update

from befit.approvals import ApprovalStatus
from befit.audit import Standing
from befit.storage.columns import class_word
from befit.storage.database import Database
from befit.storage.runs import UNFINISHED
from befit.storage.schema import (
    API_KEYS,
    APPROVALS,
    CALL_SCOPES,
    CALLS,
    CONVERSATION_TURNS,
    CONVERSATIONS,
    DECISIONS,
    FEEDBACK,
    RUNS,
)
from befit.vocabulary import DataClass

ERASED = "erased"
"""What stands in place of a person where a column needs a value."""

_PENDING = ApprovalStatus.PENDING.value


class SqlPersonalRows:
    """A `PersonalRows`: each clearing is one transaction, and repeating it changes nothing.

    What remains of a decision says nothing of the person: workflow, model, class, tokens,
    cost and times, which usage and budgets are counted from. Of a key that no longer works
    its id remains, which the ledger names.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self, tenant: str, principal_id: str) -> Standing:
        """What of a person's is under way, and the API keys their decisions came with."""
        return await self._database.read(lambda c: _standing(c, tenant, principal_id))

    async def forget(self, tenant: str, principal_id: str) -> int:
        """Clear a person and all sealed texts of theirs; how many rows there were."""
        theirs = select(DECISIONS.c.decision_id).where(
            DECISIONS.c.tenant == tenant, DECISIONS.c.principal_id == principal_id
        )

        def work(connection: Connection) -> int:
            return sum(
                _count(connection, statement)
                for statement in (
                    delete(CALL_SCOPES).where(
                        CALL_SCOPES.c.tenant == tenant,
                        CALL_SCOPES.c.scope.startswith("key:", autoescape=True),
                        CALL_SCOPES.c.decision_id.in_(theirs),
                    ),
                    update(CALLS)
                    .where(
                        CALLS.c.tenant == tenant,
                        CALLS.c.key_id.is_not(None),
                        CALLS.c.decision_id.in_(theirs),
                    )
                    .values(key_id=None),
                    # Last of these: it is what the others find the decisions by.
                    update(DECISIONS)
                    .where(DECISIONS.c.tenant == tenant, DECISIONS.c.principal_id == principal_id)
                    .values(**_UNTOLD),
                    delete(CONVERSATIONS).where(
                        CONVERSATIONS.c.tenant == tenant,
                        CONVERSATIONS.c.principal_id == principal_id,
                    ),
                    delete(CONVERSATION_TURNS).where(
                        CONVERSATION_TURNS.c.tenant == tenant,
                        CONVERSATION_TURNS.c.principal_id == principal_id,
                    ),
                    delete(FEEDBACK).where(
                        FEEDBACK.c.tenant == tenant, FEEDBACK.c.principal_id == principal_id
                    ),
                    update(FEEDBACK)
                    .where(FEEDBACK.c.tenant == tenant, FEEDBACK.c.rated_by == principal_id)
                    .values(rated_by=ERASED),
                    update(RUNS)
                    .where(RUNS.c.tenant == tenant, RUNS.c.principal_id == principal_id)
                    .values(principal_id=ERASED, output=None),
                    update(APPROVALS)
                    .where(APPROVALS.c.tenant == tenant, APPROVALS.c.requester_id == principal_id)
                    .values(**_NO_TEXT, **_NOBODY),
                    update(API_KEYS)
                    .where(
                        API_KEYS.c.tenant == tenant,
                        (API_KEYS.c.person_id == principal_id)
                        | (API_KEYS.c.id == principal_id.removeprefix("key:")),
                        # One that still works needs a name to be revoked by.
                        API_KEYS.c.revoked_at.is_not(None) | (API_KEYS.c.expires_at <= time.time()),
                        API_KEYS.c.name != ERASED,
                    )
                    .values(name=ERASED),
                )
            )

        return await self._database.run(work)

    async def expire(self, tenant: str, data_class: DataClass | None, *, before: float) -> int:
        """Clear the texts of a class that are older than a moment.

        With `data_class` None it clears who asked as well: that is what `opened` says,
        which is sealed before the class is known. What is under way stays whole: it has
        still to be answered to who asked.
        """
        runs = (
            (RUNS.c.tenant == tenant)
            & (RUNS.c.created_at < before)
            & RUNS.c.status.not_in(UNFINISHED)
        )
        approvals = (
            (APPROVALS.c.tenant == tenant)
            & (APPROVALS.c.created_at < before)
            & (APPROVALS.c.status != _PENDING)
        )
        word = class_word(data_class)
        feedback = (FEEDBACK.c.tenant == tenant) & (FEEDBACK.c.asked_at < before)
        statements: list[Update | Delete] = [
            delete(CONVERSATION_TURNS).where(
                CONVERSATION_TURNS.c.tenant == tenant,
                CONVERSATION_TURNS.c.at < before,
                CONVERSATION_TURNS.c.data_class == word,
            ),
            delete(FEEDBACK).where(feedback, FEEDBACK.c.data_class == word),
            update(RUNS)
            .where(runs, RUNS.c.data_class.is_not_distinct_from(word), RUNS.c.output.is_not(None))
            .values(output=None),
            update(APPROVALS)
            .where(
                approvals,
                APPROVALS.c.data_class.is_not_distinct_from(word),
                APPROVALS.c.payload != b"",
            )
            .values(**_NO_TEXT),
        ]
        if data_class is None:
            statements += [
                update(DECISIONS)
                .where(
                    DECISIONS.c.tenant == tenant,
                    DECISIONS.c.opened_at < before,
                    DECISIONS.c.closed_at.is_not(None),
                    DECISIONS.c.principal_id.is_not(None),
                )
                .values(**_UNTOLD),
                update(RUNS).where(runs, RUNS.c.principal_id != ERASED).values(principal_id=ERASED),
                update(FEEDBACK)
                .where(feedback, FEEDBACK.c.principal_id != ERASED)
                .values(principal_id=ERASED),
                update(APPROVALS)
                .where(approvals, APPROVALS.c.requester_id != ERASED)
                .values(**_NOBODY),
            ]
        return await self._database.run(
            lambda c: sum(_count(c, statement) for statement in statements)
        )


_NO_TEXT: dict[str, Any] = {  # columns of three types
    "payload": b"",
    "payload_sha256": "",
    "note": None,
    "edited": None,
    "edited_sha256": None,
}
_UNTOLD: dict[str, None] = dict.fromkeys(
    # What was asked for is the caller's own text, whatever it was taken for.
    ("principal_id", "key_id", "asked_model", "asked_workflow")
)
_NOBODY = {"requester_id": ERASED, "requester_name": ERASED}


def _standing(connection: Connection, tenant: str, principal_id: str) -> Standing:
    is_theirs = (DECISIONS.c.tenant == tenant) & (DECISIONS.c.principal_id == principal_id)
    waiting = select(func.count()).where(
        APPROVALS.c.tenant == tenant,
        APPROVALS.c.requester_id == principal_id,
        APPROVALS.c.status == _PENDING,
    )
    is_open = select(func.count()).where(is_theirs, DECISIONS.c.closed_at.is_(None))
    keys = select(DECISIONS.c.key_id).where(is_theirs, DECISIONS.c.key_id.is_not(None)).distinct()
    return Standing(
        waiting=connection.execute(waiting).scalar_one(),
        open=connection.execute(is_open).scalar_one(),
        key_ids=tuple(sorted(key for key in connection.execute(keys).scalars() if key)),
    )


def _count(connection: Connection, statement: Update | Delete) -> int:
    return connection.execute(statement).rowcount
