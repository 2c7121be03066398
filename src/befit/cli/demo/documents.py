"""What `befit demo --json` prints. Every figure in it follows from the decisions it names."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from befit.cli.demo.account import Account, Checked


class CallDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One call of an answering model."""

    purpose: str
    model: str
    zone: str | None
    outcome: str | None
    because: str | None
    latency_ms: float | None


class RequestDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One request that was shown.

    Attributes:
        case: the id of its text in the demo's data.
        output: the answer; null where it waits for a person.
    """

    case: str
    decision_id: str
    status: str
    workflow: str | None
    data_class: str | None
    excluded: dict[str, str]
    model: str | None
    zone: str | None
    evidence: str | None
    calls: tuple[CallDocument, ...]
    checks: tuple[Checked, ...]
    approval_id: str | None
    cost_usd: Decimal | None
    latency_ms: float | None
    output: str | None


class RowDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How one way of working did on the tickets.

    Attributes:
        quality: the share of released answers that were right; null where none was.
        to_person: tickets that were left with a person.
        cost_usd_per_million: null where a price is unknown.
        crossed_boundary: tickets that were sent to a model in zone `external`.
        decision_id: the bulk decision behind it; null for Befit, whose rows have one each.
    """

    name: str
    models: tuple[str, ...]
    n: int
    answered: int
    right: int
    wrong: int
    quality: float | None
    interval: tuple[float, float] | None
    to_person: int
    p95_ms: float | None
    cost_usd_per_million: Decimal | None
    crossed_boundary: int
    decision_id: str | None


class CaseDecision(msgspec.Struct, frozen=True):
    """Which decision one case got."""

    case: str
    decision_id: str


class SceneDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One scene; its kind's own figures stand beside the requests that were shown."""

    scene: str
    title: str
    requests: tuple[RequestDocument, ...]


class TrainingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What training measured by itself, out of fold; recorded with the model's approval."""

    decision_id: str
    model: str
    artefact: str
    n: int
    accuracy: float
    interval: tuple[float, float]


class MeasuredDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One model's row of `befit evaluate`, or why there is none."""

    model: str | None
    measured: bool
    reason: str | None = None
    n: int = 0
    score: float | None = None
    interval: tuple[float, float] | None = None
    p95_ms: float | None = None
    cost_usd_per_1000: Decimal | None = None
    failed: int = 0


class OutsideDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What became of mails that belong to no class."""

    n: int
    abstained: int
    to_person: int
    answered: int
    cases: tuple[CaseDecision, ...]


class TicketsDocument(SceneDocument, frozen=True, kw_only=True):
    """Scene 1."""

    training: TrainingDocument
    evaluation_id: str
    large: MeasuredDocument
    general: MeasuredDocument
    specialist: MeasuredDocument
    verdict: str
    befit: tuple[CaseDecision, ...]
    out_of_scope: OutsideDocument


class BoundaryDocument(SceneDocument, frozen=True, kw_only=True):
    """Scene 3: what reached the external peer."""

    peer: str
    restricted_requests: int
    requests_after_restricted: int
    connections_after_restricted: int
    requests_after_public: int
    connections_after_public: int


class CardDocument(SceneDocument, frozen=True, kw_only=True):
    """Scene 4: how often the external peer was asked with the text that holds a card."""

    peer: str
    requests_with_card: int


class QuotedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One citation: characters of the document's text."""

    doc_id: str
    version: str
    start: int
    end: int
    text: str


class AskedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One reader's question. `found` is false where the documents do not say."""

    request: RequestDocument
    reader: str
    found: bool
    citations: tuple[QuotedDocument, ...]


class DocumentsDocument(SceneDocument, frozen=True, kw_only=True):
    """Scene 5: what each reader was given of the same collection."""

    collection: str
    ingest_id: str
    asked: tuple[AskedDocument, ...]


class FailureDocument(SceneDocument, frozen=True, kw_only=True):
    """Scene 6: the workflow files' hashes before and after."""

    killed: str
    before_sha256: dict[str, str]
    after_sha256: dict[str, str]


class SummaryDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The one table, and a decision with the command that shows it."""

    n: int
    rows: tuple[RowDocument, ...]
    show: str
    decision_id: str


class DemoDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What `befit demo --json` prints (contract)."""

    scenes: tuple[SceneDocument, ...]
    summary: SummaryDocument
    decisions: tuple[str, ...]


def request_document(case: str, account: Account, output: str | None) -> RequestDocument:
    """One shown request."""
    record = account.record
    approval = account.approval
    return RequestDocument(
        case=case,
        decision_id=account.decision_id,
        status=record.status,
        workflow=account.workflow,
        data_class=account.data_class,
        excluded=dict(account.excluded),
        model=account.model,
        zone=account.zone,
        evidence=account.evidence,
        calls=tuple(
            CallDocument(
                purpose=call.purpose,
                model=call.model,
                zone=call.zone,
                outcome=call.outcome,
                because=call.because,
                latency_ms=call.latency_ms,
            )
            for call in account.calls
        ),
        checks=account.checks,
        approval_id=approval.approval_id if approval else None,
        cost_usd=account.cost_usd,
        latency_ms=account.latency_ms,
        output=output,
    )
