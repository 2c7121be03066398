"""`shown_progress`: how far a long command has come, on stderr.

A bar on a terminal; a line now and then where stderr is piped. Where nobody knows how much
there is, the count and the rate are shown.

    with shown_progress() as progress:
        progress("embed", 64, 400)
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from befit.cli.output import say
from befit.vocabulary import Progress

_LINE_EVERY_S = 5.0


@contextmanager
def shown_progress(*, what: str = "", in_bytes: bool = False) -> Generator[Progress]:
    """Show the progress that is told within the block.

    Args:
        what: stands before each stage, such as the name of what is pulled.
        in_bytes: steps are bytes.
    """
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    steps: tuple[ProgressColumn, ...] = (
        (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(), _Rate())
    )
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        *steps,
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bars:
        yield _Bars(bars, what)


class _Rate(ProgressColumn):
    """Steps a second, where it cannot be told how long it takes."""

    def render(self, task: Task) -> Text:
        """The rate of the last half minute."""
        return Text("" if task.total is not None else f"{task.speed or 0:,.1f}/s")


class _Bars:
    """One bar a stage; told from any thread."""

    def __init__(self, bars: Bars, what: str) -> None:
        self._bars = bars
        self._what = what
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int) -> None:
        with self._lock:
            task = self._tasks.get(stage)
            if task is None:
                title = f"{self._what} {stage}".strip()
                task = self._tasks[stage] = self._bars.add_task(title, total=total or None)
            self._bars.update(task, completed=done, total=total or None)


class _Lines:
    """A line at each stage's end, and every few seconds of a long one."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._said: dict[str, tuple[float, int]] = {}
        self._began: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if not total:
            self._counted(stage, done, now)
            return
        at, percent_said = self._said.setdefault(stage, (now, -1))
        percent = 100 * done // total
        is_end = done >= total
        if percent == percent_said or not (is_end or now - at >= _LINE_EVERY_S):
            return
        self._said[stage] = (now, percent)
        say(f"{self._what} {stage}: {percent}%".strip())

    def _counted(self, stage: str, done: int, now: float) -> None:
        began, first = self._began.setdefault(stage, (now, done))
        at, said = self._said.setdefault(stage, (now, -1))
        if done == said or now - at < _LINE_EVERY_S:
            return
        self._said[stage] = (now, done)
        say(f"{self._what} {stage}: {done:,} ({(done - first) / (now - began):,.1f}/s)".strip())
