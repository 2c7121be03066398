"""The operation `evaluate`: models measured on a workflow's own cases, under one decision."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from befit.catalog import Capability, Catalog, Evaluation, ModelCard, Workflow, card_version
from befit.errors import BefitError, BudgetExhausted, Forbidden, NoFitModel, WorkspaceError
from befit.evaluation import (
    Answer,
    Candidate,
    CaseEvaluation,
    EvaluationDocument,
    Outcome,
    OutcomeStatus,
    evaluate,
    evaluation_document,
    select,
)
from befit.gateway.operations.entitled import require
from befit.gateway.operations.measuring.case_file import CaseFile
from befit.gateway.operations.operation import OpDocument, OpParams, long_operation
from befit.identity import Principal
from befit.inference.embedded.specialist import SpecialistArtefact
from befit.orchestrator import BulkCase, BulkRow, BulkRun, Kind
from befit.platform import Platform
from befit.policy import Action, Resource
from befit.vocabulary import OUT_OF_SCOPE, Case, Progress, Purpose


class EvaluateParams(OpParams, frozen=True, kw_only=True):
    """What is measured on what.

    `cases` is the whole path of a file that the server may read. Without `models` the
    workflow's own order is measured, or every model that could serve it.
    """

    workflow: str
    cases: str
    models: tuple[str, ...] = ()
    data_class: str | None = None


class EvaluationResult(EvaluationDocument, OpDocument, frozen=True, kw_only=True):
    """What `evaluate --json` prints (contract): rows smallest model first, and a verdict.

    `excluded` tells which models were not called, and why; `warnings` which figures do
    not count as evidence.
    """

    decision_id: str
    cost_usd: Decimal | None
    excluded: dict[str, str]
    warnings: tuple[str, ...]


async def evaluate_models(
    platform: Platform, principal: Principal, params: EvaluateParams, progress: Progress
) -> EvaluationResult:
    """Run models over cases, keep what they were measured at, and name the smallest that will do.

    Raises:
        NotFound: no such workflow or model.
        InvalidRequest: the cases cannot be read, or expect nothing.
        Forbidden: policy permits none of the models.
        BudgetExhausted: no model's calls are covered by what is left.
    """
    catalog = platform.catalog.current.of(principal.tenant)
    workflow = catalog.find_workflow(params.workflow)
    require(platform, principal, Action.TRAIN_ON, "evaluate models", Resource.of_workflow(workflow))
    cards = _cards_to_measure(catalog, workflow, params.models)
    file = await CaseFile.read(params.cases)
    file.require_expected()
    cases = file.bulk(workflow)
    arrival = file.arrival(
        principal, Kind.EVALUATE, workflow=workflow.name, data_class=params.data_class
    )
    async with await platform.orchestrator.bulk(arrival) as bulk:
        permitted, excluded = await _permit_each(bulk, cards, cases)
        await _warm_up(bulk, permitted, cases)
        evaluation = await evaluate(
            file.cases,
            [_candidate(card) for card in permitted],
            _answer_through(bulk, permitted, cases),
            labels=frozenset(workflow.labels),
            progress=progress,
        )
    seen = await asyncio.to_thread(_trained_on, platform, permitted, file.sha256)
    measured = tuple(card for card in permitted if card.name not in seen)
    rows = _to_keep(evaluation, workflow, measured, principal.tenant, file.sha256)
    for row in rows:
        await platform.stores.evaluations.add(row)
    await platform.shelf.refresh()
    verdict = select(evaluation.rows, workflow.requirements)
    document = evaluation_document(workflow.name, evaluation, verdict, cases_sha256=file.sha256)
    fields = {name: getattr(document, name) for name in EvaluationDocument.__struct_fields__}
    return EvaluationResult(
        **fields,
        decision_id=bulk.decision_id,
        cost_usd=bulk.cost_usd,
        excluded=excluded,
        warnings=tuple(map(_seen_before, seen)),
    )


def _trained_on(
    platform: Platform, cards: Sequence[ModelCard], cases_sha256: str
) -> tuple[str, ...]:
    """The specialists that were trained on these very cases; blocks while it reads."""
    found: list[str] = []
    for card in cards:
        if card.specialist is not None:
            digest = card.specialist.artefact
            folder = platform.workspace.artefacts_dir / digest.removeprefix("sha256:")
            with suppress(WorkspaceError):  # one that cannot be read has failed on every case
                artefact = SpecialistArtefact.load(folder, digest)
                if artefact.document.training.cases_sha256 == cases_sha256:
                    found.append(card.name)
    return tuple(found)


def _seen_before(model: str) -> str:
    return (
        f"{model} was trained on these very cases: its score shows what it remembers, not what "
        "it can do, and is not kept as evidence; measure it on cases it has not seen"
    )


def _cards_to_measure(
    catalog: Catalog, workflow: Workflow, named: tuple[str, ...]
) -> tuple[ModelCard, ...]:
    names = named or workflow.model_order
    if names:
        return tuple(catalog.find_card(name) for name in dict.fromkeys(names))
    serving = {Capability.CHAT, Capability.LABELS} if workflow.labels else {Capability.CHAT}
    return tuple(
        card
        for card in catalog.cards.values()
        if card.capabilities & serving
        and (card.specialist is None or card.specialist.workflow == workflow.name)
    )


async def _permit_each(
    bulk: BulkRun, cards: Sequence[ModelCard], cases: Sequence[BulkCase]
) -> tuple[tuple[ModelCard, ...], dict[str, str]]:
    """Reserve for each model; those that may not be called are told with the reason."""
    permitted: list[ModelCard] = []
    refusals: dict[str, BefitError] = {}
    for card in cards:
        try:
            await bulk.permit(card, (*cases, _warming(cases)), Purpose.EVALUATION)
        except (Forbidden, BudgetExhausted) as error:
            refusals[card.name] = error
        else:
            permitted.append(card)
    if not permitted:
        told = "; ".join(error.message for error in refusals.values()) or "there is none"
        error = next(iter(refusals.values()), None)
        kind = NoFitModel if error is None else type(error)
        raise kind(f"no model can be measured: {told}")
    return tuple(permitted), {name: error.message for name, error in refusals.items()}


async def _warm_up(bulk: BulkRun, cards: Sequence[ModelCard], cases: Sequence[BulkCase]) -> None:
    """Let models of this machine be loaded, so that no measured case waits for it."""
    for card in cards:
        if card.is_in_process:
            await bulk.answer(_warming(cases), card)


def _warming(cases: Sequence[BulkCase]) -> BulkCase:
    """The first case once more; what it brings is kept among the rows and not scored."""
    return replace(cases[0], id="warm-up")


def _answer_through(bulk: BulkRun, cards: Sequence[ModelCard], cases: Sequence[BulkCase]) -> Answer:
    by_name: Mapping[str, ModelCard] = {card.name: card for card in cards}
    by_id: Mapping[str, BulkCase] = {case.id: case for case in cases}

    async def answer(case: Case, model: str) -> Outcome:
        return _outcome(await bulk.answer(by_id[case.id], by_name[model]))

    return answer


def _outcome(row: BulkRow) -> Outcome:
    if row.error is not None:
        status = OutcomeStatus.FAILED
    else:
        abstained = row.output == OUT_OF_SCOPE and row.confidence is not None
        status = OutcomeStatus.ABSTAINED if abstained else OutcomeStatus.ANSWERED
    return Outcome(
        status=status,
        output=row.output or "",
        latency_ms=row.latency_ms,
        cost_usd=row.cost_usd,
        confidence=row.confidence,
        error=row.error,
    )


def _candidate(card: ModelCard) -> Candidate:
    return Candidate(model=card.name, size=card.size, parameters_billion=card.parameters_billion)


def _to_keep(
    evaluation: CaseEvaluation,
    workflow: Workflow,
    cards: Sequence[ModelCard],
    tenant: str,
    sha256: str,
) -> tuple[Evaluation, ...]:
    """What routing may rely on of `cards`; one that never answered was not measured."""
    versions = {card.name: card_version(card) for card in cards}
    now = time.time()
    return tuple(
        Evaluation(
            tenant=tenant,
            workflow=workflow.name,
            workflow_version=workflow.version,
            model=row.model,
            model_version=versions[row.model],
            n=row.n,
            score=row.score,
            lo=row.interval.low,
            hi=row.interval.high,
            p95_ms=row.p95_ms,
            cost_usd_per_1000=row.cost_usd_per_1000,
            cases_sha256=sha256,
            metric=evaluation.metric,
            at=now,
        )
        for row in evaluation.rows
        if row.p95_ms is not None and row.model in versions
    )


OPERATIONS = (long_operation("evaluate", EvaluateParams, evaluate_models),)
"""What the registry loads when somebody first asks for it."""
