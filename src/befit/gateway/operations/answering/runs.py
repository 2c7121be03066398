"""Operations on runs: execute a workflow on one input, and come back for its output."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import msgspec

from befit.audit import DecisionRecord
from befit.catalog import Workflow
from befit.errors import BefitError, Forbidden, NotFound
from befit.gateway.failure import ErrorObject, error_object
from befit.gateway.operations.answering.asking import (
    CitationDocument,
    befit_options,
    citation_documents,
)
from befit.gateway.operations.answering.workflow_input import input_text
from befit.gateway.operations.entitled import may_read
from befit.gateway.operations.knowledge.withholding import require_readable_grounds
from befit.gateway.operations.ledger.reading import Reading, record_reading
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.identity import Principal
from befit.messages import ChatRequest
from befit.orchestrator import Answer, Arrival, Kind, Source, decision_id_of
from befit.platform import Platform
from befit.vocabulary import Status
from befit.workflows import Run, RunStatus

_LONGEST_WAIT_S = 60.0
_LOOK_EVERY_S = 0.25


class RunRequest(OpParams, frozen=True, kw_only=True):
    """One execution of a workflow. `input` is a text, or an object by its input schema."""

    workflow: str
    input: str | dict[str, object]
    model: str | None = None
    data_class: str | None = None
    tags: tuple[str, ...] = ()
    collection: str | None = None
    conversation: str | None = None


class RunLookup(OpParams, frozen=True, kw_only=True):
    """Which run, and how long to wait for a pending one to end."""

    run_id: str
    wait_s: float = 0.0


class RunDocument(OpDocument, omit_defaults=True, frozen=True, kw_only=True):
    """What became of a run (contract). `output` is null until there is one.

    An output is an object where the workflow declares a schema for it, else a text. What an
    answer from documents cites is told with it, once.
    """

    run_id: str
    decision_id: str
    status: str
    output: object
    workflow: str | None
    model: str | None = None
    approval_id: str | None = None
    created_at: float | None = None
    finished_at: float | None = None
    found: bool | None = None
    citations: tuple[CitationDocument, ...] | None = None
    error: ErrorObject | None = None


async def run_workflow(platform: Platform, principal: Principal, params: RunRequest) -> RunDocument:
    """Execute a workflow once; its output, or `pending_person` and the id to come back with.

    Raises:
        BefitError: it was refused or failed; `decision_id` names the record.
    """
    return await _run(platform, principal, params, Source.HTTP)


async def run_locally(platform: Platform, principal: Principal, params: RunRequest) -> RunDocument:
    """As `run_workflow`, for the command line: a refusal is told in the document."""
    try:
        return await _run(platform, principal, params, Source.CLI)
    except BefitError as error:
        if error.decision_id is None:
            raise
        return RunDocument(
            run_id="run_" + error.decision_id.removeprefix("dec_"),
            decision_id=error.decision_id,
            status=Status.REFUSED,
            output=None,
            workflow=params.workflow,
            error=error_object(error),
        )


async def show_run(platform: Platform, principal: Principal, params: RunLookup) -> RunDocument:
    """A run of this principal's own; another's for who may audit it.

    Raises:
        NotFound: no such run, for this principal.
        LedgerUnavailable: it is another's, and the reading cannot be recorded.
    """
    deadline = time.monotonic() + min(max(params.wait_s, 0.0), _LONGEST_WAIT_S)
    while True:
        seen = await _look(platform, principal, params.run_id)
        still_waits = seen.document.status in (RunStatus.RUNNING, RunStatus.PENDING_PERSON)
        if not still_waits or time.monotonic() >= deadline:
            break
        await asyncio.sleep(_LOOK_EVERY_S)
    if not seen.is_own:
        told, subject = {"as": "run"}, seen.document.decision_id
        await record_reading(platform, principal, Reading.DECISION, subject=subject, told=told)
    return seen.document


async def _run(
    platform: Platform, principal: Principal, params: RunRequest, source: Source
) -> RunDocument:
    workflow = platform.catalog.current.of(principal.tenant).workflows.get(params.workflow)
    options = befit_options(
        workflow=params.workflow,
        data_class=params.data_class,
        tags=params.tags,
        collection=params.collection,
        conversation=params.conversation,
    )
    text = input_text(params.input, workflow)
    request = ChatRequest.from_text(text, model=params.model or "auto", befit=options)
    answer = await platform.orchestrator.handle(
        Arrival(caller=principal, request=request, source=source, kind=Kind.RUN)
    )
    if not isinstance(answer, Answer):
        raise TypeError("a run that asks for no stream was answered by one")
    if answer.status is Status.ANSWERED:
        await platform.stores.runs.add(_finished(answer, principal))
    standing = answer.standing
    return RunDocument(
        run_id=standing.run_id,
        decision_id=standing.decision_id,
        status=answer.status,
        output=_output(answer.output, workflow),
        workflow=standing.workflow,
        model=standing.model,
        approval_id=answer.approval_id,
        found=standing.grounds.found if standing.grounds else None,
        citations=citation_documents(answer),
    )


def _finished(answer: Answer, principal: Principal) -> Run:
    now = time.time()
    standing = answer.standing
    return Run(
        run_id=standing.run_id,
        decision_id=standing.decision_id,
        tenant=principal.tenant,
        workflow=standing.workflow or "",
        principal_id=principal.id,
        created_at=now - answer.latency_ms / 1000,
        status=RunStatus.ANSWERED,
        output=answer.output,
        data_class=standing.data_class,
        finished_at=now,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """A run as it stands, and whether it is that of who looks."""

    document: RunDocument
    is_own: bool


async def _look(platform: Platform, principal: Principal, run_id: str) -> _Seen:
    run = await platform.stores.runs.get(principal.tenant, run_id)
    if run is not None:
        if not may_read(platform, principal, run.principal_id, run.workflow or None):
            raise _unknown(run_id)
        catalog = platform.catalog.current.of(principal.tenant)
        kept = _kept(run, catalog.workflows.get(run.workflow))
        kept = await _as_readable(platform, principal, kept)
        return _Seen(document=kept, is_own=run.principal_id == principal.id)
    try:
        record = await platform.record(principal.tenant, decision_id_of(run_id))
    except NotFound:
        raise _unknown(run_id) from None
    workflow = record.workflow.name if record.workflow else None
    if not may_read(platform, principal, record.principal_id, workflow):
        raise _unknown(run_id)
    recorded = _recorded(run_id, record)
    return _Seen(document=recorded, is_own=record.principal_id == principal.id)


async def _as_readable(platform: Platform, principal: Principal, kept: RunDocument) -> RunDocument:
    """The run; without its output for who may not read what that cites."""
    if kept.output is None:
        return kept
    try:
        await require_readable_grounds(platform, principal, kept.decision_id)
    except Forbidden as error:
        return msgspec.structs.replace(kept, output=None, error=error_object(error))
    return kept


def _kept(run: Run, workflow: Workflow | None) -> RunDocument:
    return RunDocument(
        run_id=run.run_id,
        decision_id=run.decision_id,
        status=run.status,
        output=_output(run.output, workflow),
        workflow=run.workflow or None,
        approval_id=run.approval_id,
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


def _recorded(run_id: str, record: DecisionRecord) -> RunDocument:
    """A run that was answered at once, or refused: its account, without its output."""
    error = None
    if record.error is not None:
        error = ErrorObject(
            message=record.error.message,
            type="error",
            param=None,
            code=record.error.code,
            decision_id=record.decision_id,
        )
    return RunDocument(
        run_id=run_id,
        decision_id=record.decision_id,
        status=RunStatus.RUNNING if record.status == "open" else record.status,
        output=None,
        workflow=record.workflow.name if record.workflow else None,
        model=record.model,
        error=error,
    )


def _output(text: str | None, workflow: Workflow | None) -> object:
    if text is None or workflow is None or workflow.output_schema is None:
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _unknown(run_id: str) -> NotFound:
    return NotFound(f"no run {run_id!r}")


OPERATIONS = (
    operation("run", RunRequest, run_locally),
    operation("runs.show", RunLookup, show_run),
)
