"""`FitJob`: what a fit is given and gives back, as files between two processes.

The caller writes a folder, the child reads it: JSON and numpy arrays, never a pickle.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from befit.inference.embedded.specialist import (
    Floats,
)
from befit.training.specialist import TrainingReport

_JOB = "job.json"
_VECTORS = "vectors.npy"
_RESULT = "result.json"


class FitJob(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `fit_specialist` is called with, but the vectors."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    workflow: str
    embedder: str
    cases_sha256: str
    seed: int
    most_lost: float
    artefacts: str


class FitResult(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted, saved specialist, or the error that the caller shall raise."""

    artefact: str | None = None
    labels: tuple[str, ...] = ()
    report: TrainingReport | None = None
    error: str | None = None
    next_step: str | None = None
    is_request: bool = False


class FitProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the child's standard output."""

    stage: str
    done: int
    total: int


def write_job(folder: Path, job: FitJob, vectors: Floats) -> None:
    """Put a job where the child finds it."""
    (folder / _JOB).write_bytes(msgspec.json.encode(job))
    np.save(folder / _VECTORS, vectors, allow_pickle=False)


def read_job(folder: Path) -> tuple[FitJob, Floats]:
    """Read what `write_job` wrote."""
    vectors: Floats = np.load(folder / _VECTORS, allow_pickle=False)
    return msgspec.json.decode((folder / _JOB).read_bytes(), type=FitJob), vectors


def write_result(folder: Path, result: FitResult) -> None:
    """Put a result where the caller finds it."""
    (folder / _RESULT).write_bytes(msgspec.json.encode(result))


def read_result(folder: Path) -> FitResult | None:
    """The child's result; None where it died before writing one."""
    try:
        content = (folder / _RESULT).read_bytes()
        return msgspec.json.decode(content, type=FitResult)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
