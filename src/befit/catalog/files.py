"""`WorkspaceFiles`: the bytes of the files that make the catalog, read at one moment.

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
            if file != CONFIG:
                yield PurePosixPath(file).stem, file, text


def workflow_file_name(name: str) -> str:
    """The file of a workflow, relative to the workspace."""
    return f"{_WORKFLOWS}/{name}.yaml"


def read_files(workspace: Workspace) -> WorkspaceFiles:
    """Read `befit.yaml` and `workflows/*.yaml`; what cannot be read becomes a problem."""
    texts: dict[str, bytes] = {}
    problems: list[Problem] = []
    paths = [workspace.config_file]
    try:
        paths += list_workflow_paths(workspace)
    except OSError as error:
        problems.append(_unreadable(_WORKFLOWS, error))
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


def list_workflow_paths(workspace: Workspace) -> list[Path]:
    """The files under `workflows/` that count, in order of name; editors' own do not."""
    if not workspace.workflows_dir.exists():
        return []
    return sorted(
        path
        for path in workspace.workflows_dir.iterdir()
        if path.suffix in {".yaml", ".yml"} and not path.name.startswith((".", "~"))
    )


def _unreadable(name: str, error: OSError) -> Problem:
    return Problem(what=f"nothing readable ({error.strerror})", file=name)
