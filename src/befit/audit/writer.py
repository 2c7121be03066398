"""`GroupWriter`: one log opened for appending: builder, files and checkpoints together.

The synchronous half of the ledger; one thread uses it at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from befit.audit.chains import ChainHeads, DecisionKey
from befit.audit.checkpoint import write_checkpoint, write_heads
from befit.audit.events import Draft, Receipt
from befit.audit.group import GroupBuilder, LogState
from befit.audit.index import Batch, LogPosition
from befit.audit.keys import Keyring
from befit.audit.layout import LedgerPaths, LogFiles
from befit.audit.note import NoteError
from befit.audit.opening import Repair, read_state, repair_tail
from befit.audit.tail import Tail
from befit.errors import WorkspaceError

_CHECKPOINT_EVERY_EVENTS = 100_000

_log = logging.getLogger(__name__)


def open_writer(befit: Path, keyring: Keyring, *, log: str) -> tuple[GroupWriter, Repair | None]:
    """Open a log for appending, repairing a torn end.

    Raises:
        WorkspaceLocked: another process writes this log.
        WorkspaceError: the log is damaged, or the disk refuses.
    """
    paths = LedgerPaths(befit=befit)
    files = LogFiles(paths, log)
    try:
        state = read_state(paths, log, keyring.signer.verifier)
        repaired = repair_tail(paths, files, keyring, log=log, state=state)
        write_checkpoint(paths, log, state, keyring.signer)
        write_heads(paths, keyring.signer, log=log)
    except OSError as error:
        files.close()
        raise WorkspaceError(
            f"{paths.ledger} cannot be written: {error.strerror}",
            next_step="free space on the disk, or check it, and start again",
        ) from None
    except WorkspaceError:
        files.close()
        raise
    except NoteError as error:
        files.close()
        raise WorkspaceError(
            f"a checkpoint in {paths.ledger} is damaged: {error}",
            next_step="run `befit audit verify`, then restore the folder from a backup",
        ) from None
    return GroupWriter(paths, files, keyring, log=log, state=state), repaired


class GroupWriter:
    """One log's builder, files and checkpoints: the synchronous half of the ledger."""

    def __init__(
        self,
        paths: LedgerPaths,
        files: LogFiles,
        keyring: Keyring,
        *,
        log: str,
        state: LogState,
    ) -> None:
        self.log = log
        self.heads = ChainHeads()
        self.tail = Tail()
        self._paths = paths
        self._files = files
        self._signer = keyring.signer
        self._state = state
        self._builder = GroupBuilder(log, keyring=keyring, state=state, heads=self.heads)
        self._checkpointed = state.frontier.size
        self.durable = self._position()

    def write(
        self, drafts: Sequence[Draft], known: Mapping[DecisionKey, str]
    ) -> tuple[Receipt, ...]:
        """Build one group of the drafts, in order, and make it durable.

        Raises:
            OSError: nothing of it may be relied on; `give_up`, and write no more.
        """
        start = self.durable
        group = self._builder.build(drafts, known)
        self._files.write_group(group.sealed, group.leaves)
        durable = self._position()
        # Remembered first: whoever sees the new position finds its events in memory.
        self.tail.add(start, Batch(rows=group.rows, position=durable))
        self.durable = durable
        if self._state.frontier.size - self._checkpointed >= _CHECKPOINT_EVERY_EVENTS:
            self.write_checkpoint()
        return group.receipts

    def write_checkpoint(self) -> None:
        """Write the log's checkpoint for what is durable now."""
        write_checkpoint(self._paths, self.log, self._state, self._signer)
        self._checkpointed = self._state.frontier.size

    def give_up(self) -> None:
        """Take back what a failed group may have left in the files."""
        try:
            self._files.cut_back()
        except OSError as error:
            _log.error("the failed group could not be cut off: %s", error)

    def finish(self, *, is_sound: bool) -> str | None:
        """Write the checkpoints where the log is sound, and release the files.

        Returns:
            The checkpoint of checkpoints as written, None where the log is not sound.
        """
        try:
            if not is_sound:
                return None
            self.write_checkpoint()
            return write_heads(self._paths, self._signer, log=self.log)
        finally:
            self._files.close()

    def _position(self) -> LogPosition:
        return LogPosition(
            events=self._state.frontier.size,
            leaf_offset=self._files.leaf_end,
            sealed_offset=self._files.sealed_end,
        )
