"""`LogHead`: one log's size and root, and the text of a note that binds all logs.

    befit/1f3a09c2/ledger
    0 128 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
    1 64 kBWKTcSL0k0OMQvM0hD0oW4ZvcWs2zmMQuTcdxX9WFI=

Such a note is the checkpoint of checkpoints. Lists of them are kept in files, one after
the other; `split_notes` takes such a file apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from befit.audit.layout import is_log_name
from befit.audit.merkle import GroupTree, leaf_hash
from befit.audit.note import DASH, NoteError, decode_base64, encode_base64


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


def heads_text(ledger: str, heads: Iterable[LogHead]) -> str:
    """The text of a checkpoint of checkpoints; `ledger` is the name of the ledger's key."""
    return "\n".join((f"{ledger}/ledger", *[head.line for head in heads], ""))


def heads_of_text(text: str, *, key_name: str) -> tuple[LogHead, ...]:
    """The heads that a checkpoint of checkpoints names.

    Raises:
        NoteError: it is not one, or is spelled in another way.
    """
    origin, *lines = text.removesuffix("\n").split("\n")
    if origin != f"{key_name}/ledger":
        raise NoteError(f"a checkpoint of {origin}, not of {key_name}/ledger")
    heads = heads_of_lines(lines)
    if heads_text(key_name, heads) != text:
        raise NoteError("a checkpoint of checkpoints in a second spelling")
    return heads


def heads_of_lines(lines: Sequence[str]) -> tuple[LogHead, ...]:
    """The heads of `LOG SIZE ROOT` lines, no log twice.

    Raises:
        NoteError: a line is none, or is spelled in another way.
    """
    heads = tuple(_head(line) for line in lines)
    if len({head.log for head in heads}) != len(heads):
        raise NoteError("two heads of one log")
    return heads


def combined_root(heads: tuple[LogHead, ...]) -> bytes:
    """One root for all logs: the log's own where there is one log, else a tree's.

    With several logs it is the RFC 6962 root over one leaf a log, `LOG SIZE ROOT` as in
    the checkpoint of checkpoints, in order of their numbers.
    """
    if len(heads) == 1:
        return heads[0].root
    return GroupTree([leaf_hash(head.line.encode()) for head in heads]).root


def split_notes(text: str) -> tuple[str, ...]:
    """The notes of a file that lists them, oldest first, none of them checked yet.

    A note ends with its last signature line. What has none is an append that a crash cut
    short, and is left out.
    """
    notes: list[str] = []
    lines: list[str] = []
    for line in text.split("\n"):
        if lines and lines[-1].startswith(DASH) and not line.startswith(DASH):
            notes.append("\n".join((*lines, "")))
            lines = []
        if not line and not any(lines):
            continue  # the space between two notes
        if lines and not lines[-1] and not line.startswith(DASH):
            lines = []  # text without a signature
        lines.append(line)
    return tuple(notes)


def _head(line: str) -> LogHead:
    try:
        log, size, root = line.split(" ")
        head = LogHead(log=log, size=int(size), root=decode_base64(root))
    except ValueError:
        raise NoteError(f"not a log's head: {line[:80]!r}") from None
    if head.line != line or not is_log_name(log):
        raise NoteError(f"a log's head in a second spelling: {line[:80]!r}")
    return head
