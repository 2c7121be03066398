"""Verifying the checkpoint files, and that nothing else lies beside the logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from befit.audit.checkpoint import LogHead, heads_of_text, read_note, state_of_checkpoint
from befit.audit.findings import Problems
from befit.audit.group import log_origin
from befit.audit.index import LogPosition
from befit.audit.layout import LedgerPaths
from befit.audit.merkle import Frontier
from befit.audit.note import NoteError, NoteVerifier


class CheckpointCheck:
    """Compares the checkpoint files with the roots that the logs really have."""

    def __init__(
        self,
        paths: LedgerPaths,
        verifier: NoteVerifier,
        problems: Problems,
        *,
        live: Mapping[str, LogPosition] | None,
    ) -> None:
        self._problems = problems
        self._live = live or {}
        self._expected: dict[tuple[str, int], list[tuple[bytes, str]]] = {}
        for log in paths.logs():
            path = paths.checkpoint(log)
            try:
                text = read_note(path, verifier)
                if text is None:
                    problems.add(f"{path.name} is missing")
                    continue
                state = state_of_checkpoint(text, origin=log_origin(verifier.name, log))
            except (NoteError, OSError) as error:
                problems.add(f"{path.name}: {error}")
                continue
            frontier = state.frontier
            head = LogHead(log=log, size=frontier.size, root=frontier.root())
            self.expect((head,), path.name)
        self._expect_heads(paths, verifier)

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

    def _expect_heads(self, paths: LedgerPaths, verifier: NoteVerifier) -> None:
        try:
            text = read_note(paths.heads, verifier)
            heads = heads_of_text(text, key_name=verifier.name) if text else ()
        except (NoteError, OSError) as error:
            self._problems.add(f"checkpoint: {error}")
            return
        if text is None and paths.logs():
            self._problems.add("checkpoint is missing")
        self.expect(heads, "checkpoint")


def unexpected_files(paths: LedgerPaths, problems: Problems, *, is_live: bool) -> None:
    """Note whatever lies in the ledger's folders and does not belong there."""
    logs = paths.logs()
    expected = {paths.heads.name}
    for log in logs:
        expected |= {paths.leaves(log).name, paths.checkpoint(log).name}
    if not logs:
        problems.add(f"there is no log in {paths.ledger}")
        return
    for path in sorted(paths.ledger.iterdir()):
        # A running server puts a checkpoint in place by renaming a hidden file.
        if is_live and path.name.startswith("."):
            continue
        if path.name not in expected or path.is_symlink() or not path.is_file():
            problems.add(f"ledger/{path.name} does not belong there")
    sealed = {paths.sealed(log).name for log in logs}
    folder = paths.sealed(logs[0]).parent
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in sealed:
            problems.add(f"sealed/{path.name} belongs to no log")
