"""Looking for damage: every file's checksum, and whether words and rows agree."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from befit.knowledge.index.embedded.growing import Extent, is_sound
from befit.knowledge.index.embedded.snapshot import EmbeddedSnapshot

# A file of tantivy ends in a footer of JSON with the CRC-32 of what comes before, the
# footer's length and a magic number, both little-endian (tantivy's directory/footer.rs).
_TAIL = struct.Struct("<II")
_MAGIC = 1337


class _Footer(msgspec.Struct):
    crc: int


class _Segment(msgspec.Struct):
    segment_id: str


class _Meta(msgspec.Struct):
    segments: list[_Segment]


def problems_of(folder: Path, snapshot: EmbeddedSnapshot) -> Iterator[str]:
    """What is wrong with the generation in `folder`, a line for each finding."""
    marker = snapshot.marker
    for name, extent in marker.files.items():
        if not is_sound(folder / name, extent):
            yield f"{name} does not hold the bytes that were written"
    live = int(np.count_nonzero(snapshot.columns.is_live))
    worded = snapshot.words.searcher.num_docs - 1  # the marker is a document too
    if not live == worded == marker.live:
        yield f"{marker.live} passages were written; {live} have a vector and {worded} have words"
    yield from _problems_of_words(folder / "words")


def _problems_of_words(folder: Path) -> Iterator[str]:
    try:
        meta = msgspec.json.decode((folder / "meta.json").read_bytes(), type=_Meta)
    except (OSError, msgspec.MsgspecError) as error:
        yield f"words/meta.json is unreadable: {error}"
        return
    for segment in meta.segments:
        files = sorted(folder.glob(f"{segment.segment_id.replace('-', '')}.*"))
        if not files:
            yield f"the words of segment {segment.segment_id} are missing"
        for path in files:
            if not _is_sealed_well(path):
                yield f"words/{path.name} does not hold the bytes that were written"


def _is_sealed_well(path: Path) -> bool:
    try:
        file = path.open("rb")
    except OSError:
        return False
    with file:
        size = file.seek(0, 2)
        if size < _TAIL.size:
            return False
        file.seek(size - _TAIL.size)
        length, magic = _TAIL.unpack(file.read(_TAIL.size))
        start = size - _TAIL.size - length
        if magic != _MAGIC or start < 0:
            return False
        file.seek(start)
        try:
            footer = msgspec.json.decode(file.read(length), type=_Footer)
        except msgspec.MsgspecError:
            return False
    return is_sound(path, Extent(start, footer.crc))
