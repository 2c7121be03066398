"""A specialist through the process: loaded by its hash, answered via the embedder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from befit.catalog import SpecialistRef
from befit.errors import ModelRefused, NotFound, WorkspaceError
from befit.inference.embedded.specialist import (
    Abstention,
    Calibration,
    SpecialistArtefact,
    SpecialistDocument,
    TrainingSummary,
)
from befit.inference.embedded.weights import MINILM

EXAMPLES = {
    "card": ("I lost my credit card", "My bank card is broken"),
    "travel": ("When does the train leave?", "Book a flight to the coast"),
    "greeting": ("Good morning", "Hello there"),
}


@pytest.fixture
async def specialist(running, provider):
    """A nearest-mean specialist: a row a label, the mean of its examples' vectors."""
    labels = tuple(EXAMPLES)
    texts = [text for label in labels for text in EXAMPLES[label]]
    found = await provider.embed(running.texts(*texts))
    vectors = np.frombuffer(b"".join(found.rows), "<f4").reshape(-1, found.dimensions)
    means = vectors.reshape(len(labels), 2, -1).mean(axis=1)
    artefact = SpecialistArtefact(
        document=SpecialistDocument(
            workflow="triage",
            labels=labels,
            embedder=MINILM,
            dimensions=found.dimensions,
            ngram_buckets=0,
            calibration=Calibration(vectors=10.0, ngrams=0.0),
            abstention=Abstention(
                out_of_scope=False, weights=(0.0, 0.0, 0.0), bias=0.0, threshold=1.0
            ),
            training=TrainingSummary(
                n=6,
                per_class=dict.fromkeys(labels, 2),
                cases_sha256="0" * 64,
                seed=0,
                folds=2,
                accuracy=1.0,
                accuracy_interval=(0.5, 1.0),
            ),
        ),
        weights=np.ascontiguousarray(means.T, np.float32),
        bias=np.zeros((2, len(labels)), np.float32),
        rarity=np.zeros(0, np.float32),
    )
    name = artefact.save(running.settings.artefacts)
    return SpecialistRef(workflow="triage", artefact=name, labels=labels)


def as_card(call, ref: SpecialistRef):
    return replace(call, card=replace(call.card, specialist=ref))


async def test_texts_are_classified_in_their_order(running, provider, specialist) -> None:
    texts = ("hello!", "my card was stolen", "a ticket for the train", "good morning to you")
    found = await provider.classify(as_card(running.texts(*texts), specialist))
    assert [one.label for one in found] == ["greeting", "card", "travel", "greeting"]
    for one in found:
        assert set(one.labels) == set(EXAMPLES)
        assert sum(one.probabilities) == pytest.approx(1)
    assert await provider.classify(as_card(running.texts(), specialist)) == ()


async def test_chat_answers_the_last_user_message_with_label_and_confidence(
    running, provider, specialist
) -> None:
    call = as_card(running.chat("my card was stolen", permit=running.permit()), specialist)
    answer = await provider.chat(call)
    assert answer.text == "card"
    assert 1 / 3 < answer.confidence <= 1
    assert answer.usage.input > 0
    body = {name: msgspec.json.decode(raw) for name, raw in answer.fields.items()}
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "card"}
    assert body["usage"]["total_tokens"] == answer.usage.input


async def test_a_stream_of_a_specialist_is_its_label(running, provider, specialist) -> None:
    call = as_card(running.chat("good morning"), specialist)
    chunks = [chunk async for chunk in provider.stream(call)]
    assert b'"content":"greeting"' in chunks[0].data
    assert chunks[-1].is_usage_only


async def test_a_changed_artefact_is_not_used(running, provider, specialist) -> None:
    source = running.settings.artefacts / specialist.artefact.removeprefix("sha256:")
    copy = running.settings.artefacts / ("f" * 64)
    copy.mkdir()
    for file in source.iterdir():
        Path(copy / file.name).write_bytes(file.read_bytes())
    ref = replace(specialist, artefact=f"sha256:{'f' * 64}")
    with pytest.raises(WorkspaceError):
        await provider.classify(as_card(running.texts("text"), ref))


@pytest.mark.parametrize("artefact", ["../../etc", "sha256:xyz", "", f"md5:{'0' * 64}"])
async def test_a_hash_cannot_be_a_path(running, provider, specialist, artefact) -> None:
    ref = replace(specialist, artefact=artefact)
    with pytest.raises(NotFound, match="not the hash"):
        await provider.classify(as_card(running.texts("text"), ref))


async def test_a_card_that_is_no_specialist_does_not_classify(running, provider) -> None:
    with pytest.raises(ModelRefused, match="no specialist"):
        await provider.classify(running.texts("text"))
