"""Operations that put a request to the orchestrator: `ask` and `route`."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from befit.errors import BefitError, InvalidRequest, LedgerUnavailable, NotFound
from befit.gateway.failure import ErrorObject, error_object
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.identity import Principal
from befit.knowledge.search import Box
from befit.messages import BefitOptions, ChatRequest
from befit.orchestrator import (
    Answer,
    Arrival,
    Kind,
    Source,
    Standing,
    citation_object,
    run_id_of,
)
from befit.platform import Platform
from befit.routing import CheckResult
from befit.vocabulary import DataClass, Status, Tag

AUTO = "auto"


class Asked(OpParams, frozen=True, kw_only=True):
    """What a text shall be answered with; all but the text may be left to Befit."""

    text: str
    workflow: str | None = None
    model: str | None = None
    collection: str | None = None
    data_class: str | None = None
    tags: tuple[str, ...] = ()
    conversation: str | None = None


class CitationDocument(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True):
    """Where a part of an answer stands: characters `start` to `end` of a document's text.

    Attributes:
        mark: the number by which the answer points to it, such as 1 for `[1]`.
        boxes: of a PDF, where on its pages the lines stand that hold them.
    """

    doc_id: str
    passage_id: str
    version: str
    page: int | None
    start: int
    end: int
    text: str
    collection: str
    title: str
    mark: int
    boxes: tuple[Box, ...] = ()


class AnswerDocument(OpDocument, omit_defaults=True, frozen=True, kw_only=True):
    """What `ask` prints (contract). `error` is there where it was refused.

    `found` is there where documents were asked, `citations` where they were answered from.
    """

    decision_id: str
    status: str
    output: str | None
    workflow: str | None
    model: str | None
    zone: str | None
    evidence: str
    data_class: str
    excluded: dict[str, str]
    cost_usd: Decimal | None
    latency_ms: float | None
    run_id: str
    why: str = ""
    approval_id: str | None = None
    checks: tuple[CheckResult, ...] = ()
    found: bool | None = None
    citations: tuple[CitationDocument, ...] | None = None
    error: ErrorObject | None = None


class CandidateDocument(OpDocument, frozen=True, kw_only=True):
    """One model that was considered; `reasons` say why it is out."""

    model: str
    eligible: bool
    reasons: tuple[str, ...]


class RouteDocument(AnswerDocument, kw_only=True, omit_defaults=True, frozen=True):
    """What `route --explain` prints (contract): every candidate, and the plan."""

    candidates: tuple[CandidateDocument, ...]
    route: tuple[str, ...] = ()


async def ask(platform: Platform, principal: Principal, params: Asked) -> AnswerDocument:
    """Answer a text. What is refused or fails is told in the document, not raised.

    Raises:
        BefitError: nothing records the refusal, because no decision was opened.
    """
    arrival = _arrival(principal, params, Kind.CHAT)
    try:
        answer = await platform.orchestrator.handle(arrival)
    except BefitError as error:
        return await refusal_document(platform, principal, error)
    if not isinstance(answer, Answer):
        raise TypeError("a request that asks for no stream was answered by one")
    return answer_document(answer)


async def route(platform: Platform, principal: Principal, params: Asked) -> RouteDocument:
    """The plan for a text, without calling an answering model. Raises as `ask`."""
    arrival = _arrival(principal, params, Kind.ROUTE)
    try:
        plan = await platform.orchestrator.explain(arrival)
    except BefitError as error:
        refusal = await refusal_document(platform, principal, error)
        fields = {name: getattr(refusal, name) for name in AnswerDocument.__struct_fields__}
        return RouteDocument(**fields, candidates=_excluded(refusal.excluded))
    return RouteDocument(
        decision_id=plan.standing.decision_id,
        status=plan.status,
        output=None,
        workflow=plan.standing.workflow,
        model=plan.standing.model,
        zone=plan.standing.zone,
        evidence=plan.standing.evidence,
        data_class=plan.standing.data_class.word,
        excluded=dict(plan.standing.excluded),
        cost_usd=Decimal(0),
        latency_ms=round(plan.latency_ms, 3),
        run_id=plan.standing.run_id,
        why=plan.standing.why,
        candidates=tuple(
            CandidateDocument(
                model=item.card.name, eligible=item.eligible, reasons=tuple(item.reasons)
            )
            for item in plan.candidates
        ),
        route=plan.route,
    )


def answer_document(answer: Answer) -> AnswerDocument:
    """The document of a whole answer."""
    standing: Standing = answer.standing
    return AnswerDocument(
        decision_id=standing.decision_id,
        status=answer.status,
        output=answer.output,
        workflow=standing.workflow,
        model=standing.model,
        zone=standing.zone,
        evidence=standing.evidence,
        data_class=standing.data_class.word,
        excluded=dict(standing.excluded),
        cost_usd=answer.cost_usd,
        latency_ms=round(answer.latency_ms, 3),
        run_id=standing.run_id,
        why=standing.why,
        approval_id=answer.approval_id,
        checks=answer.checks,
        found=standing.grounds.found if standing.grounds else None,
        citations=citation_documents(answer),
    )


def citation_documents(answer: Answer) -> tuple[CitationDocument, ...] | None:
    """What a released answer cites; None where no documents were asked, or a person is."""
    grounds = answer.standing.grounds
    if grounds is None or answer.status is not Status.ANSWERED:
        return None
    return tuple(msgspec.convert(citation_object(each), CitationDocument) for each in grounds.cited)


async def refusal_document(
    platform: Platform, principal: Principal, error: BefitError
) -> AnswerDocument:
    """The document of what was refused or failed, from the decision that records it.

    Raises:
        BefitError: the error itself, where nothing records it.
    """
    if error.decision_id is None or isinstance(error, LedgerUnavailable):
        raise error
    try:
        record = await platform.record(principal.tenant, error.decision_id)
    except NotFound:
        raise error from None
    return AnswerDocument(
        decision_id=record.decision_id,
        status=Status.REFUSED,
        output=None,
        workflow=record.workflow.name if record.workflow else None,
        model=record.model,
        zone=record.zone,
        evidence=record.evidence or "none",
        data_class=record.data_class or DataClass.RESTRICTED.word,
        excluded={**record.excluded, **error.excluded},
        cost_usd=record.cost_usd,
        latency_ms=record.latency_ms,
        run_id=run_id_of(record.decision_id),
        error=error_object(error),
    )


def befit_options(
    *,
    workflow: str | None,
    data_class: str | None,
    tags: tuple[str, ...],
    collection: str | None,
    conversation: str | None,
) -> BefitOptions:
    """What a request says beyond its text.

    Raises:
        InvalidRequest: no such data class or tag.
    """
    try:
        return BefitOptions(
            workflow=workflow,
            data_class=DataClass.from_word(data_class) if data_class else None,
            tags=frozenset(Tag(tag) for tag in tags),
            collection=collection,
            conversation=conversation,
        )
    except ValueError as error:
        raise InvalidRequest(str(error), param="data_class" if data_class else "tags") from None


def _arrival(principal: Principal, params: Asked, kind: Kind) -> Arrival:
    options = befit_options(
        workflow=params.workflow,
        data_class=params.data_class,
        tags=params.tags,
        collection=params.collection,
        conversation=params.conversation,
    )
    if not params.text:
        raise InvalidRequest("the text is empty", param="text")
    request = ChatRequest.from_text(params.text, model=params.model or AUTO, befit=options)
    return Arrival(caller=principal, request=request, source=Source.CLI, kind=kind)


def _excluded(excluded: dict[str, str]) -> tuple[CandidateDocument, ...]:
    return tuple(
        CandidateDocument(model=model, eligible=False, reasons=(reason,))
        for model, reason in excluded.items()
    )


OPERATIONS = (
    operation("ask", Asked, ask),
    operation("route", Asked, route),
)
