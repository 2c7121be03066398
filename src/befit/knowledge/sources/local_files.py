"""`LocalFiles`: a folder with all that lies below it, or one file.

Every step below the root is taken without following links, and only regular files are
opened. What is fetched is a copy: a file that is swapped for a link or changed while it is
being parsed changes nothing.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.naming import name_fault, shown
from befit.knowledge.sources.options import SourceOptions
from befit.knowledge.sources.scratch import BLOCK, take_in
from befit.knowledge.sources.source import Fetched, Item, Skipped

_MOST_DEPTH = 100
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_CLOSED = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    name: str
    mode: int
    size: int
    mtime_ns: int


class LocalFiles:
    """The files of one folder, by their path below it; or the one file that is named."""

    def __init__(self, root: Path, options: SourceOptions, *, only: str | None = None) -> None:
        """Take an absolute folder without links in it.

        Args:
            only: the name of the one file in it that is meant.
        """
        self._root = root
        self._only = only
        self._options = options
        self._uri = root.as_uri().rstrip("/")
        self._name = f"file:{root / only if only else root}"

    @property
    def name(self) -> str:
        """Such as `file:/srv/handbook`."""
        return self._name

    def items(self) -> Iterator[Item | Skipped]:
        """All files, each folder's in the order of their names before those of its folders."""
        with self._opened_root() as root:
            if self._only is not None:
                yield self._looked_at(root, self._only)
                return
            yield from self._below(root)
            self._check_root(root)

    def fetch(self, item: Item) -> Fetched:
        """A copy of the file as it is now."""
        parts = tuple(item.doc_id.split("/"))
        if not all(part not in {"", ".", ".."} for part in parts):
            raise SourceFailed(f"{shown(item.doc_id)} is no path below {self.name}", retry=False)
        what = shown(item.doc_id)
        try:
            with self._opened_root() as root, _opened_below(root, parts[:-1]) as folder:
                path = take_in(_content(folder, parts[-1], what), what, self._options)
        except OSError as error:
            raise SourceFailed(
                f"{what} cannot be read: {error.strerror}", retry=error.errno not in _CLOSED | _GONE
            ) from None
        return Fetched(name=parts[-1], file=path, is_temporary=True)

    def close(self) -> None:
        """Nothing stays open between two calls."""

    @contextmanager
    def _opened_root(self) -> Generator[int]:
        try:
            descriptor = os.open(self._root, _FOLDER)
        except OSError as error:
            raise self._vanished(error) from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _below(self, root: int) -> Iterator[Item | Skipped]:
        pending: list[tuple[str, ...]] = [()]
        while pending:
            parts = pending.pop()
            try:
                with _opened_below(root, parts) as folder:
                    entries = _entries(folder)
            except OSError as error:
                yield self._unlisted(parts, error)
                continue
            folders: list[tuple[str, ...]] = []
            for entry in entries:
                found = self._sorted_out((*parts, entry.name), entry)
                if found is None:
                    folders.append((*parts, entry.name))
                else:
                    yield found
            pending.extend(reversed(folders))

    def _looked_at(self, root: int, name: str) -> Item | Skipped:
        try:
            status = os.stat(name, dir_fd=root, follow_symlinks=False)
        except OSError as error:
            raise self._vanished(error) from None
        found = _entry(name, status)
        fault = name_fault(name) or _fault(found, self._options.most_bytes)
        return Skipped(what=shown(name), reason=fault) if fault else self._item(name, found)

    def _sorted_out(self, parts: tuple[str, ...], entry: _Entry) -> Item | Skipped | None:
        """The item, or why it is none; None of a folder to be looked into."""
        path = "/".join(parts)
        if entry.name.startswith("."):
            return Skipped(what=shown(path), reason="hidden: its name begins with a dot")
        if fault := name_fault(path):
            return Skipped(what=shown(path), reason=fault)
        if stat.S_ISDIR(entry.mode):
            if len(parts) < _MOST_DEPTH:
                return None
            return Skipped(what=shown(path), reason=f"more than {_MOST_DEPTH} folders deep")
        if stat.S_ISLNK(entry.mode):
            return Skipped(what=shown(path), reason=self._link_fault(path))
        if fault := _fault(entry, self._options.most_bytes):
            return Skipped(what=shown(path), reason=fault)
        return self._item(path, entry)

    def _item(self, path: str, entry: _Entry) -> Item:
        return Item(
            doc_id=path,
            uri=f"{self._uri}/{quote(path)}",
            path=path,
            change_token=f"{entry.size}-{entry.mtime_ns}",
            size_bytes=entry.size,
            dated_s=entry.mtime_ns // 1_000_000_000,
        )

    def _link_fault(self, path: str) -> str:
        # Followed, a link would put what it leads to under the rules of the link's own place.
        try:
            target = (self._root / path).resolve()
        except (OSError, RuntimeError):
            return "a link that leads nowhere"
        if target.is_relative_to(self._root):
            return "a link; what it leads to is taken in at its own place"
        return "a link that leads out of the folder"

    def _unlisted(self, parts: tuple[str, ...], error: OSError) -> Skipped:
        path = "/".join(parts)
        if parts and error.errno in _CLOSED:
            return Skipped(
                what=shown(path), reason="a folder that may not be listed", below=f"{path}/"
            )
        if parts and error.errno in _GONE:
            return Skipped(what=shown(path), reason="it vanished while the folder was read")
        raise self._vanished(error) from None

    def _check_root(self, root: int) -> None:
        """Files that vanish one by one look deleted; that the root did tells the truth."""
        try:
            now, then = self._root.stat(), os.fstat(root)
        except OSError as error:
            raise self._vanished(error) from None
        if (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino):
            raise SourceFailed(f"{shown(self.name)} was replaced while it was read", retry=True)

    def _vanished(self, error: OSError) -> SourceFailed:
        return SourceFailed(
            f"{shown(self.name)} cannot be read: {error.strerror}",
            retry=error.errno not in _CLOSED,
            next_step="check the path, its owner and what is mounted there",
        )


@contextmanager
def _opened_below(root: int, parts: tuple[str, ...]) -> Generator[int]:
    """The folder that the parts lead to from the root, never through a link."""
    descriptor = os.dup(root)
    try:
        for part in parts:
            deeper = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def _entries(folder: int) -> list[_Entry]:
    found: list[_Entry] = []
    # A descriptor that is duplicated shares its place in the listing with the first one.
    os.lseek(folder, 0, os.SEEK_SET)
    with os.scandir(folder) as listing:
        for entry in listing:
            try:
                found.append(_entry(entry.name, entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                continue  # deleted since
    found.sort(key=lambda entry: entry.name)
    return found


def _entry(name: str, status: os.stat_result) -> _Entry:
    return _Entry(name=name, mode=status.st_mode, size=status.st_size, mtime_ns=status.st_mtime_ns)


def _fault(entry: _Entry, most_bytes: int) -> str | None:
    if not stat.S_ISREG(entry.mode):
        return "no regular file, so it is not opened"
    if entry.size > most_bytes:
        return f"larger than {most_bytes:,} bytes"
    return None


def _content(folder: int, name: str, what: str) -> Iterator[bytes]:
    # Looked at first, because merely opening a device can set something off.
    looked = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(looked.st_mode):
        raise SourceFailed(f"{what} is no regular file any more", retry=False)
    descriptor = os.open(name, _FILE, dir_fd=folder)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SourceFailed(f"{what} is no regular file any more", retry=False)
        while part := file.read(BLOCK):
            yield part
