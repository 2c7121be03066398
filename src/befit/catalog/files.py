"""`WorkspaceFiles`: the bytes of the files that a workspace is declared by, read at one moment.

Loading is a pure function of them, so that a change can be tried before it is written
and a reload compares instead of guessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from befit.catalog.problem import Problem
from befit.catalog.workspace import Workspace
from befit.catalog.yaml_tree import MAX_BYTES

CONFIG = "befit.yaml"
"""The file of models and settings."""

_WORKFLOWS = "workflows"
_POLICIES = "policies"
_SUFFIXES = {_WORKFLOWS: frozenset({".yaml", ".yml"}), _POLICIES: frozenset({".cedar"})}


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceFiles:
    """File name (relative, such as `workflows/triage.yaml`) to content.

    `problems` names what could not be read.
    """

    texts: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()

    def with_text(self, name: str, text: bytes) -> WorkspaceFiles:
        """The same files with one of them changed or added."""
        return replace(self, texts={**self.texts, name: text})

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
    """Read `befit.yaml`, `workflows/*.yaml` and `policies/*.cedar`; what cannot be read
    becomes a problem."""
    texts: dict[str, bytes] = {}
    problems: list[Problem] = []
    paths = [workspace.config_file]
    for folder in (workspace.workflows_dir, workspace.policies_dir):
        try:
            paths += _paths_in(folder)
        except OSError as error:
            problems.append(_unreadable(folder.name, error))
    for path in paths:
        name = path.relative_to(workspace.root).as_posix()
        if path.suffix == ".yml":
            what, step = "a file that is not read", "rename it to end in .yaml"
            problems.append(Problem(what=what, file=name, next_step=step))
            continue
        try:
            if path.exists() and not path.is_file():  # reading a pipe would block
                raise FileNotFoundError(0, "not a file")
            with path.open("rb") as file:
                texts[name] = file.read(MAX_BYTES + 1)
        except OSError as error:
            problems.append(_unreadable(name, error))
    return WorkspaceFiles(texts=texts, problems=tuple(problems))


def declared_paths(workspace: Workspace) -> list[Path]:
    """Every file that declares something: what is read, and whose change is taken up."""
    folders = (workspace.workflows_dir, workspace.policies_dir)
    return [workspace.config_file, *(path for folder in folders for path in _paths_in(folder))]


def read_policy_files(folder: Path) -> dict[str, bytes]:
    """The rules of any folder, named as if they stood in the workspace's `policies/`.

    Raises:
        OSError: one cannot be read.
    """
    found: dict[str, bytes] = {}
    for path in _counting(folder, _SUFFIXES[_POLICIES]):
        with path.open("rb") as file:
            found[f"{_POLICIES}/{path.name}"] = file.read(MAX_BYTES + 1)
    return found


def _paths_in(folder: Path) -> list[Path]:
    return _counting(folder, _SUFFIXES[folder.name]) if folder.exists() else []


def _counting(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files of a folder that count, in order of name; editors' own do not."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in suffixes and not path.name.startswith((".", "~"))
    )


def _unreadable(name: str, error: OSError) -> Problem:
    return Problem(what=f"nothing readable ({error.strerror})", file=name)
