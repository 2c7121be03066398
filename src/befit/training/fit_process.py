"""The child process that fits: `python -m befit.training.fit_process FOLDER`.

It reads a job from the folder, prints progress as JSON lines, saves the artefact and
leaves a result. It runs at low priority and ends when its caller does, which it notices
by the end of its standard input.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import msgspec

from befit.errors import BefitError, InvalidRequest
from befit.training.fit_job import FitProgress, FitResult, read_job, write_result
from befit.training.specialist import FitRules, Provenance, fit_specialist

_NICENESS = 10


def main(folder: Path) -> None:
    """Fit the job in `folder`."""
    os.nice(_NICENESS)
    threading.Thread(target=_end_with_caller, daemon=True).start()
    write_result(folder, _fit(folder))


def _fit(folder: Path) -> FitResult:
    job, vectors = read_job(folder)
    try:
        artefact, report = fit_specialist(
            job.texts,
            job.labels,
            vectors,
            provenance=Provenance(
                workflow=job.workflow, embedder=job.embedder, cases_sha256=job.cases_sha256
            ),
            rules=FitRules(seed=job.seed, most_lost=job.most_lost),
            progress=_print_progress,
        )
        reference = artefact.save(Path(job.artefacts))
    except BefitError as error:
        return FitResult(
            error=error.message,
            next_step=error.next_step,
            is_request=isinstance(error, InvalidRequest),
        )
    return FitResult(artefact=reference, labels=artefact.labels, report=report)


def _print_progress(stage: str, done: int, total: int) -> None:
    line = msgspec.json.encode(FitProgress(stage=stage, done=done, total=total))
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _end_with_caller() -> None:
    # Read raw: a thread inside a buffered reader aborts the interpreter at its end.
    while os.read(0, 4096):
        pass
    os._exit(1)  # nobody waits for a result any more


if __name__ == "__main__":
    main(Path(sys.argv[1]))
