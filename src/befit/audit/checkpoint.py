"""The checkpoint files: a log's own, and the one that binds all logs.

`ledger/<n>.checkpoint` is a C2SP checkpoint of the log with one extension line,

    resume LEAF_BYTES SEALED_BYTES TIME_US NODE..

from which the next start continues without reading the whole log. `ledger/checkpoint`
is a signed note over the checkpoints of all logs:

    befit/1f3a09c2/ledger
    0 128 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from befit.audit.group import LogState, log_origin
from befit.audit.layout import LedgerPaths, is_log_name, replace_file
from befit.audit.merkle import Frontier, GroupTree, leaf_hash
from befit.audit.note import (
    Checkpoint,
    NoteError,
    NoteSigner,
    NoteVerifier,
    decode_base64,
    encode_base64,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogHead:
    """One log's tree head, as the checkpoint of checkpoints names it."""

    log: str
    size: int
    root: bytes

    @property
    def line(self) -> str:
        """The head as one line of the note."""
        return f"{self.log} {self.size} {encode_base64(self.root)}"


def read_note(path: Path, verifier: NoteVerifier) -> str | None:
    """The checked text of a checkpoint file; None where there is none.

    Raises:
        NoteError: it is not ours, or was changed.
        OSError: it cannot be read.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return verifier.open_own(raw.decode())
    except UnicodeDecodeError:
        raise NoteError("not UTF-8") from None


def write_checkpoint(paths: LedgerPaths, log: str, state: LogState, signer: NoteSigner) -> None:
    """Write a log's checkpoint file.

    Raises:
        OSError: the former one is still there.
    """
    frontier = state.frontier
    nodes = [encode_base64(node) for node in frontier.nodes]
    numbers = f"{state.leaf_bytes} {state.sealed_bytes} {state.last_time_us}"
    head = Checkpoint(
        origin=log_origin(signer.name, log),
        size=frontier.size,
        root=frontier.root(),
        extensions=(" ".join(("resume", numbers, *nodes)),),
    )
    replace_file(paths.checkpoint(log), signer.sign(head.text), log=log)


def state_of_checkpoint(text: str, *, origin: str) -> LogState:
    """The state that a log's checkpoint continues from.

    Raises:
        NoteError: it is another log's, or its parts contradict each other.
    """
    checkpoint = Checkpoint.from_text(text)
    if checkpoint.origin != origin:
        raise NoteError(f"a checkpoint of {checkpoint.origin}, not of {origin}")
    try:
        (resume,) = checkpoint.extensions
        word, leaf_bytes, sealed_bytes, time_us, *nodes = resume.split(" ")
        state = LogState(
            frontier=Frontier(checkpoint.size, map(decode_base64, nodes)),
            leaf_bytes=int(leaf_bytes),
            sealed_bytes=int(sealed_bytes),
            last_time_us=int(time_us),
        )
    except ValueError as error:
        raise NoteError(f"not a log's checkpoint: {error}") from None
    if word != "resume" or state.frontier.root() != checkpoint.root:
        raise NoteError("a checkpoint whose nodes do not lead to its root")
    return state


def write_heads(paths: LedgerPaths, signer: NoteSigner, *, log: str) -> str:
    """Write the checkpoint of checkpoints from the logs' own; returns the signed note.

    `log` is the log of the process that writes.

    Raises:
        OSError: the former one is still there.
        NoteError: a log's checkpoint is not ours.
    """
    heads: list[LogHead] = []
    for log in paths.logs():
        text = read_note(paths.checkpoint(log), signer.verifier)
        if text is not None:
            read = Checkpoint.from_text(text)
            heads.append(LogHead(log=log, size=read.size, root=read.root))
    lines = (f"{signer.name}/ledger", *[head.line for head in heads], "")
    note = signer.sign("\n".join(lines))
    replace_file(paths.heads, note, log=log)
    return note


def heads_of_text(text: str, *, key_name: str) -> tuple[LogHead, ...]:
    """The heads that a checkpoint of checkpoints names.

    Raises:
        NoteError: it is not one, or is spelled in another way.
    """
    origin, *lines = text.removesuffix("\n").split("\n")
    if origin != f"{key_name}/ledger":
        raise NoteError(f"a checkpoint of {origin}, not of {key_name}/ledger")
    heads = tuple(_head(line) for line in lines)
    logs = [head.log for head in heads]
    if len(set(logs)) != len(logs) or "\n".join((origin, *lines, "")) != text:
        raise NoteError("a checkpoint of checkpoints in a second spelling")
    return heads


def combined_root(heads: tuple[LogHead, ...]) -> bytes:
    """One root for all logs: the log's own where there is one log, else a tree's.

    With several logs it is the RFC 6962 root over one leaf a log, `LOG SIZE ROOT` as in
    the checkpoint of checkpoints, in order of their numbers.
    """
    if len(heads) == 1:
        return heads[0].root
    return GroupTree([leaf_hash(head.line.encode()) for head in heads]).root


def _head(line: str) -> LogHead:
    try:
        log, size, root = line.split(" ")
        head = LogHead(log=log, size=int(size), root=decode_base64(root))
    except ValueError:
        raise NoteError(f"not a log's head: {line[:80]!r}") from None
    if head.line != line or not is_log_name(log):
        raise NoteError(f"a log's head in a second spelling: {line[:80]!r}")
    return head
