"""`Child`: one parsing process, seen from its parent."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

import msgspec

from befit.knowledge.parsing.wire import LENGTH, MOST_FRAME_BYTES, Reply, Request, framed

_PIECE = 1 << 20
_START_S = 30.0
_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
_CPU_SIGNALS = {-signal.SIGXCPU}
_MEMORY_SIGNALS = {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS}


class ChildSlow(Exception):
    """It did not answer in time."""


class ChildDied(Exception):
    """It ended instead of answering; `reason` says what that tells of the file."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Child:
    """A process that reads one file after the other."""

    def __init__(self) -> None:
        life, self._life = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, own module
                # -P: nothing in the user's folder may shadow a module.
                [sys.executable, "-P", "-m", "befit.knowledge.parsing", str(life)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                pass_fds=(life,),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._life)
            raise
        finally:
            os.close(life)
        self._has_answered = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, request: Request, *, timeout_s: float) -> Reply:
        """Have a file read.

        Raises:
            ChildSlow: it took longer; end the child.
            ChildDied: it ended.
            msgspec.MsgspecError: it answered what is no reply.
        """
        started = 0.0 if self._has_answered else _START_S
        deadline = time.monotonic() + timeout_s + started
        try:
            self._send(framed(request))
            size = LENGTH.unpack(self._received(LENGTH.size, deadline))[0]
            if size > MOST_FRAME_BYTES:
                raise ChildDied("more comes out of it than is taken")
            reply = msgspec.msgpack.decode(self._received(size, deadline), type=Reply)
        except (BrokenPipeError, EOFError) as error:
            raise ChildDied(self._cause()) from error
        self._has_answered = True
        return reply

    def end(self) -> None:
        """End it now, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):  # of what it has not read
                    pipe.close()
        if self._life >= 0:
            os.close(self._life)
            self._life = -1

    def _send(self, data: bytes) -> None:
        if self._process.stdin is None:
            raise EOFError
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _received(self, size: int, deadline: float) -> bytes:
        if self._process.stdout is None:
            raise EOFError
        output = self._process.stdout.fileno()
        ready = select.poll()
        ready.register(output, select.POLLIN)
        parts: list[bytes] = []
        while size:
            left_ms = (deadline - time.monotonic()) * 1000
            if left_ms <= 0 or not ready.poll(left_ms):
                raise ChildSlow
            part = os.read(output, min(size, _PIECE))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _cause(self) -> str:
        code = self._process.wait()
        if code in _CPU_SIGNALS:
            return "it takes too long to read"
        if code in _MEMORY_SIGNALS:
            return "its reader died, as when memory runs out"
        return f"its reader ended with {code}"


def _environment() -> dict[str, str]:
    """Nothing secret, and native libraries that start no threads."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {
        **kept,
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }
