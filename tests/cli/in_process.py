"""A command without a process of its own: the same call as `befit`'s, with its own streams.

Loading what a command uses takes most of its time; a test process has loaded it already.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from befit.cli.main import main


def can_run_here() -> bool:
    """Whether streams and folder, of which a process has one each, may be changed for a while."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return threading.current_thread() is threading.main_thread()
    return False


def run_here(
    arguments: Sequence[str], *, folder: Path, environ: Mapping[str, str], stdin: str
) -> tuple[int, str, str]:
    """Run `befit ARGUMENTS`; its exit code and what it wrote to both streams."""
    out, err = _stream(), _stream()
    code: object = None
    with (
        chdir(folder),
        _environ(environ),
        _stdin(stdin),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return code, _written(out), _written(err)


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@contextmanager
def _environ(wanted: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _stdin(text: str) -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    try:
        yield
    finally:
        sys.stdin = before
