"""`DecisionRecord`: the account of one run, folded from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

import msgspec

from befit.audit.events import Event, EventType
from befit.audit.fields import (
    Asked,
    Candidate,
    CheckResult,
    CitedSpan,
    Closed,
    Failure,
    Opened,
    PassageRead,
    Reserved,
    Resolved,
    Reviewed,
    Settled,
    Usage,
    Waiting,
    WorkflowRef,
    read_fields,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRecord:
    """One call of a model: what was reserved, and what it came to.

    Attributes:
        form: whether the content went out `raw` or `redacted`.
        rules: the policy rules that let it.
        outcome: None while the call runs.
        because: why it followed another call: the escalation's or fallback's reason.
    """

    permit_id: str
    purpose: str
    model: str
    step: str
    form: str = "raw"
    rules: tuple[str, ...] = ()
    zone: str | None = None
    data_class: str | None = None
    evidence: str | None = None
    because: str | None = None
    most_usd: Decimal | None = None
    outcome: str | None = None
    error: str | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    latency_ms: float | None = None
    first_token_ms: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalRecord:
    """A person's part in a decision; `resolution` is None while they are awaited."""

    approval_id: str
    payload_sha256: str | None = None
    due: float | None = None
    reason: str | None = None
    resolution: str | None = None
    by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewRecord:
    """What somebody said of a decision once it was closed: `useful`, `wrong` or `outdated`.

    Attributes:
        about: ids of the passages meant; empty means all of it.
    """

    at: str
    rating: str
    by: str | None = None
    note: str | None = None
    about: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionRecord:
    """Who asked, what was considered, called, checked and decided, and by what policy.

    Attributes:
        status: `open`, `pending_person`, or the status that `closed` names.
        approvals: in the order they were asked for; most decisions have none.
        reviews: what was said of it afterwards, oldest first.
        why: one sentence on the choice of the first model.
        class_origin: where the data class came from.
        tags: declared or found in the text.
        detected: the types that were found in the text, such as `CREDIT_CARD`.
        collections, passages: what documents were searched, and what that gave.
        index_epoch, access_epoch: the commit that was searched, and the rights it was under.
        found: whether the documents say; None where none were asked for an answer.
        probability: that they do, where a calibrated model decided.
        citations: where the answer stands in them.
        policies: the policy hashes in force, in order of first use.
        erased_events: how many events cannot be read because their key was destroyed;
            what they said is missing here.
    """

    tenant: str
    decision_id: str
    status: str = "open"
    opened_at: str | None = None
    closed_at: str | None = None
    kind: str = ""
    source: str = ""
    principal_id: str | None = None
    key_id: str | None = None
    asked: Asked = field(default_factory=Asked)
    stream: bool = False
    input_sha256: str | None = None
    input_bytes: int | None = None
    declared_class: str | None = None
    data_class: str | None = None
    class_origin: str | None = None
    tags: tuple[str, ...] = ()
    detected: tuple[str, ...] = ()
    workflow: WorkflowRef | None = None
    candidates: tuple[Candidate, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict[str, str])
    route: tuple[str, ...] = ()
    why: str = ""
    calls: tuple[CallRecord, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    approvals: tuple[ApprovalRecord, ...] = ()
    reviews: tuple[ReviewRecord, ...] = ()
    model: str | None = None
    zone: str | None = None
    evidence: str | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    latency_ms: float | None = None
    overhead_ms: float | None = None
    output_sha256: str | None = None
    error: Failure | None = None
    collections: tuple[str, ...] = ()
    passages: tuple[PassageRead, ...] = ()
    index_epoch: int | None = None
    access_epoch: int | None = None
    found: bool | None = None
    probability: float | None = None
    citations: tuple[CitedSpan, ...] = ()
    policies: tuple[str, ...] = ()
    events: int = 0
    erased_events: int = 0


def fold(events: Iterable[Event]) -> DecisionRecord:
    """The record of one decision from its events, in order; it may still be open.

    Raises:
        ValueError: there is no event, or they belong to several decisions.
        WorkspaceError: an event's fields cannot be read.
    """
    record: DecisionRecord | None = None
    for event in events:
        if record is None:
            record = DecisionRecord(tenant=event.tenant, decision_id=event.decision_id)
        elif (event.tenant, event.decision_id) != (record.tenant, record.decision_id):
            raise ValueError(f"{event.decision_id} is another decision than {record.decision_id}")
        record = _noted(record, event)
    if record is None:
        raise ValueError("a decision has at least one event")
    return record


def _noted(record: DecisionRecord, event: Event) -> DecisionRecord:
    policies = record.policies
    if event.policy and event.policy not in policies:
        policies = (*policies, event.policy)
    record = replace(record, events=record.events + 1, policies=policies)
    record = _moved(record, event)
    if event.fields is None:
        return replace(record, erased_events=record.erased_events + 1)
    return _told(record, event, event.fields)


def _moved(record: DecisionRecord, event: Event) -> DecisionRecord:
    """What an event says by its type alone, which outlives the key of its fields."""
    match event.type:
        case EventType.OPENED:
            return replace(record, opened_at=event.time)
        case EventType.WAITING:
            return replace(record, status="pending_person")
        case EventType.RESOLVED:
            return replace(record, status="open")
        case EventType.CLOSED:
            return replace(record, closed_at=event.time, status="closed")
        case _:
            return record


def _told(
    record: DecisionRecord, event: Event, fields: Mapping[str, msgspec.Raw]
) -> DecisionRecord:
    match event.type:
        case EventType.OPENED:
            return _opened(record, read_fields(Opened, fields))
        case EventType.RESERVED:
            return _reserved(record, read_fields(Reserved, fields), event.step)
        case EventType.SETTLED:
            return _settled(record, read_fields(Settled, fields))
        case EventType.WAITING:
            # It carries the account so far, in the fields that `closed` will have.
            so_far = replace(_closed(record, read_fields(Closed, fields)), status=record.status)
            return _waiting(so_far, read_fields(Waiting, fields))
        case EventType.RESOLVED:
            return _resolved(record, read_fields(Resolved, fields))
        case EventType.CLOSED:
            return _closed(record, read_fields(Closed, fields))
        case EventType.REVIEWED:
            return _reviewed(record, read_fields(Reviewed, fields), event.time)
        case _:
            return record


def _opened(record: DecisionRecord, told: Opened) -> DecisionRecord:
    return replace(
        record,
        kind=told.kind,
        source=told.source,
        principal_id=told.principal_id,
        key_id=told.key_id,
        asked=told.asked,
        stream=told.stream,
        input_sha256=told.input_sha256,
        input_bytes=told.input_bytes,
        declared_class=told.declared_class,
        tags=told.tags,
    )


def _reserved(record: DecisionRecord, told: Reserved, step: str) -> DecisionRecord:
    call = CallRecord(
        permit_id=told.permit_id,
        purpose=told.purpose,
        model=told.model,
        step=step,
        form=told.form,
        rules=told.rules,
        zone=told.zone,
        data_class=told.data_class,
        evidence=told.evidence,
        because=told.because,
        most_usd=told.most_usd,
    )
    record = _searched(record, told)
    return replace(
        record,
        calls=(*record.calls, call),
        data_class=told.data_class or record.data_class,
        workflow=told.workflow or record.workflow,
        class_origin=told.class_origin or record.class_origin,
        tags=told.joined_tags or record.tags,
        detected=told.detected or record.detected,
        route=told.route or record.route,
        why=told.why or record.why,
        candidates=told.candidates or record.candidates,
    )


def _searched(record: DecisionRecord, told: Reserved | Closed) -> DecisionRecord:
    """What documents gave, in whichever event tells it."""
    if told.index_epoch is None:
        return record
    return replace(
        record,
        collections=told.collections,
        passages=told.passages,
        index_epoch=told.index_epoch,
        access_epoch=told.access_epoch,
    )


def _settled(record: DecisionRecord, told: Settled) -> DecisionRecord:
    calls = tuple(
        replace(
            call,
            outcome=told.outcome,
            error=told.error,
            usage=told.usage,
            cost_usd=told.cost_usd,
            latency_ms=told.latency_ms,
            first_token_ms=told.first_token_ms,
        )
        if call.permit_id == told.permit_id
        else call
        for call in record.calls
    )
    return replace(record, calls=calls)


def _waiting(record: DecisionRecord, told: Waiting) -> DecisionRecord:
    asked = ApprovalRecord(
        approval_id=told.approval_id,
        payload_sha256=told.payload_sha256,
        due=told.due,
        reason=told.reason,
    )
    return replace(record, approvals=(*record.approvals, asked))


def _resolved(record: DecisionRecord, told: Resolved) -> DecisionRecord:
    approvals = tuple(
        replace(asked, resolution=told.resolution, by=told.by)
        if asked.approval_id == told.approval_id
        else asked
        for asked in record.approvals
    )
    return replace(record, approvals=approvals)


def _closed(record: DecisionRecord, told: Closed) -> DecisionRecord:
    return replace(
        _searched(record, told),
        found=told.found,
        probability=told.probability,
        citations=told.citations,
        status=told.status,
        workflow=told.workflow or record.workflow,
        model=told.model,
        zone=told.zone,
        evidence=told.evidence,
        data_class=told.data_class or record.data_class,
        class_origin=told.class_origin or record.class_origin,
        tags=told.joined_tags or record.tags,
        detected=told.detected or record.detected,
        key_id=told.key_id or record.key_id,
        checks=told.checks,
        excluded=told.excluded,
        usage=told.usage,
        cost_usd=told.cost_usd,
        latency_ms=told.latency_ms,
        overhead_ms=told.overhead_ms,
        output_sha256=told.output_sha256,
        error=told.error,
    )


def _reviewed(record: DecisionRecord, told: Reviewed, at: str) -> DecisionRecord:
    review = ReviewRecord(at=at, rating=told.rating, by=told.by, note=told.note, about=told.about)
    return replace(record, reviews=(*record.reviews, review))
