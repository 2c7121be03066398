"""`RemoteFiles`: the files of another machine, through whatever `fsspec` has for its protocol.

Its file systems raise what they like and answer as their servers do, so whoever opens one
wraps it in `CheckedSource`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Protocol, cast
from urllib.parse import quote, urlsplit

from befit.errors import InvalidRequest
from befit.knowledge.sources.failed import SourceFailed
from befit.knowledge.sources.naming import name_fault, shown
from befit.knowledge.sources.options import SourceOptions
from befit.knowledge.sources.scratch import BLOCK, take_in
from befit.knowledge.sources.source import Fetched, Item, Skipped

SCHEMES = frozenset({"sftp", "smb", "hdfs"})
_MOST_DEPTH = 100
_MODIFIED = ("mtime", "modified", "last_modified", "LastModified", "last_write_time")


class FileSystem(Protocol):
    """What of an `fsspec` file system is used."""

    def ls(self, path: str, detail: bool = True) -> Sequence[Mapping[str, object]]:
        """A folder's entries, or the one of a file."""
        ...

    def isfile(self, path: str) -> bool:
        """Whether it is a file."""
        ...

    def isdir(self, path: str) -> bool:
        """Whether it is a folder."""
        ...

    def open(self, path: str, mode: str = "rb") -> IO[bytes]:
        """A file's content."""
        ...


Connect = Callable[[], tuple[FileSystem, str]]
"""A file system, newly connected, and the path of the root on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _RemoteItem(Item):
    """An item that knows how its server calls it."""

    place: str


class RemoteFiles:
    """The files below one folder of another machine, or the one file that is named."""

    def __init__(self, address: str, connect: Connect, options: SourceOptions) -> None:
        """Reach for nothing yet; `address` holds no password."""
        self._name = address.rstrip("/")
        self._connect = connect
        self._options = options
        self._system: FileSystem | None = None  # of the run that goes on

    @property
    def name(self) -> str:
        """Such as `sftp://reader@files.example/handbook`."""
        return self._name

    def items(self) -> Iterator[Item | Skipped]:
        """All files, each folder's in the order of their names before those of its folders."""
        system, root = self._connect()
        self._system = system
        if system.isfile(root):
            yield self._sorted_out(root.rpartition("/")[2], system.ls(root, detail=True)[0])
            return
        pending: list[tuple[str, str]] = [("", root)]
        while pending:
            path, place = pending.pop()
            try:
                entries = sorted(system.ls(place, detail=True), key=_own_name)
            except (FileNotFoundError, PermissionError) as error:
                if not path:
                    raise
                yield _unlisted(path, error)
                continue
            folders: list[tuple[str, str]] = []
            for entry in entries:
                below = f"{path}/{_own_name(entry)}".lstrip("/")
                found = self._sorted_out(below, entry)
                if entry.get("type") == "directory" and isinstance(found, Item):
                    folders.append((below, str(entry["name"])))
                else:
                    yield found
            pending.extend(reversed(folders))
        if not system.isdir(root):
            raise SourceFailed(f"{shown(self.name)} vanished while it was read", retry=True)

    def fetch(self, item: Item) -> Fetched:
        """A copy of the file as it is now."""
        if not isinstance(item, _RemoteItem):
            raise SourceFailed(
                f"{shown(item.doc_id)} is no file of {shown(self.name)}", retry=False
            )
        if self._system is None:
            self._system, _ = self._connect()
        try:
            with self._system.open(item.place, "rb") as file:
                parts = iter(lambda: file.read(BLOCK), b"")
                path = take_in(parts, shown(item.doc_id), self._options)
        except (FileNotFoundError, PermissionError):
            raise
        except Exception:
            self.close()  # the connection may be broken: the next file is asked for over a new one
            raise
        return Fetched(name=item.doc_id.rpartition("/")[2], file=path, is_temporary=True)

    def close(self) -> None:
        """Let the connection go; file systems close theirs once nobody holds them."""
        self._system = None

    def _sorted_out(self, path: str, entry: Mapping[str, object]) -> Item | Skipped:
        """The file or folder as an item, or why it is none."""
        name = path.rpartition("/")[2]
        if fault := name_fault(path) or _fault(name, path, entry):
            return Skipped(what=shown(path), reason=fault)
        size, modified_s = entry.get("size"), _modified_s(entry)
        is_file = entry.get("type") == "file"
        if is_file and isinstance(size, int) and size > self._options.most_bytes:
            reason = f"larger than {self._options.most_bytes:,} bytes"
            return Skipped(what=shown(path), reason=reason)
        return _RemoteItem(
            doc_id=path,
            uri=f"{self._name}/{quote(path)}",
            path=path,
            change_token="" if modified_s is None else f"{size}-{modified_s}",
            size_bytes=size if isinstance(size, int) else None,
            dated_s=None if modified_s is None else int(modified_s),
            place=str(entry["name"]),
        )


def remote_files(scheme: str, address: str, options: SourceOptions) -> RemoteFiles:
    """The source for an address such as `sftp://reader@files.example/handbook`.

    Raises:
        InvalidRequest: it holds a password, or the package for its protocol is not installed.
    """
    parts = urlsplit(address)
    if parts.password is not None or not parts.hostname or name_fault(address):
        raise InvalidRequest(
            f"an address of other machines is written like {scheme}://user@host/folder",
            next_step="passwords and keys come from fsspec's own configuration",
            param="source",
        )
    try:
        _library().get_filesystem_class(scheme)
    except ImportError as error:
        raise InvalidRequest(
            f"reading {scheme}:// needs a package that is not installed",
            next_step=str(error),
            param="source",
        ) from None

    def connect() -> tuple[FileSystem, str]:
        # Neither connections nor listings are shared: an earlier one may be out of date.
        return _library().url_to_fs(address, skip_instance_cache=True, use_listings_cache=False)

    return RemoteFiles(address, connect, options)


class _Library(Protocol):
    """What of `fsspec` itself is used; it has no types of its own."""

    def get_filesystem_class(self, protocol: str) -> object: ...

    def url_to_fs(
        self, url: str, *, skip_instance_cache: bool, use_listings_cache: bool
    ) -> tuple[FileSystem, str]: ...


def _library() -> _Library:
    return cast("_Library", importlib.import_module("fsspec"))


def _unlisted(path: str, error: OSError) -> Skipped:
    if isinstance(error, PermissionError):
        reason = "a folder that may not be listed"
        return Skipped(what=shown(path), reason=reason, below=f"{path}/")
    return Skipped(what=shown(path), reason="it vanished while the folder was read")


def _fault(name: str, path: str, entry: Mapping[str, object]) -> str | None:
    if name.startswith("."):  # `..` as well, which no server should list
        return "hidden: its name begins with a dot"
    if entry.get("islink") or entry.get("type") not in {"file", "directory"}:
        return "a link or no regular file, so it is not opened"
    if path.count("/") >= _MOST_DEPTH:
        return f"more than {_MOST_DEPTH} folders deep"
    return None


def _own_name(entry: Mapping[str, object]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]


def _modified_s(entry: Mapping[str, object]) -> float | None:
    for key in _MODIFIED:
        value = entry.get(key)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return None
