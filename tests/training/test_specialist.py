from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from befit.errors import InvalidRequest
from befit.inference.embedded.specialist import (
    SpecialistArtefact,
)
from befit.training import FitRules, Provenance, TrainingReport, fit_specialist
from befit.training.training_set import TrainingSet
from befit.vocabulary import OUT_OF_SCOPE

from .made_up import Made, make

PROVENANCE = Provenance(workflow="triage", embedder="minilm-l6", cases_sha256="sha256:ab")


def fit(made: Made, **rules: float) -> tuple[SpecialistArtefact, TrainingReport]:
    return fit_specialist(
        made.texts, made.labels, made.vectors, provenance=PROVENANCE, rules=FitRules(**rules)
    )


@pytest.fixture(scope="module")
def plain() -> tuple[SpecialistArtefact, TrainingReport]:
    return fit(make(40))


@pytest.fixture(scope="module")
def scoped() -> tuple[SpecialistArtefact, TrainingReport]:
    return fit(make(60, out_of_scope=40))


def accuracy(specialist: SpecialistArtefact, made: Made) -> float:
    found = specialist.classify(made.vectors, made.texts)
    hits = [one.label == label for one, label in zip(found, made.labels, strict=True)]
    return float(np.mean(hits))


def test_reported_accuracy_holds_on_cases_drawn_afterwards(
    plain: tuple[SpecialistArtefact, TrainingReport],
) -> None:
    specialist, report = plain
    fresh = accuracy(specialist, make(200, seed=7))
    low, high = report.accuracy_interval
    assert low - 0.02 <= fresh <= high + 0.02
    assert low <= report.accuracy <= high
    assert report.n == 120


def test_noise_that_holds_no_signal_is_reported_as_chance() -> None:
    # The guard against scoring cases by choices they took part in.
    draws = np.random.default_rng(4)
    labels = draws.choice(["access", "billing"], 120).tolist()
    vectors = draws.normal(size=(120, 16)).astype(np.float32)
    texts = [f"case {number}" for number in draws.integers(0, 10**9, 120)]
    _, report = fit_specialist(texts, labels, vectors, provenance=PROVENANCE)
    assert 0.3 <= report.accuracy <= 0.7
    assert report.accuracy_interval[0] < report.majority


def test_equal_input_gives_an_equal_artefact(tmp_path: Path) -> None:
    made = make(12, out_of_scope=8)
    assert fit(made, seed=3)[0].save(tmp_path) == fit(made, seed=3)[0].save(tmp_path)


def test_it_learns_from_wording_where_the_embedding_says_nothing() -> None:
    made, fresh = make(40), make(40, seed=9)
    blind = np.full((1, made.vectors.shape[1]), 0.2, np.float32)
    deaf = Made(made.texts, made.labels, np.repeat(blind, len(made.texts), axis=0))
    specialist, _ = fit(deaf)
    deaf_fresh = Made(fresh.texts, fresh.labels, np.repeat(blind, len(fresh.texts), axis=0))
    assert accuracy(specialist, deaf_fresh) > 0.9


def test_confidence_means_what_it_says() -> None:
    made = make(150, noise=0.6)
    specialist, report = fit(made)
    fresh = make(400, seed=11, noise=0.6)
    found = specialist.classify(fresh.vectors, fresh.texts)
    stated = np.mean([one.confidence for one in found])
    assert abs(stated - accuracy(specialist, fresh)) < 0.05
    assert report.calibration_error < 0.1


def test_trained_with_out_of_scope_cases_it_abstains_from_unseen_ones(
    scoped: tuple[SpecialistArtefact, TrainingReport],
) -> None:
    specialist, report = scoped
    assert specialist.knows_scope
    assert OUT_OF_SCOPE not in specialist.labels
    fresh = make(200, out_of_scope=200, seed=13)
    found = specialist.classify(fresh.vectors, fresh.texts)
    outside = [
        one.abstained
        for one, label in zip(found, fresh.labels, strict=True)
        if label == OUT_OF_SCOPE
    ]
    inside = [
        one.abstained
        for one, label in zip(found, fresh.labels, strict=True)
        if label != OUT_OF_SCOPE
    ]
    assert np.mean(outside) > 0.8
    assert np.mean(inside) < 0.06
    assert report.oos_recall is not None
    assert report.oos_recall > 0.8


def test_abstention_costs_no_more_in_scope_cases_than_allowed() -> None:
    made = make(60, out_of_scope=40, noise=0.7)
    _, strict = fit(made, most_lost=0.0)
    _, loose = fit(made, most_lost=0.2)
    assert strict.oos_recall is not None
    assert loose.oos_recall is not None
    assert strict.oos_recall <= loose.oos_recall
    assert strict.accuracy_unabstained - strict.accuracy <= 0.05


def test_without_out_of_scope_cases_it_never_abstains_unasked(
    plain: tuple[SpecialistArtefact, TrainingReport],
) -> None:
    specialist, report = plain
    fresh = make(50, out_of_scope=50, seed=5)
    assert not any(one.abstained for one in specialist.classify(fresh.vectors, fresh.texts))
    assert (report.oos_recall, specialist.knows_scope) == (None, False)


def test_the_artefact_records_what_it_was_trained_on(
    scoped: tuple[SpecialistArtefact, TrainingReport],
) -> None:
    training = scoped[0].document.training
    assert training.per_class == {"access": 60, "billing": 60, "shipping": 60, OUT_OF_SCOPE: 40}
    assert (training.n, training.cases_sha256, training.seed) == (220, "sha256:ab", 0)


def test_training_texts_are_not_in_the_artefact(
    scoped: tuple[SpecialistArtefact, TrainingReport], tmp_path: Path
) -> None:
    folder = tmp_path / scoped[0].save(tmp_path).removeprefix("sha256:")
    content = b"".join(file.read_bytes() for file in folder.iterdir())
    assert b"parcel" not in content


def test_two_labels_are_enough() -> None:
    made = make(20)
    rows = [row for row, label in enumerate(made.labels) if label != "shipping"]
    specialist, report = fit_specialist(
        [made.texts[row] for row in rows],
        [made.labels[row] for row in rows],
        made.vectors[rows],
        provenance=PROVENANCE,
    )
    assert specialist.labels == ("access", "billing")
    assert report.accuracy > 0.8
    half = Made(
        [made.texts[row] for row in rows], [made.labels[row] for row in rows], made.vectors[rows]
    )
    assert accuracy(specialist, half) > 0.9


def test_a_label_with_two_cases_is_learned() -> None:
    made = make(20)
    rows = [*range(40), 40, 41]
    specialist, report = fit_specialist(
        [made.texts[row] for row in rows],
        [made.labels[row] for row in rows],
        made.vectors[rows],
        provenance=PROVENANCE,
    )
    assert report.folds == 2
    assert "shipping" in specialist.labels


def test_progress_reaches_its_end() -> None:
    told: list[tuple[str, int, int]] = []
    made = make(6)
    fit_specialist(
        made.texts,
        made.labels,
        made.vectors,
        provenance=PROVENANCE,
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1][1] == told[-1][2]


def test_very_many_labels_stay_within_the_size_limit() -> None:
    n = 3_400
    labels = [f"label {row // 2}" for row in range(n)]
    cases = TrainingSet.of(labels, labels, np.zeros((n, 384), np.float32), seed=0)
    assert cases.buckets == 0
    few = TrainingSet.of(labels[:400], labels[:400], np.zeros((400, 384), np.float32), seed=0)
    assert (few.buckets + 384) * 200 * 4 <= 5_000_000 < (few.buckets + 385) * 200 * 4


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 4, "only 'a'"),
        (["oos"] * 4, "none as label"),
        (["a", "a", "b", "c"], "2 label\\(s\\) have fewer than 2 cases: 'b', 'c'"),
        (["a", "a", "b", "b", "oos"], "1 out-of-scope"),
    ],
)
def test_cases_that_cannot_be_learned_from_are_refused(labels: list[str], message: str) -> None:
    vectors = np.zeros((len(labels), 4), np.float32)
    with pytest.raises(InvalidRequest, match=message):
        fit_specialist(["x"] * len(labels), labels, vectors, provenance=PROVENANCE)


@pytest.mark.parametrize("shape", [(3, 4), (4,), (5, 4)])
def test_vectors_that_do_not_belong_to_the_texts_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequest, match="do not belong together"):
        fit_specialist(
            list("wxyz"), list("aabb"), np.zeros(shape, np.float32), provenance=PROVENANCE
        )


def test_vectors_that_are_not_finite_are_refused() -> None:
    broken = np.full((4, 3), np.inf, np.float32)
    with pytest.raises(InvalidRequest, match="finite"):
        fit_specialist(list("wxyz"), list("aabb"), broken, provenance=PROVENANCE)
