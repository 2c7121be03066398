"""`ModelProcess`: the model process started, watched, restarted and stopped.

A crash in native code ends that process and the calls in it, nothing else; it is
started again with a growing delay. It is spawned, never forked, and it ends by itself
when the process that started it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from befit.errors import BefitError, ModelCrashed, ModelFailure, WeightsMissing
from befit.inference.embedded.client import EmbeddedProvider
from befit.inference.embedded.wire import Boot, Status, frame

_log = logging.getLogger(__name__)

_POLL_S = 0.05
_STATUS_TIMEOUT_S = 5.0
_STOP_S = 5.0
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 10.0
_STEADY_S = 60.0
_LOG_TAIL_BYTES = 2_000
_MOST_DEFAULT_THREADS = 8


def usual_threads() -> int:
    """Half the cores this process may use: the other half answers requests."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, min(_MOST_DEFAULT_THREADS, cores // 2))


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelProcessSettings:
    """What the model process serves and where.

    Attributes:
        socket: usually `.befit/run/models.sock`; any length of path.
        log: the file its output is appended to.
        artefacts: the folder of specialists by hash.
        generators, embedders: weights loaded before it counts as ready; others are
            loaded by the first call that names them.
        threads: for generation and embedding each; None is half the cores.
        context_tokens: of one answer, input and output together (of each slot).
        ready_timeout_s: how long loading may take.
    """

    socket: Path
    log: Path
    artefacts: Path
    generators: tuple[str, ...] = ()
    embedders: tuple[str, ...] = ()
    threads: int | None = None
    slots: int = 4
    context_tokens: int = 4096
    ready_timeout_s: float = 120.0


class ModelProcess:
    """One model process of a workspace.

    async with ModelProcess(settings, boot_key=key):
        provider = EmbeddedProvider(settings.socket)
        ...
    """

    def __init__(self, settings: ModelProcessSettings, *, boot_key: bytes) -> None:
        self._settings = settings
        self._boot_key = boot_key
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        running = self._process and self._process.returncode is None
        return self._process.pid if self._process and running else None

    async def start(self) -> None:
        """Start it and wait until what the settings name is loaded; then watch it.

        Raises:
            WeightsMissing: naming the `befit pull` that brings them.
            ModelCrashed, ModelFailure: it ended or could not load; carries its last words.
        """
        self._stopping = False
        self._process = await self._spawned()
        try:
            await self._ready(self._process)
        except BaseException:
            await self.stop()
            raise
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Ask it to end, end it after a grace period, and take its socket away."""
        self._stopping = True
        if self._watching:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        if self._process:
            await _ended(self._process)
        self._settings.socket.unlink(missing_ok=True)

    async def __aenter__(self) -> ModelProcess:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _spawned(self) -> asyncio.subprocess.Process:
        settings = self._settings
        folder = settings.socket.parent
        for needed in (folder, settings.log.parent):
            needed.mkdir(parents=True, exist_ok=True, mode=0o700)
        boot = Boot(
            boot_key=self._boot_key,
            folder=str(folder.resolve()),
            socket_name=settings.socket.name,
            artefacts=str(settings.artefacts.resolve()),
            generators=settings.generators,
            embedders=settings.embedders,
            threads=settings.threads or usual_threads(),
            slots=settings.slots,
            context_tokens=settings.context_tokens,
        )
        descriptor = os.open(settings.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # nothing in the user's folder may shadow a module
                "-m",
                "befit.inference.embedded",
                stdin=asyncio.subprocess.PIPE,
                stdout=descriptor,
                stderr=descriptor,
                env=_environment(boot.threads),
                start_new_session=True,  # Ctrl-C is the supervisor's to handle
            )
        finally:
            os.close(descriptor)
        if process.stdin is None:
            raise ModelFailure("the model process has no standard input")
        with contextlib.suppress(ConnectionError):  # `_ready` tells why it died
            process.stdin.write(frame(0, boot))
            await process.stdin.drain()
        return process

    async def _ready(self, process: asyncio.subprocess.Process) -> Status:
        deadline = time.monotonic() + self._settings.ready_timeout_s
        provider = EmbeddedProvider(self._settings.socket)
        try:
            while time.monotonic() < deadline:
                if process.returncode is not None:
                    raise ModelCrashed(
                        f"the model process ended with {process.returncode} while it loaded: "
                        f"{self._last_words()}",
                        next_step=f"see {self._settings.log}",
                    )
                status = await _status(provider)
                # A socket left by an earlier process may still answer for a moment.
                if status and status.pid == process.pid:
                    if status.failure:
                        raise _load_failure(status)
                    if status.ready:
                        return status
                await asyncio.sleep(_POLL_S)
        finally:
            await provider.close()
        raise ModelFailure(
            f"the models were not loaded within {self._settings.ready_timeout_s:.0f} s",
            next_step=f"see {self._settings.log}",
        )

    async def _watch(self) -> None:
        delay = _FIRST_DELAY_S
        while self._process and not self._stopping:
            started = time.monotonic()
            code = await self._process.wait()
            if time.monotonic() - started > _STEADY_S:
                delay = _FIRST_DELAY_S
            _log.error("the model process ended with %s; restarting in %.1f s", code, delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY_S)
            try:
                self._process = await self._spawned()
                self.restarts += 1
                await self._ready(self._process)
            except (BefitError, OSError) as error:
                _log.error("the model process is not ready: %s", error)
                await _ended(self._process)

    def _last_words(self) -> str:
        try:
            said = self._settings.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
        except OSError:
            return "it left no log"
        return " / ".join(line.strip() for line in said.splitlines()[-3:] if line.strip())


def _environment(threads: int) -> dict[str, str]:
    # Caps that native libraries read when they are loaded, and fewer malloc arenas: each
    # thread's own would keep what a burst has freed.
    caps = {name: str(threads) for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")}
    return {
        **os.environ,
        **caps,
        "TOKENIZERS_PARALLELISM": "false",
        "MALLOC_ARENA_MAX": "2",
        # onnxruntime's wheels send usage data to its maker unless told not to before they
        # are loaded (its Privacy.md); nothing leaves the machine by default.
        "ORT_DISABLE_TELEMETRY": "1",
    }


async def _status(provider: EmbeddedProvider) -> Status | None:
    try:
        return await provider.status(_STATUS_TIMEOUT_S)
    except ModelFailure:
        return None


def _load_failure(status: Status) -> BefitError:
    failure = status.failure
    if failure is None:
        return ModelFailure("loading failed")
    kind = WeightsMissing if failure.code == WeightsMissing.code else ModelFailure
    return kind(failure.message, next_step=failure.next_step)


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
