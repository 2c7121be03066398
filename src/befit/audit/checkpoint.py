"""The checkpoint files: a log's own, and the one that binds all logs.

`ledger/<n>.checkpoint` is a C2SP checkpoint of the log with one extension line,

    resume LEAF_BYTES SEALED_BYTES TIME_US NODE..

from which the next start continues without reading the whole log. `ledger/checkpoint`
is a signed note over the checkpoints of all logs:

    befit/1f3a09c2/ledger
    0 128 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""

from __future__ import annotations

from pathlib import Path

from befit.audit.durable import replace_file
from befit.audit.group import LogState, log_origin
from befit.audit.heads import LogHead, heads_text
from befit.audit.key_chain import KeyChain
from befit.audit.layout import LedgerPaths
from befit.audit.merkle import Frontier
from befit.audit.note import Checkpoint, NoteError, NoteSigner, decode_base64, encode_base64


def read_note(path: Path) -> str | None:
    """The note in a checkpoint file, unchecked; None where there is none.

    Raises:
        NoteError: it is not UTF-8.
        OSError: it cannot be read.
    """
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
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


def state_of_checkpoint(note: str, keys: KeyChain, *, log: str) -> LogState:
    """The state that a log's checkpoint continues from.

    Raises:
        NoteError: it is forged, another log's, or its parts contradict each other.
    """
    checkpoint = keys.open_checkpoint(note)
    origin = log_origin(keys.name, log)
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


def write_heads(paths: LedgerPaths, signer: NoteSigner, keys: KeyChain, *, log: str) -> str:
    """Write the checkpoint of checkpoints from the logs' own; returns the signed note.

    `log` is the log of the process that writes.

    Raises:
        OSError: the former one is still there.
        NoteError: a log's checkpoint is not ours.
    """
    heads: list[LogHead] = []
    for each in paths.logs():
        note = read_note(paths.checkpoint(each))
        if note is not None:
            read = keys.open_checkpoint(note)
            head = LogHead(log=each, size=read.size, root=read.root)
            # What a replaced key signed may be a thief's: this key vouches for what it endorsed.
            heads.append(head if keys.is_current(note) else keys.least_head(each))
    signed = signer.sign(heads_text(signer.name, heads))
    replace_file(paths.heads, signed, log=log)
    return signed
