"""`Account`: what one decision came to, read back from the ledger's events.

Every figure of the demo is taken from here, never from what a call returned, so that all
of them can be computed again from the workspace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from befit.audit import ApprovalRecord, CallRecord, DecisionRecord, Event, EventType, fold
from befit.errors import NotFound
from befit.platform import Platform
from befit.vocabulary import DEFAULT_TENANT, Purpose, Zone

_ANSWERING = frozenset({Purpose.ANSWER, Purpose.ESCALATION, Purpose.FALLBACK})


class Checked(msgspec.Struct, frozen=True):
    """One check of one answer."""

    name: str
    passed: bool
    score: float | None = None
    detail: str | None = None


class _Named(msgspec.Struct, frozen=True):
    name: str


class _End(msgspec.Struct, frozen=True):
    """What `waiting` and `closed` both tell of a run."""

    workflow: _Named | None = None
    model: str | None = None
    zone: str | None = None
    evidence: str | None = None
    data_class: str | None = None
    excluded: dict[str, str] = {}
    checks: tuple[Checked, ...] = ()
    cost_usd: Decimal | None = None
    latency_ms: float | None = None
    output_sha256: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One decision, whether it is closed or waits for a person.

    Attributes:
        cost_usd: None is an unknown price.
        excluded: every card that was struck out, with its reasons.
    """

    record: DecisionRecord
    workflow: str | None
    model: str | None
    zone: str | None
    evidence: str | None
    data_class: str | None
    excluded: Mapping[str, str]
    checks: tuple[Checked, ...]
    cost_usd: Decimal | None
    latency_ms: float | None
    output_sha256: str | None

    @property
    def decision_id(self) -> str:
        """The decision."""
        return self.record.decision_id

    @property
    def is_answered(self) -> bool:
        """Whether an answer was released without a person."""
        return self.record.status == "answered"

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """The calls of answering models, in order."""
        return tuple(call for call in self.record.calls if call.purpose in _ANSWERING)

    @property
    def crossed(self) -> bool:
        """Whether its content was sent to a model outside the company."""
        return any(call.zone == Zone.EXTERNAL for call in self.record.calls)

    @property
    def approval(self) -> ApprovalRecord | None:
        """What waits for a person."""
        return self.record.approvals[-1] if self.record.approvals else None


async def account_of(platform: Platform, decision_id: str) -> Account:
    """Read one decision's events.

    Raises:
        NotFound: there is no such decision.
    """
    events = await platform.projector.events_of(DEFAULT_TENANT, decision_id)
    if not events:
        raise NotFound(f"no decision {decision_id!r}")
    return account_from(events)


def account_from(events: tuple[Event, ...]) -> Account:
    """The account of one decision from its events, in order."""
    record = fold(events)
    ends = [event for event in events if event.type in {EventType.WAITING, EventType.CLOSED}]
    fields = ends[-1].fields if ends else None
    end = msgspec.json.decode(msgspec.json.encode(dict(fields or {})), type=_End)
    return Account(
        record=record,
        workflow=end.workflow.name if end.workflow else None,
        model=end.model,
        zone=end.zone,
        evidence=end.evidence,
        data_class=end.data_class or record.data_class,
        excluded=end.excluded,
        checks=end.checks,
        cost_usd=end.cost_usd,
        latency_ms=end.latency_ms,
        output_sha256=end.output_sha256,
    )
