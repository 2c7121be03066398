"""GGUF files: what their header says, and any of them as weights for the generator."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from befit.errors import Conflict, InvalidRequest
from befit.inference.embedded.weights.cache import (
    FileEntry,
    Manifest,
    Weights,
    WeightsCache,
    WeightsKind,
    check_name,
    copied,
)
from befit.inference.embedded.weights.pins import PINS
from befit.vocabulary import Progress, silent

_MAGIC = b"GGUF"
_VERSIONS = {2, 3}
_MOST_ENTRIES = 65_536
_MOST_STRING = 16 * 1024 * 1024
_MOST_ARRAY = 16 * 1024 * 1024
_MOST_DIMENSIONS = 4
_SCALARS: Mapping[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, kw_only=True, slots=True)
class GgufHeader:
    """What Befit reads of a GGUF file.

    Attributes:
        context_length: tokens it was trained on; None where the file does not say.
        chat_template: the Jinja template; empty where the file has none.
    """

    architecture: str
    context_length: int | None
    chat_template: str

    @property
    def speaks_tools(self) -> bool:
        """Whether the template has a place for tools."""
        return "tools" in self.chat_template


def read_gguf(path: Path) -> GgufHeader:
    """Read and check a GGUF header.

    Raises:
        InvalidRequest: not a GGUF file, of an unknown version, or cut short.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            return _Reader(file).header(size)
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest(
            f"{path.name} is not a usable GGUF file: {error}",
            next_step="take a file that llama.cpp reads, and compare its size with the source's",
        ) from None


def pull_gguf(file: Path, name: str | None = None, *, progress: Progress = silent) -> Weights:
    """Copy a GGUF file into the cache as the weights `name` (default: from the file's name).

    Raises:
        InvalidRequest: no such file, or no sane GGUF.
        Conflict: `name` is one of the pinned weights'.
    """
    if not file.is_file():
        raise InvalidRequest(f"{file} is not a file", param="gguf")
    read_gguf(file)
    chosen = _chosen_name(name or file.stem)
    with WeightsCache.of_user().staged() as folder:
        target = folder / "model.gguf"
        with file.open("rb") as source:
            entry = copied(source, target, size=file.stat().st_size, progress=progress)
        return place_gguf(folder, chosen, entry=entry, source=f"file:{file.name}")


def place_gguf(folder: Path, name: str, *, entry: FileEntry, source: str) -> Weights:
    """Make a staged folder with a `model.gguf` the weights `name`."""
    header = read_gguf(folder / "model.gguf")
    manifest = Manifest(
        name=_chosen_name(name),
        kind=WeightsKind.GENERATOR,
        source=source,
        main="model.gguf",
        files={"model.gguf": entry},
        context_length=header.context_length,
    )
    return WeightsCache.of_user().place(folder, manifest)


def _chosen_name(name: str) -> str:
    chosen = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64]
    if chosen in PINS:
        raise Conflict(
            f"{chosen!r} is the name of weights that Befit pins", next_step="choose another name"
        )
    return check_name(chosen)


class _Reader:
    """Walks a header with a bound on everything that the file may claim."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def header(self, size: int) -> GgufHeader:
        if self._bytes(4) != _MAGIC:
            raise ValueError("it does not begin with GGUF")
        if (version := self._number("<I")) not in _VERSIONS:
            raise ValueError(f"its version is {version}, not 2 or 3")
        tensors, entries = self._count("tensors"), self._count("entries")
        found = self._entries(entries)
        last = self._last_tensor_offset(tensors)
        if last and self._file.tell() + last >= size:
            raise ValueError(f"it is cut short: {size} bytes, but a tensor lies behind them")
        architecture = found.get("general.architecture")
        if not isinstance(architecture, str):
            raise ValueError("it names no architecture")
        context = found.get(f"{architecture}.context_length")
        template = found.get("tokenizer.chat_template")
        return GgufHeader(
            architecture=architecture,
            context_length=context if isinstance(context, int) and context > 0 else None,
            chat_template=template if isinstance(template, str) else "",
        )

    def _entries(self, count: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for _ in range(count):
            key = self._string()
            found[key] = self._value(self._number("<I"))
        return found

    def _value(self, kind: int) -> object:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            self._skip_array()
            return None
        if kind not in _SCALARS:
            raise ValueError(f"an entry has the unknown type {kind}")
        return self._number(_SCALARS[kind])

    def _skip_array(self) -> None:
        kind, length = self._number("<I"), self._number("<Q")
        if length > _MOST_ARRAY:
            raise ValueError(f"an array claims {length} items")
        if kind == _STRING:
            for _ in range(length):
                self._bytes(self._number("<Q"))
        elif kind in _SCALARS:
            self._bytes(length * struct.calcsize(_SCALARS[kind]))
        else:
            raise ValueError(f"an array has the unknown type {kind}")

    def _last_tensor_offset(self, tensors: int) -> int:
        last = 0
        for _ in range(tensors):
            self._string()
            dimensions = self._number("<I")
            if dimensions > _MOST_DIMENSIONS:
                raise ValueError(f"a tensor claims {dimensions} dimensions")
            self._bytes(8 * dimensions + 4)
            last = max(last, self._number("<Q"))
        return last

    def _count(self, what: str) -> int:
        count = self._number("<Q")
        if not 0 < count <= _MOST_ENTRIES:
            raise ValueError(f"it claims {count} {what}")
        return count

    def _string(self) -> str:
        return self._bytes(self._number("<Q")).decode()

    def _number(self, layout: str) -> int:
        return struct.unpack(layout, self._bytes(struct.calcsize(layout)))[0]

    def _bytes(self, count: int) -> bytes:
        if count > _MOST_STRING * 8:
            raise ValueError(f"a value claims {count} bytes")
        found = self._file.read(count)
        if len(found) < count:
            raise ValueError("it is cut short inside its header")
        return found
