"""The record of a decision says what its events said, whole or cut short."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from befit.audit import Event, LedgerReader, Projector, fold
from befit.errors import WorkspaceError
from befit.testing.ledger import MemoryDecisionIndex, draft, opening_drafts


@pytest.fixture
def projector(befit: Path, keyring) -> Projector:
    return Projector(index=MemoryDecisionIndex(), reader=LedgerReader(befit, keyring.sealer))


async def test_the_record_of_an_answered_decision(opened, answer, projector) -> None:
    await answer(opened(), "dec_1")
    record = fold(await projector.events_of("default", "dec_1"))
    assert (record.status, record.kind, record.principal_id) == ("answered", "chat", "key:test")
    assert (record.model, record.zone, record.evidence) == ("small-one", "device", "evaluation")
    assert record.workflow is not None
    assert record.workflow.name == "triage"
    assert record.cost_usd == Decimal("0.01")
    assert record.excluded == {"far-one": "zone external"}
    assert [(one.model, one.eligible) for one in record.candidates] == [
        ("small-one", True),
        ("far-one", False),
    ]
    (call,) = record.calls
    assert (call.outcome, call.most_usd, call.cost_usd) == ("ok", Decimal("0.25"), Decimal("0.01"))
    assert call.usage is not None
    assert call.usage.input == 30
    assert record.checks[0].passed
    assert record.policies == ("sha256:policy",)
    assert record.opened_at is not None
    assert record.closed_at is not None
    assert record.opened_at <= record.closed_at
    assert record.events == 4


async def test_a_decision_that_waits_and_is_resolved(opened, projector) -> None:
    ledger = opened()
    asked = {"approval_id": "apr_1", "payload_sha256": "0", "due": 1.0, "reason": "impact high"}
    await ledger.append((draft("opened", "dec_1"), draft("waiting", "dec_1", asked)))
    record = fold(await projector.events_of("default", "dec_1"))
    assert record.status == "pending_person"
    assert record.approvals[0].resolution is None
    told = {"approval_id": "apr_1", "resolution": "approved", "by": "local:admin"}
    await ledger.append((draft("resolved", "dec_1", told),))
    record = fold(await projector.events_of("default", "dec_1"))
    assert record.status == "open"
    assert (record.approvals[0].resolution, record.approvals[0].by) == ("approved", "local:admin")


async def test_an_open_decision_has_a_call_without_outcome(opened, projector) -> None:
    await opened().append(opening_drafts("dec_1"))
    record = fold(await projector.events_of("default", "dec_1"))
    assert (record.status, record.calls[0].outcome, record.closed_at) == ("open", None, None)


async def test_an_erased_decision_keeps_its_shape(opened, answer, projector) -> None:
    await answer(opened(), "dec_1")
    events = await projector.events_of("default", "dec_1")
    erased = [
        Event(**{name: getattr(event, name) for name in Event.__struct_fields__} | {"fields": None})
        for event in events
    ]
    record = fold(erased)
    assert (record.status, record.events, record.erased_events) == ("closed", 4, 4)
    assert record.principal_id is None


async def test_events_of_two_decisions_are_not_one_record(opened, answer, projector) -> None:
    ledger = opened()
    await answer(ledger, "dec_1")
    await answer(ledger, "dec_2")
    first = await projector.events_of("default", "dec_1")
    second = await projector.events_of("default", "dec_2")
    with pytest.raises(ValueError, match="another decision"):
        fold((*first, *second))
    with pytest.raises(ValueError, match="at least one event"):
        fold(())


async def test_a_field_of_another_type_is_named(opened, projector) -> None:
    await opened().append((draft("opened", "dec_1", {"stream": "perhaps"}),))
    events = await projector.events_of("default", "dec_1")
    with pytest.raises(WorkspaceError, match="opened event cannot be read"):
        fold(events)
