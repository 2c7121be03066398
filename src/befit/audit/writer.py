"""`GroupWriter`: one log opened for appending: builder, files and checkpoints together.

The synchronous half of the ledger; one thread uses it at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from befit.audit.chains import ChainHeads, DecisionKey
from befit.audit.checkpoint import write_checkpoint, write_heads
from befit.audit.events import Draft, Receipt
from befit.audit.group import GroupBuilder, LogState
from befit.audit.index import Batch, LogPosition
from befit.audit.key_chain import Endorsement, KeyChain
from befit.audit.keys import Keyring
from befit.audit.layout import LedgerPaths, LogFiles
from befit.audit.note import NoteError
from befit.audit.opening import Repair, read_state, repair_tail, resumption_draft
from befit.audit.rotation import (
    endorse,
    head_of,
    next_signer,
    other_heads,
    rotation_draft,
    rotation_lock,
    settle_rotation,
)
from befit.audit.signing_key import load_signer
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
        with rotation_lock(befit):
            settle_rotation(befit, keyring.chain)
        state = read_state(paths, log, keyring.chain)
        repaired = repair_tail(paths, files, keyring, log=log, state=state)
        write_checkpoint(paths, log, state, keyring.signer)
        write_heads(paths, keyring.signer, keyring.chain, log=log)
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
    """One log's builder, files and checkpoints: the synchronous half of the ledger.

    Attributes:
        durable: how far the log is durable.
    """

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
        self._adopt(keyring, state)
        self._checkpointed = state.frontier.size
        self.durable = self._position()

    @property
    def keys(self) -> KeyChain:
        """The keys that signed the ledger so far."""
        return self._keyring.chain

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
            self._checkpoint_in_passing()
        return group.receipts

    def checkpoint(self) -> str:
        """Write the log's checkpoint for what is durable now, and the one over all logs.

        Returns:
            The checkpoint of checkpoints, signed.

        Raises:
            OSError: a former one is still there; the log is whole.
            NoteError: another log's checkpoint is damaged.
        """
        self._write_checkpoint()
        return write_heads(self._paths, self._keyring.signer, self.keys, log=self.log)

    def rotate_key(self, *, by: str, policy: str) -> KeyChain:
        """Have the next key take over from this one, in steps that a crash may cut.

        Raises:
            Conflict: another process writes a log; nothing has changed.
            OSError: it is not known which key signs; `give_up`, then `resume`.
        """
        befit, old = self._paths.befit, self._keyring.signer
        with rotation_lock(befit), other_heads(self._paths, self.log, self.keys) as others:
            new = next_signer(befit, old)
            self.write([rotation_draft(old.verifier, new.verifier, by=by, policy=policy)], {})
            heads = (*others, head_of(self.log, self._state))
            ordered = tuple(sorted(heads, key=lambda head: int(head.log)))
            endorsement = Endorsement.signed(old, new, ordered)
            chain = endorse(self._paths, self.keys, endorsement, log=self.log)
            self._adopt(replace(self._keyring, signer=new, chain=chain), self._state)
        return chain

    def give_up(self) -> None:
        """Take back what a failed group may have left in the files."""
        try:
            self._files.cut_back()
        except OSError as error:
            _log.error("the failed group could not be cut off: %s", error)

    def resume(self, reason: str) -> None:
        """Go on after a failure, from what the disk is seen to hold.

        Both files are cut back to the last acknowledged group and the log is read again
        from its checkpoint. Where it ends as it was acknowledged, an event that records the
        interruption is written: what the disk takes of it shows that it takes writes.

        Raises:
            OSError: the disk still refuses.
            WorkspaceError: it does not hold what was acknowledged.
        """
        self._files.cut_back()
        self._files.forget_cached()
        signer, chain = load_signer(self._paths.befit)
        state = read_state(self._paths, self.log, chain)
        found = LogPosition(
            events=state.frontier.size,
            leaf_offset=state.leaf_bytes,
            sealed_offset=state.sealed_bytes,
        )
        if found != self.durable:
            raise WorkspaceError(
                f"log {self.log} ends at event {found.events}; {self.durable.events} were "
                "acknowledged",
                next_step="check the disk, and restore the ledger from a backup",
            )
        # Heads that memory holds may be of events that were taken back.
        self.heads.reset()
        self._adopt(replace(self._keyring, signer=signer, chain=chain), state)
        self.write([resumption_draft(self.log, reason)], {})

    def finish(self, *, is_sound: bool) -> str | None:
        """Write the checkpoints where the log is sound, and release the files.

        Returns:
            The checkpoint of checkpoints as written, None where the log is not sound.
        """
        try:
            return self.checkpoint() if is_sound else None
        finally:
            self._files.close()

    def _adopt(self, keyring: Keyring, state: LogState) -> None:
        self._keyring = keyring
        self._state = state
        self._builder = GroupBuilder(self.log, keyring=keyring, state=state, heads=self.heads)

    def _write_checkpoint(self) -> None:
        self._checkpointed = self._state.frontier.size
        write_checkpoint(self._paths, self.log, self._state, self._keyring.signer)

    def _checkpoint_in_passing(self) -> None:
        # The group is durable, whatever becomes of a checkpoint that only spares reading.
        try:
            self._write_checkpoint()
        except OSError as error:
            _log.error("the checkpoint of log %s could not be written: %s", self.log, error)

    def _position(self) -> LogPosition:
        return LogPosition(
            events=self._state.frontier.size,
            leaf_offset=self._files.leaf_end,
            sealed_offset=self._files.sealed_end,
        )
