"""The account of a run: the fields of each of its events (docs/architecture.md lists them)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from befit.catalog import ModelCard, Workflow
from befit.errors import BefitError
from befit.inference import Permit
from befit.messages import TokenUsage
from befit.orchestrator.arrival import Digest
from befit.orchestrator.run import Run
from befit.policy import asker_fields, situation_fields
from befit.routing import CheckResult
from befit.vocabulary import DataClass, Purpose, Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Intent:
    """What a call, or a bulk of calls under one permit, is for.

    Attributes:
        most_usd: the most that all its calls together can cost; None is unknown.
        because: why it follows an earlier call; None on the first.
        rules: the policy rules that permit it; `Calls.reserve` fills them in.
    """

    purpose: Purpose
    most_usd: Decimal | None
    because: str | None = None
    rules: tuple[str, ...] = ()
    calls: int = 1
    lifetime_s: float | None = None


def opened(run: Run) -> dict[str, object]:
    """Who asked what, by which door; the content itself only by its hash."""
    request = run.request
    asked = run.digest or Digest.of(bytes(request.fields.get("messages", b"")))
    return {
        "kind": run.kind,
        "source": run.source,
        "principal_id": run.principal.id,
        "key_id": run.principal.key_id,
        "asked": {
            "model": request.model,
            "workflow": request.befit.workflow,
            "collection": request.befit.collection,
        },
        "stream": request.stream,
        "input_sha256": asked.sha256,
        "input_bytes": asked.size,
        "declared_class": _class_word(request.befit.data_class),
        "tags": sorted(request.befit.tags),
        "time": run.opened_at,
    }


def reserved(
    run: Run, permit: Permit, card: ModelCard, *, intent: Intent, scopes: Sequence[str]
) -> dict[str, object]:
    """One call about to be made: its permit and the most it can cost.

    The first answering call also tells all candidates and the route.
    """
    fields: dict[str, object] = {
        "permit_id": permit.permit_id,
        "purpose": permit.purpose,
        "model": card.name,
        "zone": card.zone,
        "most_usd": intent.most_usd,
        "data_class": permit.data_class.word,
        "form": run.form_for(card),
        "rules": intent.rules,
        "calls": permit.calls,
        "expires_at": permit.expires_at,
        "workflow": _named(run.workflow),
        "key_id": run.principal.key_id,
        "scopes": list(scopes),
        "evidence": run.evidence,
        "because": intent.because,
    }
    if run.route is not None and intent.because is None:
        fields["route"] = run.route.names
        fields["why"] = run.route.why
        fields["profile"] = run.route.profile
        fields["candidates"] = [
            {
                "model": item.card.name,
                "eligible": item.eligible,
                "reasons": item.reasons,
                "rules": item.rules,
            }
            for item in run.candidates
        ]
        fields |= _situation(run) | _passages(run)
    return fields


@dataclass(frozen=True, kw_only=True, slots=True)
class CallEnd:
    """How a reserved call ended.

    Attributes:
        outcome: ok, failed or cut.
        cost_usd: None where the price is unknown.
        rows: of a bulk: how many, and the hash of their sealed table.
    """

    outcome: str
    usage: TokenUsage
    cost_usd: Decimal | None
    latency_ms: float
    first_token_ms: float | None = None
    error: BefitError | None = None
    rows: BulkRows | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkRows:
    """The sealed table behind a bulk's `settled`.

    Attributes:
        n: how many rows it has.
        table: its hash, by which it is kept.
        cost_usd: what the rows' calls came to; None where one has no known price.
    """

    n: int
    table: str
    cost_usd: Decimal | None


def settled(
    run: Run, permit: Permit, card: ModelCard, *, scopes: Sequence[str], end: CallEnd
) -> dict[str, object]:
    """How one reserved call ended and what it cost."""
    error, first_token_ms = end.error, end.first_token_ms
    return {
        "permit_id": permit.permit_id,
        "purpose": permit.purpose,
        "model": card.name,
        "workflow": run.workflow.name if run.workflow else None,
        "key_id": run.principal.key_id,
        "scopes": list(scopes),
        "outcome": end.outcome,
        "error": f"{error.code}: {error.message}"[:500] if error else None,
        "usage": end.usage,
        "cost_usd": end.cost_usd,
        "latency_ms": round(end.latency_ms, 3),
        "rows": end.rows,
        "first_token_ms": None if first_token_ms is None else round(first_token_ms, 3),
    }


def closed(
    run: Run, *, status: str, output_sha256: str | None, error: BefitError | None = None
) -> dict[str, object]:
    """How the run ended."""
    card = run.answering
    latency_ms = run.latency_ms
    fields: dict[str, object] = {
        "status": status,
        "workflow": _named(run.workflow),
        "model": card.name if card else None,
        "zone": card.zone if card else None,
        "evidence": run.evidence,
        "data_class": run.classification.data_class.word,
        "key_id": run.principal.key_id,
        "checks": [_check(check) for check in run.checks],
        "excluded": run.excluded,
        "usage": run.usage,
        "cost_usd": run.cost_usd,
        "latency_ms": round(latency_ms, 3),
        "overhead_ms": round(max(0.0, latency_ms - run.model_ms), 3),
        "output_sha256": output_sha256,
        "error": _error(error),
    }
    return fields | _situation(run) | _passages(run) | _grounds(run, status) | _result_tables(run)


def _situation(run: Run) -> dict[str, object]:
    """What the class rests on and what policy was asked, in the first event that follows."""
    if run.situation is None or run.is_situation_told:
        return {}
    run.is_situation_told = True
    said = run.classification
    return {
        "class_origin": said.origin,
        "joined_tags": sorted(said.tags),
        "detected": said.detected,
        "situation": situation_fields(run.situation),
        "asker": asker_fields(run.situation),
    }


def _passages(run: Run) -> dict[str, object]:
    """What documents gave, in the first event that follows; never a word of them."""
    consultation = run.consultation
    if consultation is None or consultation.is_told:
        return {}
    consultation.is_told = True
    found = consultation.found
    return {
        "collections": consultation.collections,
        "index_epoch": found.index_epoch,
        "access_epoch": found.access_epoch,
        "passages": [
            {
                "collection": passage.collection,
                "doc_id": passage.doc_id,
                "passage_id": passage.passage_id,
                "version": passage.version,
                "data_class": passage.data_class.word,
            }
            for passage in found.passages
        ],
    }


def _grounds(run: Run, status: str) -> dict[str, object]:
    """Whether the documents say, and where the answer stands in them."""
    grounds = run.consultation.grounds if run.consultation else None
    if grounds is None or status not in {Status.ANSWERED, Status.PENDING_PERSON}:
        return {}
    return {
        "found": grounds.found,
        "probability": grounds.probability,
        "citations": [
            {
                "passage_id": each.citation.passage_id,
                "start": each.citation.start,
                "end": each.citation.end,
            }
            for each in grounds.cited
        ],
    }


def _result_tables(run: Run) -> dict[str, object]:
    """The sealed tables of what many searches gave, by their hashes."""
    return {"result_tables": run.result_tables} if run.result_tables else {}


def _check(check: CheckResult) -> dict[str, object]:
    return {
        "name": check.name,
        "passed": check.passed,
        "score": check.score,
        "detail": check.detail,
    }


def _named(workflow: Workflow | None) -> dict[str, object] | None:
    return {"name": workflow.name, "version": workflow.version} if workflow else None


def _error(error: BefitError | None) -> dict[str, object] | None:
    return {"code": error.code, "message": error.message[:500]} if error else None


def _class_word(data_class: DataClass | None) -> str | None:
    return data_class.word if data_class is not None else None
