"""Recovery at start: what a crash left open is settled in full and closed.

Run under the workspace's lock before the first request is taken. It appends, so it is
recorded like everything else, and it does nothing the second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from befit.audit.events import Draft, Event, EventType
from befit.audit.fields import Reserved, read_fields
from befit.audit.ledger import FileLedger
from befit.audit.opening import LEDGER_PRINCIPAL, Repair
from befit.audit.projector import Projector
from befit.audit.record import DecisionRecord, fold
from befit.audit.sections import Sections
from befit.vocabulary import DataClass

_CRASHED = "the server stopped before the run ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryReport:
    """What a start had to put right.

    Attributes:
        repaired: the torn end that opening the log cut off, None where there was none.
        settled: reservations settled at the most they could have cost.
        settled_usd: their sum; those without a money bound count as nothing.
        closed: ids of the decisions closed as failed.
    """

    repaired: Repair | None
    settled: int
    settled_usd: Decimal
    closed: tuple[str, ...]


async def recover(*, ledger: FileLedger, projector: Projector) -> RecoveryReport:
    """Settle every reservation and close every decision that a crash left behind.

    Decisions that wait for a person stay as they are.

    Raises:
        LedgerUnavailable: the ledger cannot append; do not serve.
        WorkspaceError: the ledger is damaged.
    """
    settled, settled_usd = 0, Decimal(0)
    for reserved in await projector.unsettled():
        events = await projector.events_of(reserved.tenant, reserved.decision_id)
        draft, cost_usd = _settlement(reserved, fold(events))
        await ledger.append((draft,))
        settled += 1
        settled_usd += cost_usd or 0
    closed: list[str] = []
    for decision in await projector.open_decisions():
        events = await projector.events_of(decision.tenant, decision.decision_id)
        record = fold(events)
        if record.status == "open":
            await ledger.append((_closing(record, events[-1]),))
            closed.append(decision.decision_id)
    await projector.caught_up()
    return RecoveryReport(
        repaired=ledger.repaired, settled=settled, settled_usd=settled_usd, closed=tuple(closed)
    )


def _settlement(event: Event, record: DecisionRecord) -> tuple[Draft, Decimal | None]:
    told = read_fields(Reserved, event.fields or {})
    fields = {
        "permit_id": told.permit_id,
        "purpose": told.purpose,
        "model": told.model,
        "workflow": told.workflow.name if told.workflow else None,
        "key_id": told.key_id,
        "scopes": told.scopes,
        "outcome": "unsettled_at_crash",
        "error": _CRASHED,
        "usage": {"input": 0, "cached_input": 0, "output": 0, "reasoning": 0},
        "cost_usd": told.most_usd,
        "latency_ms": None,
        "first_token_ms": None,
        "rows": None,
    }
    return _draft(EventType.SETTLED, event, record, fields), told.most_usd


def _closing(record: DecisionRecord, last: Event) -> Draft:
    costs = [call.cost_usd for call in record.calls]
    known = [cost for cost in costs if cost is not None]
    fields = {
        "status": "failed",
        "workflow": record.workflow,
        "model": record.calls[-1].model if record.calls else None,
        "zone": record.calls[-1].zone if record.calls else None,
        "evidence": record.calls[-1].evidence if record.calls else None,
        "data_class": record.data_class or record.declared_class,
        "key_id": record.key_id,
        "checks": (),
        "excluded": {
            candidate.model: "; ".join(candidate.reasons)
            for candidate in record.candidates
            if not candidate.eligible
        },
        "usage": None,
        "cost_usd": sum(known, Decimal(0)) if len(known) == len(costs) else None,
        "latency_ms": None,
        "overhead_ms": None,
        "output_sha256": None,
        "error": {"code": "crash", "message": _CRASHED},
    }
    return _draft(EventType.CLOSED, last, record, fields)


def _draft(
    event_type: EventType, after: Event, record: DecisionRecord, fields: Mapping[str, object]
) -> Draft:
    word = record.data_class
    return Draft(
        type=event_type,
        tenant=after.tenant,
        decision_id=after.decision_id,
        step=after.step if event_type is EventType.SETTLED else "",
        principal=LEDGER_PRINCIPAL,
        policy=after.policy,
        fields=Sections.of(fields),
        subject=record.principal_id,
        data_class=None if word is None else DataClass.from_word(word),
    )
