"""Training a specialist from a file of cases: what `befit train NAME --cases F` does.

    plan = plan_training("triage", Path("cases.jsonl"))
    trained = await train_specialist(plan, embed, embedder=card, artefacts=folder)
    edit.put_card(trained.card)          # befit.catalog.WorkspaceEdit
    edit.add_workflow(trained.workflow)  # where no workflow of that name exists

Nothing but the artefact is written here; card and workflow are returned as values.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from befit.catalog import (
    Capability,
    Check,
    CheckKind,
    ModelCard,
    SpecialistRef,
    TaskProfile,
    Via,
    Workflow,
)
from befit.errors import InvalidRequest
from befit.evaluation import cases_sha256, read_cases, text_of
from befit.inference.embedded.specialist import (
    Floats,
)
from befit.messages import Embeddings
from befit.training.fit_job import FitJob
from befit.training.fitting import fit_in_child
from befit.training.specialist import USUAL_RULES, TrainingReport
from befit.training.training_set import check_labels
from befit.vocabulary import OUT_OF_SCOPE, Case, Progress, SizeClass, Zone, silent

Embed = Callable[[tuple[str, ...]], Awaitable[Embeddings]]
"""Embeds a batch of texts under the caller's permit."""

_BATCH = 64
_MOST_EXAMPLES = 48
_EXAMPLE_QUARTERS = (1, 2, 3)  # of the texts of a label, by length
_EXAMPLE_CHARACTERS = (8, 300)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingPlan:
    """Checked cases, before anything is computed or called.

    Attributes:
        warnings: what is odd about the cases but does not stop training.
    """

    name: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    cases_sha256: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedSpecialist:
    """What training gives back.

    Attributes:
        artefact: `sha256:<hex>`, the folder `<hex>` below the artefacts folder.
        card: the specialist's card, named `NAME-specialist`; an in-process model.
        workflow: a classification workflow made from the cases, with the card as its
            first model; to be written where no workflow of that name exists. Its
            version is empty until the catalog has loaded the written file.
    """

    artefact: str
    report: TrainingReport
    card: ModelCard
    workflow: Workflow
    warnings: tuple[str, ...] = ()


def plan_training(name: str, path: Path) -> TrainingPlan:
    """Read and check the cases of a file. Blocks while it reads.

    Exact duplicates count once; a text under two labels is reported and left out.

    Raises:
        InvalidRequest: an unreadable line, a case without a label, fewer than two
            labels, or too few cases of one.
    """
    cases = tuple(read_cases(path))
    labelled = [(text_of(case), _label_of(case, path)) for case in cases]
    kept, warnings = _without_doubles(labelled)
    labels = tuple(label for _, label in kept)
    check_labels(labels)
    return TrainingPlan(
        name=name,
        texts=tuple(text for text, _ in kept),
        labels=labels,
        cases_sha256=cases_sha256(cases),
        warnings=warnings,
    )


async def train_specialist(
    plan: TrainingPlan,
    embed: Embed,
    *,
    embedder: ModelCard,
    artefacts: Path,
    seed: int = 0,
    progress: Progress = silent,
) -> TrainedSpecialist:
    """Embed the plan's texts, fit in a child process, save, and describe the result.

    `embedder` is the card behind `embed`; the artefact names its weights. Cancelling
    stops the fit.

    Raises:
        InvalidRequest: the cases or vectors do not allow training.
        FitFailed: the training process died or could not write.
        BefitError: whatever `embed` raises.
    """
    vectors = await _embed_all(plan.texts, embed, progress)
    job = FitJob(
        texts=plan.texts,
        labels=plan.labels,
        workflow=plan.name,
        embedder=embedder.weights or embedder.name,
        cases_sha256=plan.cases_sha256,
        seed=seed,
        most_lost=USUAL_RULES.most_lost,
        artefacts=str(artefacts),
    )
    fitted = await fit_in_child(job, vectors, progress=progress)
    card = specialist_card(plan.name, fitted.artefact, fitted.labels, embedder=embedder)
    return TrainedSpecialist(
        artefact=fitted.artefact,
        report=fitted.report,
        card=card,
        workflow=workflow_from(plan, fitted.report, model=card.name),
        warnings=plan.warnings,
    )


def specialist_card(
    workflow: str, artefact: str, labels: tuple[str, ...], *, embedder: ModelCard
) -> ModelCard:
    """The card of a specialist: as small and as near as its embedder, free per call."""
    return ModelCard(
        name=f"{workflow}-specialist",
        family="befit-specialist",
        size=SizeClass.SMALL,
        via=Via.EMBEDDED,
        zone=Zone.DEVICE,
        context_window=embedder.context_window,
        parameters_billion=embedder.parameters_billion,
        capabilities=frozenset({Capability.LABELS}),
        languages=embedder.languages,
        specialist=SpecialistRef(workflow=workflow, artefact=artefact, labels=labels),
        weights=embedder.weights,
    )


def workflow_from(plan: TrainingPlan, report: TrainingReport, *, model: str) -> Workflow:
    """A classification workflow made from the cases.

    Its check asks for the confidence from which answers were right 95% of the time out
    of fold; what lies below goes up the route.
    """
    labels = tuple(sorted(set(plan.labels) - {OUT_OF_SCOPE}))
    return Workflow(
        name=plan.name,
        version="",
        description=f"Classifies a text as one of {len(labels)} labels.",
        instructions="Name the one label that fits the text. Answer with the label alone.",
        labels=labels,
        profile=TaskProfile(),
        models=(model,),
        check=Check(kind=CheckKind.CONFIDENCE, min_confidence=report.least_confidence),
        examples=_examples(plan, labels),
    )


async def _embed_all(texts: tuple[str, ...], embed: Embed, progress: Progress) -> Floats:
    parts: list[Floats] = []
    progress("embed", 0, len(texts))
    for start in range(0, len(texts), _BATCH):
        batch = texts[start : start + _BATCH]
        parts.append(vectors_of(await embed(batch), len(batch)))
        progress("embed", start + len(batch), len(texts))
    return await asyncio.to_thread(functools.partial(np.concatenate, parts))


def vectors_of(embeddings: Embeddings, n_texts: int) -> Floats:
    """The rows of an embedding answer as one array.

    Raises:
        InvalidRequest: not one row of the stated length a text.
    """
    size = 4 * embeddings.dimensions
    if len(embeddings.rows) != n_texts or any(len(row) != size for row in embeddings.rows):
        raise InvalidRequest(
            f"the embedder answered {len(embeddings.rows)} rows for {n_texts} texts, "
            f"or rows not of {embeddings.dimensions} numbers"
        )
    flat = np.frombuffer(b"".join(embeddings.rows), dtype="<f4")
    return flat.reshape(n_texts, embeddings.dimensions).astype(np.float32)


def _label_of(case: Case, path: Path) -> str:
    if isinstance(case.expected, str):
        return case.expected
    if isinstance(case.expected, tuple):
        return case.expected[0]
    what = "an object" if case.expected is not None else "no label"
    raise InvalidRequest(
        f"{path}: case {case.id!r} has {what} as expected answer",
        next_step="a specialist is trained on labels: give each case one",
    )


def _without_doubles(
    labelled: Sequence[tuple[str, str]],
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    by_text: dict[str, dict[str, None]] = {}
    for text, label in labelled:
        by_text.setdefault(text, {})[label] = None
    kept = [(text, next(iter(found))) for text, found in by_text.items() if len(found) == 1]
    contradictory = [text for text, found in by_text.items() if len(found) > 1]
    repeated = len(labelled) - len(set(labelled))
    warnings: list[str] = []
    if repeated:
        warnings.append(f"{repeated} case(s) repeat another and count once")
    if contradictory:
        shown = contradictory[0][:60]
        warnings.append(
            f"{len(contradictory)} text(s) stand under two labels and are left out, as {shown!r}"
        )
    return kept, tuple(warnings)


def _examples(plan: TrainingPlan, labels: tuple[str, ...]) -> tuple[str, ...]:
    """A few texts of each label, as far as the limit goes, from short to long.

    `auto` matches requests against them. Texts of middle length are typical; very short
    ones match anything.
    """
    shortest, longest = _EXAMPLE_CHARACTERS
    found: list[str] = []
    step = max(1, -(-len(labels) * len(_EXAMPLE_QUARTERS) // _MOST_EXAMPLES))
    for label in labels[::step]:
        own = [text for text, of in zip(plan.texts, plan.labels, strict=True) if of == label]
        fitting = [text for text in own if shortest <= len(text) <= longest]
        if fitting:
            fitting.sort(key=lambda text: (len(text), text))
            quarters = {len(fitting) * part // 4 for part in _EXAMPLE_QUARTERS}
            found += [fitting[place] for place in sorted(quarters)]
    return tuple(found)
