"""Verifying the checkpoint files, and that nothing else lies beside the logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from befit.audit.checkpoint import read_note, state_of_checkpoint
from befit.audit.findings import Problems
from befit.audit.heads import LogHead
from befit.audit.index import LogPosition
from befit.audit.key_chain import KeyChain
from befit.audit.layout import LedgerPaths
from befit.audit.merkle import Frontier
from befit.audit.note import NoteError


class CheckpointCheck:
    """Compares the checkpoint files with the roots that the logs really have."""

    def __init__(
        self,
        paths: LedgerPaths,
        keys: KeyChain,
        problems: Problems,
        *,
        live: Mapping[str, LogPosition] | None,
    ) -> None:
        self._problems = problems
        self._keys = keys
        self._live = live or {}
        self._expected: dict[tuple[str, int], list[tuple[bytes, str]]] = {}
        for log in paths.logs():
            self._expect_checkpoint(paths, log)
        self._expect_heads(paths)
        for each in keys.endorsements:
            self.expect(each.heads, "the endorsement of a key in ledger/keys")

    def expect_note(self, note: str, source: str) -> None:
        """Expect what a checkpoint, or a receipt's note, says; `source` names who holds it."""
        try:
            heads = self._keys.open_any(note)
        except NoteError as error:
            self._problems.add(f"{source} is not this ledger's: {error}")
            return
        self.expect(heads, source)

    def expect(self, heads: Iterable[LogHead], source: str) -> None:
        """Expect these roots at these sizes; `source` names who says so."""
        for head in heads:
            durable = self._live.get(head.log)
            if durable is not None and head.size > durable.events:
                continue  # written by the running server since it was asked
            self._expected.setdefault((head.log, head.size), []).append((head.root, source))

    def meet(self, log: str, frontier: Frontier) -> None:
        """A log has been read up to here."""
        for root, source in self._expected.pop((log, frontier.size), ()):
            if root != frontier.root():
                self._problems.add(f"log {log} is not the one that {source} was signed for")

    def end(self, logs: set[str]) -> None:
        """All logs have been read to their ends."""
        for (log, size), expected in self._expected.items():
            for _, source in expected:
                detail = f"does not reach event {size}" if log in logs else "is missing"
                self._problems.add(f"log {log} {detail}, which {source} names")

    def _expect_checkpoint(self, paths: LedgerPaths, log: str) -> None:
        path = paths.checkpoint(log)
        try:
            note = read_note(path)
            if note is None:
                self._problems.add(f"{path.name} is missing")
                return
            frontier = state_of_checkpoint(note, self._keys, log=log).frontier
        except (NoteError, OSError) as error:
            self._problems.add(f"{path.name}: {error}")
            return
        self.expect((LogHead(log=log, size=frontier.size, root=frontier.root()),), path.name)

    def _expect_heads(self, paths: LedgerPaths) -> None:
        try:
            note = read_note(paths.heads)
            heads = () if note is None else self._keys.open_heads(note)
        except (NoteError, OSError) as error:
            self._problems.add(f"checkpoint: {error}")
            return
        if note is None and paths.logs():
            self._problems.add("checkpoint is missing")
        self.expect(heads, "checkpoint")


def unexpected_files(paths: LedgerPaths, problems: Problems, *, is_live: bool) -> None:
    """Note whatever lies in the ledger's folders and does not belong there."""
    logs = paths.logs()
    expected = {paths.heads.name, paths.keys.name}
    for log in logs:
        expected |= {paths.leaves(log).name, paths.checkpoint(log).name}
    if not logs:
        problems.add(f"there is no log in {paths.ledger}")
        return
    unfinished = {f".{name}.{log}" for name in expected for log in logs}
    for path in sorted(paths.ledger.iterdir()):
        # A running server puts a checkpoint in place by renaming a hidden file.
        if is_live and path.name.startswith("."):
            continue
        if path.name in unfinished:
            problems.add(
                f"ledger/{path.name} was being written when the writer ended, as a crash leaves "
                "it; the next start uses it up"
            )
        elif path.name not in expected or path.is_symlink() or not path.is_file():
            problems.add(f"ledger/{path.name} does not belong there")
    sealed = {paths.sealed(log).name for log in logs}
    folder = paths.sealed(logs[0]).parent
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in sealed:
            problems.add(f"sealed/{path.name} belongs to no log")
