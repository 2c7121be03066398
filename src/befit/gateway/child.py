"""`GatewayChild`: one gateway process as the supervisor holds it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from befit.errors import BefitError
from befit.gateway.control_wire import ReportedError
from befit.gateway.orders import Order, Report

_KILL_AFTER_S = 5.0
"""What a process gets beyond its drain to write checkpoints before it is killed."""


class GatewayChild:
    """A started gateway process; it ends by itself when this process dies."""

    def __init__(self, process: asyncio.subprocess.Process, report: Report) -> None:
        self._process = process
        self.report = report

    @classmethod
    async def start(cls, order: Order, listener: socket.socket, log: Path) -> GatewayChild:
        """Start one and wait until it serves.

        Raises:
            BefitError: as the process reports it, or that it ended without a word.
        """
        process = await _spawned(listener, log)
        if process.stdin is None or process.stdout is None:
            raise BefitError("the gateway process was started without pipes")
        try:
            with suppress(ConnectionError):  # how it ended is told below
                process.stdin.write(msgspec.json.encode(order) + b"\n")
                await process.stdin.drain()
            line = await process.stdout.readline()
            return cls(process, _read_report(line, log))
        except BaseException:
            await _ended(process, 0.0)
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def wait(self, tell: Callable[[str], None]) -> int:
        """Wait for it to end, passing on what it notices; its exit code, negative for a signal."""
        if self._process.stdout is not None:
            async for line in self._process.stdout:
                notice = msgspec.json.decode(line, type=Report).notice
                if notice is not None:
                    tell(notice)
        return await self._process.wait()

    def hurry(self) -> None:
        """Ask it to stop; asked again, it ends what is still under way."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    async def stop(self, drain_s: float) -> None:
        """Stop it, and kill it where it takes much longer than it may."""
        if self._process.returncode is None:
            self.hurry()
        await _ended(self._process, drain_s + _KILL_AFTER_S)


def _read_report(line: bytes, log: Path) -> Report:
    if not line:
        raise BefitError("the gateway process ended before it served", next_step=f"see {log}")
    report = msgspec.json.decode(line, type=Report)
    if report.error is not None:
        raise ReportedError(report.error)
    return report


async def _spawned(listener: socket.socket, log: Path) -> asyncio.subprocess.Process:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing in the user's folder may shadow a module
            "-m",
            "befit.gateway",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=descriptor,
            pass_fds=(listener.fileno(),),
            start_new_session=True,  # Ctrl-C is the supervisor's to handle
            # Threads of numeric libraries would only sit beside the event loop, and each
            # thread's own malloc arena keeps what a burst has freed.
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
                "MALLOC_ARENA_MAX": "2",
            },
        )
    finally:
        os.close(descriptor)


async def _ended(process: asyncio.subprocess.Process, patience_s: float) -> None:
    try:
        async with asyncio.timeout(patience_s):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
