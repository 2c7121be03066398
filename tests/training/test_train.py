from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest

from befit.catalog import CheckKind, ModelCard, Via
from befit.errors import InvalidRequest, ModelTimeout
from befit.inference.embedded.specialist import (
    SpecialistArtefact,
)
from befit.messages import Embeddings, TokenUsage
from befit.training import (
    FitFailed,
    TrainingPlan,
    plan_training,
    train_specialist,
    vectors_of,
)
from befit.vocabulary import OUT_OF_SCOPE, SizeClass, Zone

from .made_up import WordEmbedder, make

EMBEDDER = ModelCard(
    name="our-embedder",
    family="minilm",
    size=SizeClass.SMALL,
    via=Via.EMBEDDED,
    zone=Zone.DEVICE,
    parameters_billion=Decimal("0.023"),
    languages=frozenset({"en"}),
    weights="minilm-l6",
)


def write_cases(path: Path, **options: int) -> Path:
    made = make(**options)
    lines = [
        json.dumps({"text": text, "label": label})
        for text, label in zip(made.texts, made.labels, strict=True)
    ]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def plan(tmp_path: Path) -> TrainingPlan:
    return plan_training("triage", write_cases(tmp_path / "cases.jsonl", per_label=15))


async def test_cases_become_an_artefact_a_card_and_a_workflow(
    tmp_path: Path, plan: TrainingPlan
) -> None:
    trained = await train_specialist(
        plan, WordEmbedder(), embedder=EMBEDDER, artefacts=tmp_path / "artefacts"
    )
    folder = tmp_path / "artefacts" / trained.artefact.removeprefix("sha256:")
    artefact = SpecialistArtefact.load(folder, trained.artefact)
    assert artefact.embedder == "minilm-l6"  # the weights' name, by which they are loaded
    assert artefact.document.training.cases_sha256 == plan.cases_sha256
    card, workflow = trained.card, trained.workflow
    assert card.name == "triage-specialist"
    assert card.specialist is not None
    assert (card.specialist.artefact, card.specialist.workflow) == (trained.artefact, "triage")
    assert card.is_in_process
    assert card.cost_usd(TokenUsage(input=9)) == 0
    assert workflow.labels == card.specialist.labels == ("access", "billing", "shipping")
    assert workflow.models == (card.name,)
    assert workflow.check.kind is CheckKind.CONFIDENCE
    assert workflow.check.min_confidence == trained.report.least_confidence
    assert len(workflow.examples) == 9  # three a label
    assert set(workflow.examples) <= set(plan.texts)


async def test_out_of_scope_is_no_label_of_the_workflow(tmp_path: Path) -> None:
    path = write_cases(tmp_path / "cases.jsonl", per_label=15, out_of_scope=10)
    trained = await train_specialist(
        plan_training("triage", path), WordEmbedder(), embedder=EMBEDDER, artefacts=tmp_path / "a"
    )
    assert OUT_OF_SCOPE not in trained.workflow.labels
    assert trained.report.oos_recall is not None


async def test_embedding_goes_in_batches_and_tells_progress(
    tmp_path: Path, plan: TrainingPlan
) -> None:
    embed, told = WordEmbedder(), []
    await train_specialist(
        plan,
        embed,
        embedder=EMBEDDER,
        artefacts=tmp_path / "a",
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )
    assert sum(embed.batches) == len(plan.texts)
    assert max(embed.batches) <= 64
    stages = [stage for stage, _, _ in told]
    assert stages == sorted(stages)  # embed, then fit
    assert all(done <= total for _, done, total in told)
    assert told[-1][0] == "fit"
    assert told[-1][1] == told[-1][2]


async def test_the_event_loop_goes_on_while_it_fits(tmp_path: Path, plan: TrainingPlan) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    await train_specialist(plan, WordEmbedder(), embedder=EMBEDDER, artefacts=tmp_path / "a")
    ticking.cancel()
    assert ticks > 20  # a fit in this process would leave a handful


def children() -> set[int]:
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in found}


async def test_cancelling_ends_the_child_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    plan = plan_training("triage", write_cases(tmp_path / "cases.jsonl", per_label=400))
    before, fitting = children(), asyncio.Event()

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "fit":
            fitting.set()

    task = asyncio.create_task(
        train_specialist(
            plan, WordEmbedder(), embedder=EMBEDDER, artefacts=tmp_path / "a", progress=progress
        )
    )
    await fitting.wait()
    assert children() - before
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not children() - before
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "a").exists()


async def test_a_child_that_dies_is_an_error_that_says_so(
    tmp_path: Path, plan: TrainingPlan
) -> None:
    before = children()

    def progress(stage: str, done: int, total: int) -> None:
        for pid in children() - before if stage == "fit" else ():
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(FitFailed, match="died with exit code -9"):
        await train_specialist(
            plan, WordEmbedder(), embedder=EMBEDDER, artefacts=tmp_path / "a", progress=progress
        )


async def test_artefacts_that_cannot_be_written_are_explained(
    tmp_path: Path, plan: TrainingPlan
) -> None:
    (tmp_path / "a").write_text("a file stands in the way")
    with pytest.raises(FitFailed, match="cannot write the specialist"):
        await train_specialist(plan, WordEmbedder(), embedder=EMBEDDER, artefacts=tmp_path / "a")


async def test_an_embedder_that_fails_stops_training(tmp_path: Path, plan: TrainingPlan) -> None:
    async def embed(texts: tuple[str, ...]) -> Embeddings:
        raise ModelTimeout("the embedder did not answer")

    with pytest.raises(ModelTimeout):
        await train_specialist(plan, embed, embedder=EMBEDDER, artefacts=tmp_path / "a")


def test_an_embedder_that_answers_too_little_is_an_error() -> None:
    short = Embeddings(rows=(b"\0" * 8,), dimensions=2, usage=TokenUsage())
    with pytest.raises(InvalidRequest, match="1 rows for 2 texts"):
        vectors_of(short, 2)
    with pytest.raises(InvalidRequest, match="not of 3 numbers"):
        vectors_of(Embeddings(rows=(b"\0" * 8,), dimensions=3, usage=TokenUsage()), 1)


def lines(tmp_path: Path, *cases: dict[str, object]) -> Path:
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(json.dumps(case) for case in cases))
    return path


def test_repeated_cases_count_once_and_are_reported(tmp_path: Path) -> None:
    rows = [{"text": f"{label} {number}", "label": label} for label in "ab" for number in range(3)]
    plan = plan_training("triage", lines(tmp_path, *rows, rows[0], rows[0]))
    assert len(plan.texts) == 6
    assert plan.warnings == ("2 case(s) repeat another and count once",)


def test_a_text_under_two_labels_is_left_out_and_reported(tmp_path: Path) -> None:
    rows = [{"text": f"{label} {number}", "label": label} for label in "ab" for number in range(3)]
    plan = plan_training("triage", lines(tmp_path, *rows, {"text": "a 0", "label": "b"}))
    assert "a 0" not in plan.texts
    assert "under two labels" in plan.warnings[0]


@pytest.mark.parametrize(("expected", "message"), [({"k": 1}, "an object"), (None, "no label")])
def test_a_case_without_a_label_is_named(tmp_path: Path, expected: object, message: str) -> None:
    case = {"id": "c7", "input": "text", "expected": expected}
    with pytest.raises(InvalidRequest, match=rf"case 'c7' has {message}"):
        plan_training("triage", lines(tmp_path, case))


def test_a_case_of_one_class_only_is_refused_before_anything_is_embedded(tmp_path: Path) -> None:
    rows = [{"text": f"text {number}", "label": "a"} for number in range(9)]
    with pytest.raises(InvalidRequest, match="only 'a'"):
        plan_training("triage", lines(tmp_path, *rows))
