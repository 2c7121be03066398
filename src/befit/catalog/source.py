"""`CatalogSource`: the catalog in force, read again when its files change.

source = CatalogSource(workspace)
reload = source.reload_if_changed()
source.current.find_workflow("triage")
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from befit.catalog.catalog import Catalog
from befit.catalog.files import WorkspaceFiles, declared_paths, read_files
from befit.catalog.load import CatalogReading, read_catalog
from befit.catalog.problem import Problem, problems_as_error
from befit.catalog.workspace import Workspace

_Stamp = tuple[tuple[str, int, int, int], ...]

Examine = Callable[[CatalogReading], tuple[Problem, ...]]
"""Finds every problem of the files, those of the sections of other rooms included."""

Gate = Callable[[Catalog], Catalog]
"""Gives the catalog that may serve for the one that the files declare."""

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


class CatalogSource:
    """Holds the catalog in force and replaces it whole; a wrong file changes nothing.

    Not for several threads at once: `reload_if_changed` belongs to one task.

    Args:
        workspace: whose files are read.
        examine: also has to find nothing wrong before a catalog is in force, so that
            what else the files say is taken up with it or not at all.
        gate: what a catalog passes before it serves; asked after `examine`.
    """

    def __init__(
        self, workspace: Workspace, *, examine: Examine | None = None, gate: Gate | None = None
    ) -> None:
        self._workspace = workspace
        self._examine = examine or _problems_of_catalog
        self._gate = gate or _ungated
        self._stamp, self._is_settled = self._look()
        self._files = read_files(workspace)
        reading = read_catalog(self._files)
        problems = self._examine(reading)
        if reading.catalog is None or problems:
            raise problems_as_error(problems)
        self._declared = reading.catalog
        self._current = self._gate(self._declared)
        self._problems: tuple[Problem, ...] = ()

    @property
    def current(self) -> Catalog:
        """The catalog in force."""
        return self._current

    @property
    def declared(self) -> Catalog:
        """The same as the files declare it, before the gate."""
        return self._declared

    def pass_gate_again(self) -> bool:
        """Put in force what the gate lets through now; True where that is another catalog."""
        passed = self._gate(self._declared)
        changed = passed.version != self._current.version
        if changed:
            self._current = passed
        return changed

    def reload_if_changed(self) -> Reload:
        """Look at the files' time stamps and read them again where they differ."""
        stamp, is_settled = self._look()
        if stamp == self._stamp and self._is_settled:
            return Reload(changed=False, problems=self._problems)
        files = self._read_whole()
        self._stamp, self._is_settled = stamp, is_settled
        if files == self._files:
            return Reload(changed=False, problems=self._problems)
        self._files = files
        return self._take(files)

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

    def _take(self, files: WorkspaceFiles) -> Reload:
        reading = read_catalog(files)
        self._problems = self._examine(reading)
        if reading.catalog is None or self._problems:
            return Reload(changed=False, touched=True, problems=self._problems)
        self._declared = reading.catalog
        return Reload(changed=self.pass_gate_again(), touched=True)

    def _look(self) -> tuple[_Stamp, bool]:
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


def _ungated(catalog: Catalog) -> Catalog:
    return catalog


def _problems_of_catalog(reading: CatalogReading) -> tuple[Problem, ...]:
    return reading.problems
