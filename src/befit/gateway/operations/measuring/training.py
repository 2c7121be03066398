"""The operation `train`: from a file of cases to a specialist that serves its workflow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from befit.catalog import (
    PERSON,
    Capability,
    Catalog,
    Evaluation,
    ModelCard,
    Stage,
    Workflow,
    WorkspaceEdit,
    card_version,
)
from befit.errors import InvalidRequest, NotFound
from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.catalog.activation import editing, record_act, take_up
from befit.gateway.operations.entitled import require
from befit.gateway.operations.measuring.case_file import CaseFile
from befit.gateway.operations.measuring.specialist_place import SpecialistPlace
from befit.gateway.operations.operation import OpDocument, OpParams, long_operation
from befit.identity import Principal
from befit.messages import ChatRequest, Embeddings
from befit.orchestrator import BulkCase, BulkRun, Kind
from befit.platform import Platform
from befit.policy import Action, Resource
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
        bar: the workflow's quality bar; null where it has none.
        stage: `approved`, or `proposed` where it is not to serve yet; `warnings` say why.
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
    bar: float | None
    stage: str
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

    It is left proposed, beside what serves now, where its score out of fold misses the
    workflow's bar or where who trains it may not activate it.

    Raises:
        Forbidden: the principal may not train on the workflow's data.
        InvalidRequest: the cases do not allow it, or hold labels the workflow does not have.
        NotFound: the workspace has no embedding model.
        FitFailed: the training process died.
        WorkspaceError: the workspace's files cannot be changed.
    """
    started = time.perf_counter()
    catalog = platform.catalog.current.of(principal.tenant)
    workflow = catalog.workflows.get(params.name)
    data = Resource.of_workflow(workflow) if workflow else Resource()
    require(platform, principal, Action.TRAIN_ON, "train a model", data)
    embedder = _embedder(catalog)
    file = await CaseFile.read(params.cases)
    plan = await asyncio.to_thread(plan_training, params.name, file.path)
    _require_known_labels(plan, workflow)
    if workflow is None:
        await asyncio.to_thread(_require_name, platform, plan.name)
    arrival = file.arrival(
        principal,
        Kind.TRAIN,
        workflow=workflow.name if workflow else None,
        data_class=params.data_class,
    )
    async with await platform.orchestrator.bulk(arrival) as bulk:
        trained = await _fit(platform, bulk, plan, embedder, params.seed, progress)
        p95_ms = await _time(bulk, plan, trained.card)
        place = SpecialistPlace.of(platform, principal, trained, workflow)
        made = _Made(plan=plan, place=place, p95_ms=p95_ms, decision_id=bulk.decision_id)
        async with editing(platform) as edit:
            declared = await asyncio.to_thread(_declared, edit, place, catalog)
            # Recorded before it serves: a model that nothing approved must not.
            await _record(platform, principal, made, declared)
            files = await asyncio.to_thread(edit.commit)
    await take_up(platform)
    await _keep_measured(platform, principal.tenant, made)
    return made.document(
        files=tuple(str(path.relative_to(platform.workspace.root)) for path in files),
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """A specialist that is written and measured."""

    plan: TrainingPlan
    place: SpecialistPlace
    p95_ms: float
    decision_id: str

    @property
    def n_in_scope(self) -> int:
        report = self.place.trained.report
        return report.n - report.per_class.get(OUT_OF_SCOPE, 0)

    def document(self, *, files: tuple[str, ...], seconds: float) -> TrainedDocument:
        trained, card = self.place.trained, self.place.card
        report = trained.report
        return TrainedDocument(
            workflow=self.plan.name,
            model=card.name,
            artefact=trained.artefact,
            decision_id=self.decision_id,
            is_new_workflow=self.place.workflow is None,
            n=self.n_in_scope,
            accuracy=report.accuracy,
            interval=report.accuracy_interval,
            majority=report.majority,
            oos_recall=report.oos_recall,
            bar=self.place.bar,
            stage=card.stage,
            calibration_error=report.calibration_error,
            folds=report.folds,
            per_class=report.per_class,
            p95_ms=self.p95_ms,
            weight_bytes=report.weight_bytes,
            seconds=round(seconds, 3),
            files=files,
            warnings=(*trained.warnings, *self.place.warnings),
        )


async def _record(platform: Platform, principal: Principal, made: _Made, declared: Catalog) -> None:
    """Record what was trained, and that it was activated where it is to serve."""
    plan, place = made.plan, made.place
    told = {
        "workflow": plan.name,
        "artefact": place.trained.artefact,
        "cases_sha256": plan.cases_sha256,
        "decision_id": made.decision_id,
        "accuracy": place.trained.report.accuracy,
    }
    if not place.serves:
        subject = f"model:{place.card.name}"
        await record_administrative(
            platform, principal, action="proposed", subject=subject, told=told
        )
        return
    card = declared.find_card(place.card.name)
    await record_act(platform, principal, card, Stage.APPROVED, told=told)
    if place.activates_workflow:
        workflow = declared.find_workflow(plan.name)
        await record_act(platform, principal, workflow, Stage.APPROVED, told=told)


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


def _declared(edit: WorkspaceEdit, place: SpecialistPlace, catalog: Catalog) -> Catalog:
    """Make the changes, and say what the files would declare by them. Blocking."""
    if place.workflow is None:
        edit.add_workflow(place.new_workflow)
    edit.put_card(place.card)
    if place.workflow is not None and place.serves:
        edit.put_first_model(
            place.workflow.name,
            place.card.name,
            rest=_order_behind(place.workflow, place.card, catalog),
        )
    return edit.preview()


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


async def _keep_measured(platform: Platform, tenant: str, made: _Made) -> None:
    """Keep what the specialist was measured at, as evidence for it."""
    catalog = platform.catalog.current.of(tenant)
    plan, card, report = made.plan, made.place.card, made.place.trained.report
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
    """Refuse a name that no workflow can have before anything is computed. Blocking.

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


OPERATIONS = (long_operation("train", TrainParams, train),)
"""What the registry loads when somebody first asks for it."""
