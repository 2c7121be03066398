"""Checkpoints kept off the machine: a file of signed notes, one appended after the other.

Whoever keeps such a file, or a copy of it, finds out a ledger that was cut off, put back
to an older state or written anew since: `befit audit verify --from FILE`.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

from befit.audit.heads import split_notes
from befit.audit.note import DASH, NoteError, NoteVerifier
from befit.audit.receipts import ReceiptError, decode_receipt, receipt_from_json
from befit.errors import InvalidRequest

_TAIL_BYTES = 65_536
_ORIGIN = rb"\S+/ledger"
_HEAD = rb"\d+ \d+ \S+"
_LINES = re.compile(rb"|".join((b"", _ORIGIN, _HEAD, rb"%b\S+ \S+" % DASH.encode())))
_TORN_HEAD = re.compile(rb"\d+( \d*( \S*)?)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldNote:
    """A signed note that is kept elsewhere; `source` says where."""

    note: str
    source: str


def append_note(path: Path, note: str) -> None:
    """Add a signed note to the file, durably; a note that it already ends with is not.

    An end that a crash tore is cut off first. A file that holds anything else than
    checkpoints is somebody's, and is left alone.

    Raises:
        OSError: it could not be added; what was there before still is.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
        if tail.endswith(f"{note}\n".encode()):
            return
        if not _lists_notes(tail, note, is_whole=size <= _TAIL_BYTES):
            told = "it holds something else than checkpoints, which stays; name another file"
            raise OSError(errno.EEXIST, told, str(path))
        torn = len(tail) - (tail.rfind(b"\n\n") + 2) if tail.rstrip(b"\n") else 0
        if torn and not tail.endswith(b"\n\n"):
            file.truncate(size - torn)
        file.seek(0, os.SEEK_END)
        file.write(f"{note}\n".encode())
        file.flush()
        os.fsync(file.fileno())


def _lists_notes(tail: bytes, note: str, *, is_whole: bool) -> bool:
    """Whether the end of a file is that of a list of notes, whole or torn by a crash.

    Args:
        note: the one that is to follow.
        is_whole: whether `tail` is the whole file and not the end of a longer one.
    """
    origin = note.partition("\n")[0].encode()
    first, *lines = tail.split(b"\n")
    if not lines:
        return origin.startswith(first)
    if is_whole and re.fullmatch(_ORIGIN, first) is None:
        return False
    *lines, torn = lines
    return all(map(_LINES.fullmatch, lines)) and (
        any(each.startswith(torn) for each in (origin, DASH.encode()))
        or torn.startswith(DASH.encode())
        or _TORN_HEAD.fullmatch(torn) is not None
    )


def held_notes(copy: str | None, given: str | None) -> tuple[HeldNote, ...]:
    """The checkpoints to verify a ledger against.

    Args:
        copy: the database's copy of the latest one.
        given: the text of a file of them, as whoever audits holds it.

    Raises:
        InvalidRequest: what was given holds none.
    """
    held: list[HeldNote] = []
    if copy is not None:
        held.append(HeldNote(note=copy, source="the checkpoint held elsewhere"))
    if given is not None:
        held += given_notes(given)
    return tuple(held)


def given_notes(given: str) -> tuple[HeldNote, ...]:
    """The checkpoints of a file that lists them, oldest first, unchecked.

    A receipt is taken for the note in it, which signs where its log stood.

    Raises:
        InvalidRequest: it holds none.
    """
    notes = split_notes(given) or _note_of_receipt(given)
    if not notes:
        raise InvalidRequest(
            "what was given holds no signed checkpoint",
            next_step="give a file that `befit audit checkpoint --out` wrote, or a receipt",
            param="checkpoints",
        )
    return tuple(
        HeldNote(note=note, source=f"checkpoint {number} of those given")
        for number, note in enumerate(notes, 1)
    )


def _note_of_receipt(given: str) -> tuple[str, ...]:
    text = given.strip()
    try:
        is_json = text.startswith("{")
        receipt = receipt_from_json(text.encode()) if is_json else decode_receipt(text)
    except ReceiptError:
        return ()
    return (receipt.note,)


def given_key(text: str | None) -> NoteVerifier | None:
    """The public key that a caller gave, if one was given.

    Raises:
        InvalidRequest: it is none.
    """
    if text is None:
        return None
    try:
        return NoteVerifier.from_text(text)
    except NoteError as error:
        raise InvalidRequest(
            f"the public key cannot be read: {error}",
            next_step="it is what `befit audit public-key` prints",
            param="public_key",
        ) from None
