"""The operation `train`: from a file of cases to a specialist that serves its workflow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from befit.catalog import (
    PERSON,
    Capability,
    Catalog,
    Evaluation,
    ModelCard,
    Workflow,
    WorkspaceEdit,
    card_version,
    problems_as_error,
)
from befit.errors import InvalidRequest, NotFound
from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.case_file import CaseFile
from befit.gateway.operations.entitled import require_admin
from befit.gateway.operations.operation import OpDocument, OpParams, long_operation
from befit.identity import Principal
from befit.messages import ChatRequest, Embeddings
from befit.orchestrator import BulkCase, BulkRun, Kind
from befit.platform import Platform
from befit.statistics import p95
from befit.training import TrainedSpecialist, TrainingPlan, plan_training, train_specialist
from befit.vocabulary import OUT_OF_SCOPE, Progress, Purpose, SizeClass

_TIMED_TEXTS = 40
"""How many texts the finished specialist answers one by one, for its latency."""


class TrainParams(OpParams, frozen=True, kw_only=True):
    """What is trained. `cases` is the whole path of a file that the server may read."""

    name: str
    cases: str
    seed: int = 0
    data_class: str | None = None


class TrainedDocument(OpDocument, frozen=True, kw_only=True):
    """What `train --json` prints. Scores are out of fold; latency is of the finished model.

    Attributes:
        accuracy: share of in-scope cases that got their label; `n` of them were scored.
        majority: the score of always saying the most frequent label.
        oos_recall: share of out-of-scope cases it abstained from; null without any.
        files: what was written, relative to the workspace.
    """

    workflow: str
    model: str
    artefact: str
    decision_id: str
    is_new_workflow: bool
    n: int
    accuracy: float
    interval: tuple[float, float]
    majority: float
    oos_recall: float | None
    calibration_error: float
    folds: int
    per_class: dict[str, int]
    p95_ms: float
    weight_bytes: int
    seconds: float
    files: tuple[str, ...]
    warnings: tuple[str, ...]


async def train(
    platform: Platform, principal: Principal, params: TrainParams, progress: Progress
) -> TrainedDocument:
    """Train a specialist and make it its workflow's first model.

    Raises:
        InvalidRequest: the cases do not allow it, or hold labels the workflow does not have.
        NotFound: the workspace has no embedding model.
        FitFailed: the training process died.
        WorkspaceError: the workspace's files cannot be changed.
    """
    require_admin(principal, "train a model")
    started = time.perf_counter()
    catalog = platform.catalog.current
    workflow = catalog.workflows.get(params.name)
    embedder = _embedder(catalog)
    file = await CaseFile.read(params.cases)
    plan = await asyncio.to_thread(plan_training, params.name, file.path)
    _require_known_labels(plan, workflow)
    if workflow is None:
        _require_name(platform, plan.name)
    arrival = file.arrival(
        principal,
        Kind.TRAIN,
        workflow=workflow.name if workflow else None,
        data_class=params.data_class,
    )
    async with await platform.orchestrator.bulk(arrival) as bulk:
        trained = await _fit(platform, bulk, plan, embedder, params.seed, progress)
        p95_ms = await _time(bulk, plan, trained.card)
        # Recorded before it serves: a model that nothing approved must not.
        await _record(platform, principal, plan, trained, bulk.decision_id)
        files = await asyncio.to_thread(_write, platform, trained, workflow, catalog)
    made = _Made(plan=plan, trained=trained, p95_ms=p95_ms, decision_id=bulk.decision_id)
    await _take_up(platform, principal.tenant, made)
    return made.document(
        files=tuple(str(path.relative_to(platform.workspace.root)) for path in files),
        is_new_workflow=workflow is None,
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """A specialist that is written and measured."""

    plan: TrainingPlan
    trained: TrainedSpecialist
    p95_ms: float
    decision_id: str

    @property
    def n_in_scope(self) -> int:
        report = self.trained.report
        return report.n - report.per_class.get(OUT_OF_SCOPE, 0)

    def document(
        self, *, files: tuple[str, ...], is_new_workflow: bool, seconds: float
    ) -> TrainedDocument:
        report = self.trained.report
        return TrainedDocument(
            workflow=self.plan.name,
            model=self.trained.card.name,
            artefact=self.trained.artefact,
            decision_id=self.decision_id,
            is_new_workflow=is_new_workflow,
            n=self.n_in_scope,
            accuracy=report.accuracy,
            interval=report.accuracy_interval,
            majority=report.majority,
            oos_recall=report.oos_recall,
            calibration_error=report.calibration_error,
            folds=report.folds,
            per_class=report.per_class,
            p95_ms=self.p95_ms,
            weight_bytes=report.weight_bytes,
            seconds=round(seconds, 3),
            files=files,
            warnings=self.trained.warnings,
        )


async def _record(
    platform: Platform,
    principal: Principal,
    plan: TrainingPlan,
    trained: TrainedSpecialist,
    decision_id: str,
) -> None:
    await record_administrative(
        platform,
        principal,
        action="model_approved",
        subject=f"model:{trained.card.name}",
        told={
            "workflow": plan.name,
            "artefact": trained.artefact,
            "cases_sha256": plan.cases_sha256,
            "decision_id": decision_id,
            "accuracy": trained.report.accuracy,
        },
    )


async def _fit(
    platform: Platform,
    bulk: BulkRun,
    plan: TrainingPlan,
    embedder: ModelCard,
    seed: int,
    progress: Progress,
) -> TrainedSpecialist:
    await bulk.permit(embedder, _bulk_cases(plan.texts), Purpose.TRAINING)

    async def embed(texts: tuple[str, ...]) -> Embeddings:
        return await bulk.embed(_bulk_cases(texts), embedder)

    return await train_specialist(
        plan,
        embed,
        embedder=embedder,
        artefacts=platform.workspace.artefacts_dir,
        seed=seed,
        progress=progress,
    )


async def _time(bulk: BulkRun, plan: TrainingPlan, card: ModelCard) -> float:
    """Let the finished specialist answer: its 95th percentile in milliseconds.

    A specialist that cannot be loaded fails here, before any file names it.

    Raises:
        InvalidRequest: it does not answer.
    """
    step = max(1, len(plan.texts) // _TIMED_TEXTS)
    cases = _bulk_cases(plan.texts[::step][:_TIMED_TEXTS])
    await bulk.permit(card, (*cases, cases[0]), Purpose.TRAINING)
    await bulk.answer(cases[0], card)  # loads it
    rows = [await bulk.answer(case, card) for case in cases]
    found = p95([row.latency_ms for row in rows if row.error is None])
    if found is None:
        raise InvalidRequest(f"the trained specialist does not answer: {rows[0].error}")
    return round(found.value, 3)


def _write(
    platform: Platform, trained: TrainedSpecialist, workflow: Workflow | None, catalog: Catalog
) -> tuple[Path, ...]:
    edit = WorkspaceEdit(platform.workspace)
    if workflow is None:
        edit.add_workflow(trained.workflow)
    edit.put_card(trained.card)
    if workflow is not None:
        edit.put_first_model(
            workflow.name, trained.card.name, rest=_order_behind(workflow, trained.card, catalog)
        )
    return edit.commit()


def _order_behind(workflow: Workflow, card: ModelCard, catalog: Catalog) -> tuple[str, ...]:
    """Who follows where the workflow had left the order to the router: smallest first."""
    chatting = [
        other
        for other in catalog.cards.values()
        if Capability.CHAT in other.capabilities and other.name != card.name
    ]
    chatting.sort(
        key=lambda each: (
            each.size is SizeClass.LARGE,
            each.parameters_billion or Decimal("Infinity"),
            each.name,
        )
    )
    return (*(each.name for each in chatting), *((PERSON,) if workflow.ends_at_person else ()))


async def _take_up(platform: Platform, tenant: str, made: _Made) -> None:
    """Put the new files in force and keep what the specialist was measured at.

    Raises:
        WorkspaceError: the files have a problem, so that the specialist is not in force.
    """
    reload = await platform.shelf.reload()
    if reload.problems:
        raise problems_as_error(reload.problems)
    catalog = platform.catalog.current
    plan, card, report = made.plan, made.trained.card, made.trained.report
    low, high = report.accuracy_interval
    await platform.stores.evaluations.add(
        Evaluation(
            tenant=tenant,
            workflow=plan.name,
            workflow_version=catalog.find_workflow(plan.name).version,
            model=card.name,
            model_version=card_version(catalog.find_card(card.name)),
            n=made.n_in_scope,
            score=report.accuracy,
            lo=low,
            hi=high,
            p95_ms=made.p95_ms,
            cost_usd_per_1000=Decimal(0),
            cases_sha256=plan.cases_sha256,
            metric="label",
            at=time.time(),
        )
    )
    await platform.shelf.refresh()


def _embedder(catalog: Catalog) -> ModelCard:
    for card in catalog.cards.values():
        if card.is_in_process and Capability.EMBEDDINGS in card.capabilities:
            return card
    raise NotFound(
        "befit.yaml has no embedding model on this machine, which carries specialists",
        next_step="add minilm-l6 under `models`, as `befit init` writes it",
    )


def _require_name(platform: Platform, name: str) -> None:
    """Refuse a name that no workflow can have before anything is computed.

    Raises:
        InvalidRequest, Conflict: as `WorkspaceEdit.add_workflow`.
    """
    WorkspaceEdit(platform.workspace).add_workflow(Workflow(name=name, version=""))


def _require_known_labels(plan: TrainingPlan, workflow: Workflow | None) -> None:
    if workflow is None or not workflow.labels:
        return
    strange = sorted(set(plan.labels) - {*workflow.labels, OUT_OF_SCOPE})
    if strange:
        shown = ", ".join(repr(label) for label in strange[:5])
        raise InvalidRequest(
            f"the cases hold {len(strange)} label(s) that workflow {workflow.name!r} does not "
            f"have: {shown}",
            next_step=f"add them to workflows/{workflow.name}.yaml or correct the cases",
        )


def _bulk_cases(texts: Sequence[str]) -> tuple[BulkCase, ...]:
    return tuple(
        BulkCase(id=str(number), request=ChatRequest.from_text(text, model="bulk"))
        for number, text in enumerate(texts, start=1)
    )


OPERATION = long_operation("train", TrainParams, train)
"""What the registry loads when somebody first asks for it."""
