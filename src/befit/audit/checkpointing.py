"""`Checkpointer`: signed checkpoints at an interval and on demand, kept in three places.

In the ledger's folder, in the database, and where `audit.checkpoint_file` says: off the
machine, so that whoever takes over the machine cannot put back an older ledger unseen. A
place that refuses is told loudly and tried again; serving goes on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from befit.audit.checkpoint_store import CheckpointStore
from befit.audit.held import append_note
from befit.audit.index import LogPosition
from befit.audit.ledger import FileLedger
from befit.errors import BefitError

_LOOK_EVERY_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointPlan:
    """How often checkpoints are written, and where to beside the ledger and the database.

    Attributes:
        every_s: 0 only when stopping.
        file: a file that each one is appended to.
    """

    every_s: float
    file: Path | None


class Checkpointer:
    """Takes checkpoints of one ledger and keeps each in all its places.

    Attributes:
        problem: why the last one is not in all its places; None while all is well.
    """

    def __init__(
        self, ledger: FileLedger, store: CheckpointStore, plan: Callable[[], CheckpointPlan]
    ) -> None:
        self.problem: str | None = None
        self._ledger = ledger
        self._store = store
        self._plan = plan
        self._taken: dict[str, LogPosition] = {}
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Take one whenever it is due and something was appended, until cancelled."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            every_s = self._plan().every_s
            if not every_s or time.monotonic() < last + every_s:
                continue
            last = time.monotonic()
            if self.problem is None and self._ledger.durable_sizes() == self._taken:
                continue
            try:
                await self.take()
            except BefitError as error:
                self._tell(f"{error}")

    async def take(self) -> str:
        """Take one now; the checkpoint of checkpoints, signed.

        Raises:
            LedgerUnavailable: it could not be written beside the ledger.
        """
        async with self._turn:
            sizes = self._ledger.durable_sizes()
            note = await self._ledger.checkpoint()
            await self.keep(note)
            self._taken = sizes
        return note

    async def keep(self, note: str) -> None:
        """Copy a checkpoint to the places apart from the ledger; never raises for them."""
        problems: list[str] = []
        try:
            await self._store.keep(note)
        except BefitError as error:
            problems.append(f"the database's copy of the checkpoint: {error}")
        file = self._plan().file
        if file is not None:
            try:
                await asyncio.to_thread(append_note, file, note)
            except OSError as error:
                problems.append(f"{file} cannot take the checkpoint: {error.strerror or error}")
        if problems:
            self._tell("; ".join(problems))
        else:
            self.problem = None

    def _tell(self, problem: str) -> None:
        _log.error("a checkpoint is not in all its places: %s", problem)
        self.problem = problem
