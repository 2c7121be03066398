"""What `befit init DIR` writes: a workspace that runs as it is.

for path in write_template(Path("support")):
    print(path)
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from befit.catalog.files import ACCESS_FILE, CONFIG
from befit.catalog.write import replace_file
from befit.catalog.yaml_edit import set_value
from befit.errors import Conflict, WorkspaceError
from befit.vocabulary import DataClass

_FILES = {
    CONFIG: "befit.yaml",
    "workflows/assistant.yaml": "assistant.yaml",
    "workflows/ask-documents.yaml": "ask-documents.yaml",
    "workflows/triage.yaml.example": "triage.yaml.example",
    ACCESS_FILE: "acl.yaml",
}
_IGNORED = ".gitignore"


def write_template(
    folder: Path, *, undeclared_class: DataClass = DataClass.INTERNAL
) -> tuple[Path, ...]:
    """Make a folder a workspace: the embedded cards, two workflows, commented examples.

    Args:
        folder: made where it does not exist; other files in it stay as they are.
        undeclared_class: what `befit.yaml` says of requests that declare no class.

    Returns:
        The files that were written.

    Raises:
        Conflict: one of the files exists; nothing is written.
        WorkspaceError: the folder or a file cannot be written.
    """
    for name in _FILES:
        if (folder / name).exists():
            raise Conflict(f"{folder / name} exists", next_step="take another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be made: {error.strerror}") from None
    written: list[Path] = []
    # befit.yaml comes last: until it stands, the folder is no workspace.
    for name, source in reversed(_FILES.items()):
        text = _packaged(source)
        if name == CONFIG:
            text = set_value(text, ("undeclared_class",), undeclared_class.word)
        replace_file(folder / name, text.encode())
        written.append(folder / name)
    return (*reversed(written), *_ignore(folder / _IGNORED))


def _ignore(path: Path) -> tuple[Path, ...]:
    """Keep `.befit/` out of version control without touching the user's own lines."""
    try:
        standing = path.read_text() if path.exists() else ""
    except (OSError, UnicodeDecodeError):
        return ()
    if any(line.strip().strip("/") == ".befit" for line in standing.splitlines()):
        return ()
    gap = "\n" if standing and not standing.endswith("\n") else ""
    replace_file(path, f"{standing}{gap}{_packaged('gitignore')}".encode())
    return (path,)


def _packaged(name: str) -> str:
    return (resources.files("befit.catalog") / "template_files" / name).read_text("utf-8")
