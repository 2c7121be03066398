"""The source tree as the structure tests see it: files, parsed once."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One Python file below src/, with its module name and syntax tree."""

    path: Path
    module: str
    text: str
    tree: ast.Module

    @property
    def where(self) -> str:
        """The path as a message names it."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        """The room of a file: `routing` for befit.routing.scoring, `errors` for befit.errors."""
        return self.module.split(".")[1] if "." in self.module else ""

    @property
    def is_package(self) -> bool:
        """Whether the file is a package's `__init__.py`."""
        return self.path.name == "__init__.py"

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each line with the place a message names."""
        for number, line in enumerate(self.text.splitlines(), start=1):
            yield f"{self.where}:{number}", line

    def at(self, node: ast.AST) -> str:
        """The place of a node."""
        return f"{self.where}:{getattr(node, 'lineno', 1)}"


@functools.cache
def sources() -> tuple[Source, ...]:
    """All Python files below src/, by path."""
    return tuple(_read(path) for path in sorted(SRC.rglob("*.py")))


@functools.cache
def packages() -> dict[str, Source]:
    """The packages below src/, by module name."""
    return {source.module: source for source in sources() if source.is_package}


def exports_of(package: Source) -> list[str] | None:
    """The names in a package's `__all__`, or None where there is none written out."""
    for node in package.tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            return list(ast.literal_eval(node.value))
    return None


def tracked_files() -> list[Path]:
    """Every file that is, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def _read(path: Path) -> Source:
    parts = path.relative_to(SRC).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Source(path=path, module=module, text=text, tree=ast.parse(text, str(path)))
