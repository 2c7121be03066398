"""What the parsing process takes from itself before it opens a stranger's file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import sys

_NICER = 5
_MOST_WRITTEN = 1 << 20
_GRACE_S = 5


def confine(memory_bytes: int) -> None:
    """Bound memory and written files, leave no core dump, give way to others."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, _MOST_WRITTEN),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        bounded = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS bounds no address space
            resource.setrlimit(what, (bounded, bounded))
    os.nice(_NICER)


def bound_cpu(seconds: float) -> None:
    """Let the kernel end this process when it has worked so much longer than by now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + _GRACE_S
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def end_with(pipe: int) -> None:
    """Let the kernel end this process when the other end of a pipe closes: the parent's.

    A signal needs no thread that gets its turn: it also ends a process that is deep in
    native code. Nothing is ever written to the pipe.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    watched = select.poll()
    watched.register(pipe, select.POLLIN)
    if watched.poll(0):  # it closed before anybody watched
        os._exit(0)


def resident_bytes() -> int:
    """How much memory this process holds; 0 where the system does not tell cheaply."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm", "rb") as told:  # noqa: PTH123 - a counter, not a file
        return int(told.read().split()[1]) * resource.getpagesize()
