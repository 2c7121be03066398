"""The files of a specialist: `specialist.json` and three arrays, named by their hash.

No file is ever unpickled. Reading takes the bytes once, checks them against the hash,
and only then decodes them, so nothing can change in between.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from befit.errors import WorkspaceError
from befit.inference.embedded.specialist.ngrams import Floats
from befit.vocabulary import OUT_OF_SCOPE

_FORMAT = 1
_DOCUMENT = "specialist.json"
_ARRAYS = ("weights.npy", "bias.npy", "rarity.npy")
_NAMES = (_DOCUMENT, *_ARRAYS)
_MOST_BYTES = 256 * 1024 * 1024  # far above any real artefact; a bound on hostile ones
_RETRAIN = "train it again with `befit train`, or restore the folder from a backup"


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scales (inverse temperatures) of the two models' logits before they are added."""

    vectors: float
    ngrams: float


class Abstention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rule of abstention: a doubt, linear in `scope_features`, and its threshold.

    Attributes:
        out_of_scope: whether it was calibrated on out-of-scope cases; otherwise the
            doubt is the missing confidence.
    """

    out_of_scope: bool
    weights: tuple[float, float, float]
    bias: float
    threshold: float

    def doubt(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The doubt of each row of `scope_features`."""
        return features @ np.asarray(self.weights) + self.bias


class TrainingSummary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it was trained on and how it did on rows it had not seen.

    Attributes:
        accuracy: out-of-fold share of in-scope cases that got their label, abstentions
            counted as misses where the specialist abstains by itself.
        oos_recall: out-of-fold share of out-of-scope cases that were abstained from.
    """

    n: int
    per_class: dict[str, int]
    cases_sha256: str
    seed: int
    folds: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    oos_recall: float | None = None
    oos_recall_interval: tuple[float, float] | None = None


class SpecialistDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`specialist.json`."""

    format: int = _FORMAT
    workflow: str
    labels: tuple[str, ...]
    embedder: str
    dimensions: int
    ngram_buckets: int
    calibration: Calibration
    abstention: Abstention
    training: TrainingSummary

    @property
    def rows(self) -> int:
        """How many rows the weights have: the labels, and out of scope where known."""
        return len(self.labels) + int(self.abstention.out_of_scope)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtefactFiles:
    """The decoded, verified content of an artefact's folder."""

    document: SpecialistDocument
    weights: Floats
    bias: Floats
    rarity: Floats


def write_artefact(
    artefacts: Path,
    document: SpecialistDocument,
    *,
    weights: Floats,
    bias: Floats,
    rarity: Floats,
) -> str:
    """Write the folder `artefacts/<hex>` atomically and return `sha256:<hex>`."""
    encoded = msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=2)
    arrays = zip(_ARRAYS, (weights, bias, rarity), strict=True)
    files = {_DOCUMENT: encoded, **{name: _array_bytes(array) for name, array in arrays}}
    digest = _digest(files)
    target = artefacts / digest
    if target.is_dir():
        with contextlib.suppress(WorkspaceError):
            read_artefact(target, f"sha256:{digest}")
            return f"sha256:{digest}"
        shutil.rmtree(target)  # damaged: its bytes are not what its name promises
    try:
        artefacts.mkdir(mode=0o700, parents=True, exist_ok=True)
        _publish(files, target)
    except OSError as error:
        if not target.is_dir():  # where it is, another process saved the same content
            raise WorkspaceError(
                f"cannot write the specialist to {target}: {error.strerror}",
                next_step="check the disk's space and the folder's owner",
            ) from error
    return f"sha256:{digest}"


def read_artefact(path: Path, expected: str) -> ArtefactFiles:
    """Read, verify and decode an artefact's folder.

    Raises:
        WorkspaceError: missing, changed, truncated, or not an artefact of this format.
    """
    files = _read_files(path)
    found = f"sha256:{_digest(files)}"
    if found != expected:
        raise WorkspaceError(
            f"specialist {path} has changed: its content is {found}, expected {expected}",
            next_step=_RETRAIN,
        )
    document = _decoded_document(path, files[_DOCUMENT])
    shapes = (
        (document.dimensions + document.ngram_buckets, document.rows),
        (2, document.rows),
        (document.ngram_buckets,),
    )
    weights, bias, rarity = (
        _decoded_array(path / name, files[name], shape)
        for name, shape in zip(_ARRAYS, shapes, strict=True)
    )
    return ArtefactFiles(document=document, weights=weights, bias=bias, rarity=rarity)


def _read_files(path: Path) -> dict[str, bytes]:
    try:
        present = {entry.name: entry for entry in path.iterdir()}
    except OSError as error:
        raise WorkspaceError(
            f"cannot read the specialist at {path}: {error.strerror}", next_step=_RETRAIN
        ) from None
    if set(present) != set(_NAMES):
        wrong = ", ".join(sorted(set(present) ^ set(_NAMES)))
        raise WorkspaceError(
            f"{path} is not a specialist: missing or unexpected {wrong}", next_step=_RETRAIN
        )
    try:
        too_large = sum(entry.stat().st_size for entry in present.values()) > _MOST_BYTES
        if too_large:
            raise WorkspaceError(f"specialist {path} exceeds {_MOST_BYTES} bytes")
        return {name: present[name].read_bytes() for name in _NAMES}
    except OSError as error:
        raise WorkspaceError(
            f"cannot read the specialist at {path}: {error.strerror}", next_step=_RETRAIN
        ) from None


def _decoded_document(path: Path, content: bytes) -> SpecialistDocument:
    try:
        document = msgspec.json.decode(content, type=SpecialistDocument)
    except msgspec.DecodeError as error:
        raise WorkspaceError(f"{path / _DOCUMENT}: {error}", next_step=_RETRAIN) from None
    if document.format != _FORMAT:
        raise WorkspaceError(
            f"specialist {path} has format {document.format}, this Befit reads {_FORMAT}",
            next_step="train it again with this version of Befit",
        )
    labels = document.labels
    if len(labels) < 2 or len(set(labels)) < len(labels) or OUT_OF_SCOPE in labels:
        raise WorkspaceError(
            f"{path / _DOCUMENT}: labels must be two or more, distinct, none {OUT_OF_SCOPE!r}"
        )
    if document.dimensions < 1 or document.ngram_buckets < 0:
        raise WorkspaceError(f"{path / _DOCUMENT}: dimensions or ngram_buckets is negative")
    return document


def _decoded_array(path: Path, content: bytes, shape: tuple[int, ...]) -> Floats:
    try:
        loaded: object = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise WorkspaceError(f"{path} is not a numpy array: {error}", next_step=_RETRAIN) from None
    # A zip archive loads as something else than an array.
    array = cast("NDArray[np.generic]", loaded) if isinstance(loaded, np.ndarray) else None
    if array is None or array.dtype != np.float32 or array.shape != shape:
        raise WorkspaceError(f"{path} is not a float32 array of shape {shape}", next_step=_RETRAIN)
    floats = array.astype(np.float32)
    if not np.isfinite(floats).all():
        raise WorkspaceError(f"{path} holds a number that is not finite", next_step=_RETRAIN)
    return floats


def _array_bytes(array: Floats) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array, dtype=np.float32), allow_pickle=False)
    return buffer.getvalue()


def _digest(files: Mapping[str, bytes]) -> str:
    # Names and lengths are hashed too, so no byte can move from one file to another.
    digest = hashlib.sha256(b"befit/specialist/1\n")
    for name in _NAMES:
        digest.update(f"{name} {len(files[name])}\n".encode())
        digest.update(files[name])
    return digest.hexdigest()


def _publish(files: Mapping[str, bytes], target: Path) -> None:
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        for name, content in files.items():
            _write_durably(staging / name, content)
        _sync_folder(staging)
        staging.rename(target)
        _sync_folder(target.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # already gone once it is published


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
