"""Fitting in a child process, so that no event loop waits for it.

The child is started afresh (never forked after a model was loaded), runs at low
priority, and is killed when the awaiting task is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from befit.errors import BefitError, InvalidRequest
from befit.inference.embedded.specialist import (
    Floats,
)
from befit.training.fit_job import FitJob, FitProgress, FitResult, read_result, write_job
from befit.training.specialist import TrainingReport
from befit.vocabulary import Progress, silent

_MODULE = "befit.training.fit_process"
_LAST_WORDS = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A saved specialist: its reference `sha256:<hex>`, labels and report."""

    artefact: str
    labels: tuple[str, ...]
    report: TrainingReport


class FitFailed(BefitError):
    """The child process died or could not save; the cases are not at fault."""

    code = "training_failed"
    retry = True


async def fit_in_child(job: FitJob, vectors: Floats, *, progress: Progress = silent) -> Fitted:
    """Fit and save a specialist in a child process.

    Cancelling the task kills the child; what was saved by then stays valid.

    Raises:
        InvalidRequest: as `fit_specialist`.
        FitFailed: the child died (out of memory, for one) or could not write.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="befit-fit-"))
    try:
        await asyncio.to_thread(write_job, folder, job, vectors)
        last_words = await _run(folder, progress)
        result = await asyncio.to_thread(read_result, folder)
    finally:
        # Not awaited: a second cancellation must not leave the texts on the disk.
        shutil.rmtree(folder, ignore_errors=True)
    return _fitted(result, last_words)


async def _run(folder: Path, progress: Progress) -> str:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _MODULE,
        str(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, last_words, _ = await asyncio.gather(
            _follow(child, progress), _drain(child.stderr), child.wait()
        )
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        if child.stdin is not None:
            child.stdin.close()
    return f"exit code {child.returncode}: {last_words}".strip(": ")


async def _follow(child: asyncio.subprocess.Process, progress: Progress) -> None:
    if child.stdout is None:
        return
    async for line in child.stdout:
        with contextlib.suppress(msgspec.DecodeError):  # a library's own words
            told = msgspec.json.decode(line, type=FitProgress)
            progress(told.stage, told.done, told.total)


async def _drain(stream: asyncio.StreamReader | None) -> str:
    if stream is None:
        return ""
    tail = b""
    while part := await stream.read(65_536):
        tail = (tail + part)[-_LAST_WORDS:]
    lines = tail.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _fitted(result: FitResult | None, last_words: str) -> Fitted:
    if result is None:
        raise FitFailed(
            f"the training process died with {last_words}",
            next_step="free memory and run the command again",
        )
    if result.error is not None:
        kind = InvalidRequest if result.is_request else FitFailed
        raise kind(result.error, next_step=result.next_step)
    if result.artefact is None or result.report is None:
        raise FitFailed("the training process left no artefact")
    return Fitted(artefact=result.artefact, labels=result.labels, report=result.report)
