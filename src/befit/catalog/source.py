"""`CatalogSource`: the catalog that the files declare, read again when they change.

source = CatalogSource(workspace)
look = source.look()             # blocking; puts nothing in force
reload = source.take(look)
source.declared.find_workflow("triage")
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from befit.catalog.catalog import Catalog
from befit.catalog.files import (
    WorkspaceFiles,
    declared_paths,
    gone_access_file,
    gone_folders,
    read_files,
)
from befit.catalog.load import CatalogReading, read_catalog
from befit.catalog.problem import Problem, problems_as_error
from befit.catalog.workspace import Workspace

_Stamp = tuple[tuple[str, int, int, int], ...]


def _nothing() -> None:
    """Nothing else is to be put in force."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """What the other rooms find in the files.

    Attributes:
        problems: all that is wrong, the catalog's own included.
        take: puts in force what else the files say; called with the catalog, or not at all.
    """

    problems: tuple[Problem, ...]
    take: Callable[[], None] = _nothing


Examine = Callable[[CatalogReading], Examined]
"""Finds every problem of the files, those of the sections of other rooms included. It changes
nothing itself: it may run in a thread while requests go on."""

_BETWEEN_READINGS_S = 0.05
_MOST_READINGS = 40
_SETTLED_NS = 2_000_000_000
"""A file that changed this recently may change again without a new time stamp."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reload:
    """What a look at the files brought.

    Attributes:
        touched: the files are not what they were at the last look.
        changed: something else is in force than before.
        problems: why the files as they are now are not in force; what was before is.
    """

    changed: bool
    touched: bool = False
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What the files say now, read and examined, and not in force yet.

    Attributes:
        declared: the catalog to take; None where there is nothing new or something is wrong.
    """

    stamp: _Stamp
    is_settled: bool
    files: WorkspaceFiles
    reload: Reload
    examined: Examined | None = None
    declared: Catalog | None = None


class CatalogSource:
    """Holds the catalog that was taken last; a wrong file changes nothing.

    `look` may be called in a thread; only `take` changes what others see, all at once where
    its caller does not wait in between.

    Args:
        workspace: whose files are read.
        examine: also has to find nothing wrong before a catalog is taken, so that what else
            the files say is taken with it or not at all.
    """

    def __init__(self, workspace: Workspace, *, examine: Examine | None = None) -> None:
        self._workspace = workspace
        self._examine = examine or _catalog_alone
        self._stamp, self._is_settled = self._stamps()
        self._files = read_files(workspace)
        reading = read_catalog(self._files)
        examined = self._examine(reading)
        if reading.catalog is None or examined.problems:
            raise problems_as_error(examined.problems)
        self._taken = self._files
        self._declared = reading.catalog
        self._problems: tuple[Problem, ...] = ()
        examined.take()

    @property
    def declared(self) -> Catalog:
        """The catalog as the files declare it, or did before something was wrong with them."""
        return self._declared

    def reload_if_changed(self) -> Reload:
        """Look at the files and take what they say."""
        return self.take(self.look())

    def look(self) -> Look:
        """Look at the files' time stamps and read them again where they differ; blocking."""
        stamp, is_settled = self._stamps()
        same = Look(
            stamp=stamp,
            is_settled=is_settled,
            files=self._files,
            reload=Reload(changed=False, problems=self._problems),
        )
        if stamp == self._stamp and self._is_settled:
            return same
        files = self._read_whole()
        if files == self._files:
            return same
        gone = gone_folders(files, self._taken.folders) + gone_access_file(files, self._taken)
        reading = read_catalog(files.told(gone))
        examined = self._examine(reading)
        return replace(
            same,
            files=files,
            reload=Reload(changed=False, touched=True, problems=examined.problems),
            examined=examined,
            declared=None if examined.problems else reading.catalog,
        )

    def take(self, look: Look) -> Reload:
        """Take what a look found, if nothing is wrong with it."""
        self._stamp, self._is_settled, self._files = look.stamp, look.is_settled, look.files
        self._problems = look.reload.problems
        if look.declared is None or look.examined is None:
            return look.reload
        changed = look.declared.version != self._declared.version
        if changed:
            self._declared = look.declared
        self._taken = look.files
        look.examined.take()
        return replace(look.reload, changed=changed)

    def _read_whole(self) -> WorkspaceFiles:
        """Read the files, changed ones until they read the same twice.

        Half a file of rules is a good file with fewer of them, so what an editor is still
        writing must not be taken for what it wrote.
        """
        files = read_files(self._workspace)
        for _ in range(_MOST_READINGS):
            if files == self._files:
                break
            time.sleep(_BETWEEN_READINGS_S)
            again = read_files(self._workspace)
            if again == files:
                break
            files = again
        return files

    def _stamps(self) -> tuple[_Stamp, bool]:
        """The stamps of all files, taken before they are read, and whether they are at rest."""
        stamps: list[tuple[str, int, int, int]] = []
        newest = 0
        try:
            for path in declared_paths(self._workspace):
                status = path.stat()
                stamps.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns))
                newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
        except OSError:  # a file that has just gone; reading says which
            return ((str(self._workspace.root), 0, 0, time.time_ns()),), False
        return tuple(stamps), time.time_ns() - newest > _SETTLED_NS


def _catalog_alone(reading: CatalogReading) -> Examined:
    return Examined(problems=reading.problems)
