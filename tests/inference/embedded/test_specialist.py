from __future__ import annotations

import io
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import InvalidRequest, WorkspaceError
from befit.inference.embedded.specialist import (
    SpecialistArtefact,
    count_ngrams,
    dot,
    rarity_of,
    weigh,
)
from befit.inference.embedded.specialist.files import (
    Abstention,
    Calibration,
    SpecialistDocument,
    TrainingSummary,
    write_artefact,
)

LABELS = ("access", "billing", "shipping")
DIMENSIONS, BUCKETS = 8, 64
FILES = ("specialist.json", "weights.npy", "bias.npy", "rarity.npy")


def artefact(*, out_of_scope: bool = False, seed: int = 0) -> SpecialistArtefact:
    draws = np.random.default_rng(seed)
    rows = len(LABELS) + out_of_scope
    weights = (0.0, 0.0, 1.0) if out_of_scope else (-1.0, 0.0, 0.0)
    document = SpecialistDocument(
        workflow="triage",
        labels=LABELS,
        embedder="minilm-l6",
        dimensions=DIMENSIONS,
        ngram_buckets=BUCKETS,
        calibration=Calibration(vectors=1.5, ngrams=0.5),
        abstention=Abstention(
            out_of_scope=out_of_scope,
            weights=weights,
            bias=0.0 if out_of_scope else 1.0,
            threshold=-2.0 if out_of_scope else 0.4,
        ),
        training=TrainingSummary(
            n=30,
            per_class=dict.fromkeys(LABELS, 10),
            cases_sha256="sha256:00",
            seed=seed,
            folds=5,
            accuracy=0.9,
            accuracy_interval=(0.8, 0.95),
        ),
    )
    return SpecialistArtefact(
        document=document,
        weights=draws.normal(size=(DIMENSIONS + BUCKETS, rows)).astype(np.float32),
        bias=draws.normal(size=(2, rows)).astype(np.float32),
        rarity=draws.uniform(1, 3, size=BUCKETS).astype(np.float32),
    )


def vectors(n: int, seed: int = 1) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(n, DIMENSIONS))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


TEXTS = ("where is my parcel", "I cannot log in", "", "the invoice is wrong, twice")


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, str]:
    reference = artefact().save(tmp_path)
    return tmp_path / reference.removeprefix("sha256:"), reference


def test_what_is_loaded_classifies_as_what_was_saved(saved: tuple[Path, str]) -> None:
    loaded = SpecialistArtefact.load(*saved)
    assert loaded.labels == LABELS
    assert loaded.embedder == "minilm-l6"
    rows = vectors(len(TEXTS))
    assert loaded.classify(rows, TEXTS) == artefact().classify(rows, TEXTS)


def test_artefacts_are_named_by_their_content(tmp_path: Path) -> None:
    one, same, other = artefact().save(tmp_path), artefact().save(tmp_path), artefact(seed=9)
    assert one == same != other.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {one.removeprefix("sha256:"), other.save(tmp_path).removeprefix("sha256:")}
    )


def test_only_the_owner_can_read_it(saved: tuple[Path, str]) -> None:
    path, _ = saved
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o600}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flip", "truncate", "append", "empty"])
def test_any_changed_byte_is_refused(saved: tuple[Path, str], name: str, damage: str) -> None:
    path, reference = saved
    content = (path / name).read_bytes()
    middle = len(content) // 2
    (path / name).write_bytes(
        {
            "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "truncate": content[:middle],
            "append": content + b"\n",
            "empty": b"",
        }[damage]
    )
    with pytest.raises(WorkspaceError, match="has changed"):
        SpecialistArtefact.load(path, reference)


def test_saving_again_repairs_a_damaged_folder(saved: tuple[Path, str]) -> None:
    path, reference = saved
    (path / "bias.npy").write_bytes(b"")
    assert artefact().save(path.parent) == reference
    assert SpecialistArtefact.load(path, reference).labels == LABELS


def test_a_missing_file_is_named(saved: tuple[Path, str]) -> None:
    path, reference = saved
    (path / "weights.npy").unlink()
    with pytest.raises(WorkspaceError, match=r"weights\.npy"):
        SpecialistArtefact.load(path, reference)


def test_an_extra_file_is_named(saved: tuple[Path, str]) -> None:
    path, reference = saved
    (path / "extra.pkl").write_bytes(b"x")
    with pytest.raises(WorkspaceError, match=r"extra\.pkl"):
        SpecialistArtefact.load(path, reference)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="nowhere"):
        SpecialistArtefact.load(tmp_path / "nowhere", "sha256:00")


def test_another_artefacts_hash_is_refused(saved: tuple[Path, str], tmp_path: Path) -> None:
    other = artefact(seed=5).save(tmp_path)
    with pytest.raises(WorkspaceError, match="has changed"):
        SpecialistArtefact.load(saved[0], other)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("touch exploded",))


def rehashed(path: Path) -> str:
    """The reference under which a tampered folder would pass the hash: a hostile author's."""
    from befit.inference.embedded.specialist import files

    contents = {name: (path / name).read_bytes() for name in FILES}
    return f"sha256:{files._digest(contents)}"


def test_a_pickle_inside_an_array_is_never_run(
    saved: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, _ = saved
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb()], dtype=object), allow_pickle=True)
    (path / "weights.npy").write_bytes(buffer.getvalue())
    with pytest.raises(WorkspaceError, match=r"weights\.npy is not a numpy array"):
        SpecialistArtefact.load(path, rehashed(path))
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("weights.npy", np.zeros((DIMENSIONS, 3), np.float32)),
        ("weights.npy", np.zeros((DIMENSIONS + BUCKETS, 3), np.float64)),
        ("bias.npy", np.full((2, 3), np.nan, np.float32)),
        ("rarity.npy", np.zeros((), np.float32)),
    ],
)
def test_a_wrong_array_is_named(saved: tuple[Path, str], name: str, array: np.ndarray) -> None:
    path, _ = saved
    np.save(path / name, array)
    with pytest.raises(WorkspaceError, match=name):
        SpecialistArtefact.load(path, rehashed(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "format 99"),
        ({"labels": ["only"]}, "labels"),
        ({"labels": ["a", "a", "b"]}, "labels"),
        ({"labels": ["a", "b", "oos"]}, "labels"),
        ({"dimensions": -1}, "dimensions"),
        ({"surprise": 1}, "surprise"),
        ({"calibration": {"vectors": "x", "ngrams": 1}}, "vectors"),
    ],
)
def test_a_wrong_document_is_explained(
    saved: tuple[Path, str], change: dict[str, object], message: str
) -> None:
    path, _ = saved
    document = json.loads((path / "specialist.json").read_text()) | change
    (path / "specialist.json").write_text(json.dumps(document))
    with pytest.raises(WorkspaceError, match=message):
        SpecialistArtefact.load(path, rehashed(path))


@given(st.lists(st.text(max_size=40), max_size=12), st.integers(0, 5), st.booleans())
def test_every_text_gets_one_distribution_over_all_labels(
    texts: list[str], seed: int, out_of_scope: bool
) -> None:
    specialist = artefact(out_of_scope=out_of_scope, seed=seed)
    found = specialist.classify(vectors(len(texts)), texts)
    assert len(found) == len(texts)
    for one in found:
        assert sorted(one.labels) == sorted(LABELS)
        assert sum(one.probabilities) == pytest.approx(1)
        assert list(one.probabilities) == sorted(one.probabilities, reverse=True)


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=600), st.integers(1, 600))
def test_a_text_is_judged_alike_in_any_batch(texts: list[str], at: int) -> None:
    at = min(at, len(texts)) - 1
    rows = vectors(len(texts))
    alone = artefact().classify(rows[at : at + 1], texts[at : at + 1])[0]
    among = artefact().classify(rows, texts)[at]
    assert alone.label == among.label
    assert alone.confidence == pytest.approx(among.confidence, abs=1e-5)


def test_it_abstains_by_itself_only_when_trained_with_out_of_scope_cases() -> None:
    texts = TEXTS * 20
    rows = vectors(len(texts))
    knowing, plain = artefact(out_of_scope=True), artefact()
    assert any(found.abstained for found in knowing.classify(rows, texts))
    assert not any(found.abstained for found in knowing.classify(rows, texts, abstain=False))
    assert not any(found.abstained for found in plain.classify(rows, texts))
    assert knowing.least_confidence is None


def test_asked_to_abstain_it_does_so_below_the_calibrated_confidence() -> None:
    texts = TEXTS * 20
    plain = artefact()
    assert plain.least_confidence == pytest.approx(0.6)
    for found in plain.classify(vectors(len(texts)), texts, abstain=True):
        assert found.abstained == (found.confidence <= 0.6)


@pytest.mark.parametrize("shape", [(2, DIMENSIONS), (1, DIMENSIONS + 1), (DIMENSIONS,)])
def test_vectors_of_another_embedder_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequest, match="embed with minilm-l6"):
        artefact().classify(np.zeros(shape, np.float32), ["one text"])


def test_vectors_that_are_not_finite_are_refused() -> None:
    broken = np.full((1, DIMENSIONS), np.nan, np.float32)
    with pytest.raises(InvalidRequest, match="finite"):
        artefact().classify(broken, ["one text"])


def test_a_full_disk_leaves_no_half_artefact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    one = artefact()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WorkspaceError, match="No space left"):
        write_artefact(
            tmp_path, one.document, weights=one.weights, bias=one.bias, rarity=one.rarity
        )
    assert list(tmp_path.iterdir()) == []


def test_classifying_needs_no_scikit_learn() -> None:
    # Whatever else the model process loads, the specialist must not pull this in.
    code = "import sys, befit.inference.embedded.specialist; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_ngrams_are_the_same_on_every_machine() -> None:
    rows = count_ngrams(["Late parcel"], 6144)
    assert rows.starts.tolist() == [0, 23]
    assert int(rows.buckets.sum()) == 66_388


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_weighed_rows_have_length_one_or_nothing(texts: list[str]) -> None:
    rows = count_ngrams(texts, 128)
    weighed = weigh(rows, rarity_of(rows, 128))
    for row in range(len(weighed)):
        part = weighed.values[weighed.starts[row] : weighed.starts[row + 1]]
        assert np.linalg.norm(part) == pytest.approx(1 if len(part) else 0, abs=1e-5)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_sparse_product_equals_the_dense_one(texts: list[str]) -> None:
    rows = count_ngrams(texts, 32)
    dense = np.zeros((len(rows), 32), np.float32)
    for row in range(len(rows)):
        part = slice(rows.starts[row], rows.starts[row + 1])
        dense[row, rows.buckets[part]] = rows.values[part]
    weights = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    assert dot(rows, weights) == pytest.approx(dense @ weights, abs=1e-4)


def test_a_copied_artefact_is_as_good_as_the_original(
    saved: tuple[Path, str], tmp_path: Path
) -> None:
    path, reference = saved
    shutil.copytree(path, tmp_path / "copy")
    assert SpecialistArtefact.load(tmp_path / "copy", reference).labels == LABELS
