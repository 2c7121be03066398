"""`WorkspaceFiles`: the bytes of the files that a workspace is declared by, read at one moment.

Loading is a pure function of them, so that a change can be tried before it is written
and a reload compares instead of guessing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from befit.catalog.problem import Problem
from befit.catalog.workspace import Workspace
from befit.catalog.yaml_tree import MAX_BYTES

CONFIG = "befit.yaml"
"""The file of models and settings."""

ACCESS_FILE = "knowledge/acl.yaml"
"""The file of who may read which documents."""

_WORKFLOWS = "workflows"
_POLICIES = "policies"
_SUFFIXES = {_WORKFLOWS: ".yaml", _POLICIES: ".cedar"}
_NOT_FOR_BEFIT = re.compile(r"[.~#].*|.*(~|\.sw[op]|\.example)|readme(\.\w+)?", re.IGNORECASE)
"""What editors leave, templates, and what is written for people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceFiles:
    """File name (relative, such as `workflows/triage.yaml`) to content.

    Attributes:
        folders: those of `workflows` and `policies` that are there.
        problems: what could not be read, and what stands there and is not read.
    """

    texts: Mapping[str, bytes]
    folders: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()

    def with_text(self, name: str, text: bytes) -> WorkspaceFiles:
        """The same files with one of them changed or added."""
        return replace(self, texts={**self.texts, name: text})

    def told(self, problems: tuple[Problem, ...]) -> WorkspaceFiles:
        """The same files with more that is wrong with them."""
        return replace(self, problems=(*self.problems, *problems))

    def workflow_files(self) -> Iterator[tuple[str, str, bytes]]:
        """Name, file and content of each workflow."""
        for file, text in self.texts.items():
            if file.startswith(f"{_WORKFLOWS}/"):
                yield PurePosixPath(file).stem, file, text

    def policy_files(self) -> dict[str, bytes]:
        """File and content of each file of rules."""
        return {file: text for file, text in self.texts.items() if file.startswith(f"{_POLICIES}/")}


def workflow_file_name(name: str) -> str:
    """The file of a workflow, relative to the workspace."""
    return f"{_WORKFLOWS}/{name}.yaml"


def read_files(workspace: Workspace) -> WorkspaceFiles:
    """Read `befit.yaml`, `workflows/*.yaml`, `policies/*.cedar` and `knowledge/acl.yaml`; what
    cannot be read, and what stands beside them unread, becomes a problem."""
    texts: dict[str, bytes] = {}
    problems: list[Problem] = []
    folders: set[str] = set()
    paths = [workspace.config_file, *_access_file(workspace)]
    for folder in _folders(workspace):
        try:
            if not os.path.lexists(folder):
                continue
            entries = _entries(folder)
        except OSError as error:
            problems.append(_unreadable_folder(folder.name, error))
            continue
        folders.add(folder.name)
        suffix = _SUFFIXES[folder.name]
        paths += [path for path in entries if path.suffix == suffix]
        problems += [_unread(path, suffix) for path in entries if path.suffix != suffix]
    for path in paths:
        name = path.relative_to(workspace.root).as_posix()
        try:
            if path.exists() and not path.is_file():  # reading a pipe would block
                raise FileNotFoundError(0, "not a file")
            with path.open("rb") as file:
                texts[name] = file.read(MAX_BYTES + 1)
        except OSError as error:
            problems.append(_unreadable(name, error))
    return WorkspaceFiles(texts=texts, folders=frozenset(folders), problems=tuple(problems))


def declared_paths(workspace: Workspace) -> list[Path]:
    """Everything whose change may be another declaration, what should not be there included.

    Raises:
        OSError: a folder is there and cannot be listed.
    """
    folders = [folder for folder in _folders(workspace) if os.path.lexists(folder)]
    entries = (path for folder in folders for path in _entries(folder))
    return [workspace.config_file, *_access_file(workspace), *entries]


def gone_folders(files: WorkspaceFiles, before: frozenset[str]) -> tuple[Problem, ...]:
    """Folders that were there and are not: nobody meant to take back all that they said.

    Whoever does leaves the folder, empty.
    """
    return tuple(
        Problem(
            what="a folder that has gone",
            file=f"{name}/",
            next_step=f"put it back; where nothing shall be in it, leave it empty: mkdir {name}",
        )
        for name in sorted(before - files.folders)
        if not any(problem.file == f"{name}/" for problem in files.problems)
    )


def gone_access_file(files: WorkspaceFiles, before: WorkspaceFiles) -> tuple[Problem, ...]:
    """The file of who may read what, where it was there and is not."""
    told = [problem.file for problem in files.problems]
    if ACCESS_FILE not in before.texts or ACCESS_FILE in (*files.texts, *told):
        return ()
    step = "put it back; where it shall say nothing, write: rules: []"
    return (Problem(what="a file that has gone", file=ACCESS_FILE, next_step=step),)


def read_policy_files(folder: Path) -> dict[str, bytes]:
    """The rules of any folder, named as if they stood in the workspace's `policies/`.

    Raises:
        OSError: one cannot be read.
    """
    found: dict[str, bytes] = {}
    for path in _entries(folder):
        if path.suffix == _SUFFIXES[_POLICIES]:
            with path.open("rb") as file:
                found[f"{_POLICIES}/{path.name}"] = file.read(MAX_BYTES + 1)
    return found


def _folders(workspace: Workspace) -> tuple[Path, Path]:
    return workspace.workflows_dir, workspace.policies_dir


def _access_file(workspace: Workspace) -> list[Path]:
    return [workspace.access_file] if os.path.lexists(workspace.access_file) else []


def _entries(folder: Path) -> list[Path]:
    """What stands in a folder, in order of name, but for what is plainly not for Befit."""
    return sorted(path for path in folder.iterdir() if not _NOT_FOR_BEFIT.fullmatch(path.name))


def _unread(path: Path, suffix: str) -> Problem:
    name = f"{path.parent.name}/{path.name}"
    if path.is_dir():
        step = f"move its files into {path.parent.name}/"
        return Problem(what="a folder that is not read", file=name, next_step=step)
    return Problem(
        what="a file that is not read",
        file=name,
        next_step=f"rename it to end in {suffix}, or move it out of {path.parent.name}/",
    )


def _unreadable(name: str, error: OSError) -> Problem:
    return Problem(what=f"nothing readable ({error.strerror})", file=name)


def _unreadable_folder(name: str, error: OSError) -> Problem:
    step = f"{name} is there but cannot be listed: make it a folder, or mend what it links to"
    return Problem(what=f"nothing readable ({error.strerror})", file=f"{name}/", next_step=step)
