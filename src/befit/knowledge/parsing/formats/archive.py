"""Office files are ZIP archives: what they unpack to is measured before anything reads it."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path

from befit.knowledge.parsing.kinds import BROKEN_ARCHIVE
from befit.knowledge.parsing.limits import ParseLimits
from befit.knowledge.parsing.unreadable import Unreadable

_PIECE = 1 << 20
_ENCRYPTED = 1
_MARKUP = (".xml", ".rels", ".vml")
_DOCTYPE = re.compile(rb"<!DOCTYPE|<!ENTITY", re.IGNORECASE)
_DOCTYPE_WITHIN = 4_096


def check_archive(file: Path, limits: ParseLimits) -> None:
    """Unpack all of it into nothing, within the limits.

    What an archive says of its sizes may be a lie, so both what it says and what comes out
    count. Office files declare no entities; one that does is hostile.

    Raises:
        Unreadable: a zip bomb, encrypted, or damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(archive, limits)
    except (*BROKEN_ARCHIVE, zlib.error) as error:
        raise Unreadable("it is damaged: a ZIP archive cut short or broken") from error


def _check_entries(archive: zipfile.ZipFile, limits: ParseLimits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.archive_entries:
        raise Unreadable(f"it is a zip bomb: {len(entries):,} entries")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Unreadable("it is encrypted", next_step="save it without a password")
    declared = sum(entry.file_size for entry in entries)
    if declared > limits.inflated_bytes:
        raise _bomb(limits)
    room = limits.inflated_bytes
    for entry in entries:
        room -= _inflated(archive, entry, room, limits)


def _inflated(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, room: int, limits: ParseLimits
) -> int:
    said = entry.file_size
    # Python stops at the size that was declared; readers in other languages do not.
    entry.file_size = room + 2 * _PIECE
    size = 0
    with archive.open(entry) as opened:
        while piece := opened.read(_PIECE):
            if not size and entry.filename.endswith(_MARKUP):
                _refuse_entities(piece)
            size += len(piece)
            if size > room:
                raise _bomb(limits)
    if size != said:
        raise Unreadable("it is damaged: an entry is not of the size it says")
    return size


def _refuse_entities(head: bytes) -> None:
    if _DOCTYPE.search(head, 0, _DOCTYPE_WITHIN):
        raise Unreadable("it is hostile: its XML declares entities")


def _bomb(limits: ParseLimits) -> Unreadable:
    return Unreadable(f"it is a zip bomb: it unpacks to more than {limits.inflated_bytes >> 20} MB")
