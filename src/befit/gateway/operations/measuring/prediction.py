"""The operation `predict`: many texts labelled by a workflow's specialist, in one decision."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from befit.catalog import Catalog, ModelCard, Workflow
from befit.errors import NotFound
from befit.gateway.operations.entitled import require
from befit.gateway.operations.measuring.case_file import CaseFile
from befit.gateway.operations.operation import OpDocument, OpParams, long_operation
from befit.identity import Principal
from befit.inference.embedded.specialist import SpecialistArtefact
from befit.messages import LabelDistribution
from befit.orchestrator import BulkCase, Kind
from befit.platform import Platform
from befit.policy import Action, Resource
from befit.vocabulary import OUT_OF_SCOPE, Progress, Purpose

_BATCH = 256


class PredictParams(OpParams, frozen=True, kw_only=True):
    """What is labelled. `cases` is the whole path of a file that the server may read.

    `abstain` lets a specialist that was trained without out-of-scope cases give up where
    its answers are more often wrong than right.
    """

    workflow: str
    cases: str
    abstain: bool = False
    data_class: str | None = None


class Prediction(OpDocument, frozen=True, kw_only=True):
    """One row (contract). An abstained row has the label `oos`."""

    id: str
    label: str
    confidence: float
    abstained: bool


class PredictionsDocument(OpDocument, frozen=True, kw_only=True):
    """What `predict --json` prints (contract)."""

    predictions: tuple[Prediction, ...]
    workflow: str
    model: str
    evidence: str
    decision_id: str
    n: int
    abstained: int
    seconds: float


async def predict(
    platform: Platform, principal: Principal, params: PredictParams, progress: Progress
) -> PredictionsDocument:
    """Label every text of a file; the rows need no label of their own.

    Raises:
        NotFound: no such workflow, or it has no specialist.
        InvalidRequest: the cases cannot be read.
        Forbidden: policy does not permit the specialist.
    """
    catalog = platform.catalog.current.of(principal.tenant)
    workflow = catalog.find_workflow(params.workflow)
    # Nothing learns from it; what its data may be used for is asked of each call.
    about = Resource.of_workflow(replace(workflow, purposes=frozenset()))
    require(platform, principal, Action.TRAIN_ON, "predict from a file", about)
    card, artefact = _specialist_of(catalog, workflow)
    least = await asyncio.to_thread(
        _least_confidence, platform.workspace.artefacts_dir, artefact, asked=params.abstain
    )
    file = await CaseFile.read(params.cases)
    cases = file.bulk(workflow)
    arrival = file.arrival(
        principal, Kind.PREDICT, workflow=workflow.name, data_class=params.data_class
    )
    predictions: list[Prediction] = []
    started = time.perf_counter()
    async with await platform.orchestrator.bulk(arrival) as bulk:
        await bulk.permit(card, cases, Purpose.ANSWER)
        progress("predict", 0, len(cases))
        for start in range(0, len(cases), _BATCH):
            batch = cases[start : start + _BATCH]
            found = await bulk.classify(batch, card)
            predictions += _predictions(batch, found, least)
            progress("predict", len(predictions), len(cases))
    return PredictionsDocument(
        predictions=tuple(predictions),
        workflow=workflow.name,
        model=card.name,
        evidence=platform.shelf.evidence_of(principal.tenant).evidence(card, workflow),
        decision_id=bulk.decision_id,
        n=len(predictions),
        abstained=sum(each.abstained for each in predictions),
        seconds=round(time.perf_counter() - started, 3),
    )


def _specialist_of(catalog: Catalog, workflow: Workflow) -> tuple[ModelCard, str]:
    """The specialist that stands first in the workflow's order, else any of its own."""
    ordered = [catalog.cards[name] for name in workflow.model_order if name in catalog.cards]
    for card in (*ordered, *catalog.cards.values()):
        if card.specialist is not None and card.specialist.workflow == workflow.name:
            return card, card.specialist.artefact
    raise NotFound(
        f"workflow {workflow.name!r} has no specialist",
        next_step=f"befit train {workflow.name} --cases FILE",
    )


def _least_confidence(artefacts: Path, reference: str, *, asked: bool) -> float | None:
    """From which confidence on an answer counts, where the caller asked for abstention."""
    if not asked:
        return None
    folder = artefacts / reference.removeprefix("sha256:")
    return SpecialistArtefact.load(folder, reference).least_confidence


def _predictions(
    cases: Sequence[BulkCase], found: Sequence[LabelDistribution], least: float | None
) -> list[Prediction]:
    rows: list[Prediction] = []
    for case, labels in zip(cases, found, strict=True):
        gave_up = labels.abstained or (least is not None and labels.confidence <= least)
        rows.append(
            Prediction(
                id=case.id,
                label=OUT_OF_SCOPE if gave_up else labels.label,
                confidence=labels.confidence,
                abstained=gave_up,
            )
        )
    return rows


OPERATIONS = (long_operation("predict", PredictParams, predict),)
"""What the registry loads when somebody first asks for it."""
