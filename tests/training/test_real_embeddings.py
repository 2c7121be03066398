"""The real embedder and real messages: what made-up vectors cannot promise."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from befit.errors import WeightsMissing
from befit.inference.embedded.embedder import Embedder
from befit.inference.embedded.weights import MINILM, located
from befit.training import Provenance, fit_specialist

_LABELS = 8
_PER_LABEL = 15


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    try:
        return Embedder(located(MINILM), threads=1)
    except WeightsMissing as error:
        pytest.skip(f"real weights are needed: {error}")


def test_few_real_messages_train_a_specialist_that_holds_on_others(
    embedder: Embedder, shared_data: Callable[[str], Path]
) -> None:
    with gzip.open(shared_data("intent_banking77/dev/banking77.jsonl.gz"), "rt") as file:
        rows = [json.loads(line) for line in file]
    labels = sorted({row["label"] for row in rows})[:_LABELS]
    by_label = {label: [row for row in rows if row["label"] == label] for label in labels}
    fitted = [row for label in labels for row in by_label[label][:_PER_LABEL]]
    held = [row for label in labels for row in by_label[label][_PER_LABEL : _PER_LABEL + 25]]
    texts = [row["text"] for row in fitted]
    specialist, report = fit_specialist(
        texts,
        [row["label"] for row in fitted],
        embedder.embed(texts).vectors,
        provenance=Provenance(workflow="bank", embedder=MINILM, cases_sha256="sha256:00"),
    )
    held_texts = [row["text"] for row in held]
    found = specialist.classify(embedder.embed(held_texts).vectors, held_texts)
    fresh = np.mean([one.label == row["label"] for one, row in zip(found, held, strict=True)])
    assert fresh >= 0.85
    assert report.accuracy >= 0.85
    assert report.accuracy > report.majority + 0.5
