"""Rooms use each other through their front doors, downwards only."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator

from tests.structure.tree import ROOT, Source, exports_of, packages, sources

# The console speaks HTTP to the gateway; all it may share with the rest are plain values.
CONSOLE_MAY_IMPORT = {"console", "errors", "messages", "vocabulary"}


def test_imports_go_down_the_ranks() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_rooms_import_each_other_only_through_a_package() -> None:
    around = [
        f"{source.at(node)} imports {target}"
        for source, node, target in _own_imports()
        if source.room != _room(target) and source.room != "testing" and not _is_door(target)
    ]
    assert not around, "\n".join(["import what the room's __init__.py exports:", *around])


def test_only_tests_the_demo_and_the_leak_test_use_the_fakes() -> None:
    users = [
        f"{source.at(node)} imports {target}"
        for source, node, target in _own_imports()
        if _room(target) == "testing"
        and source.room != "testing"
        and not source.module.startswith(("befit.cli.demo", "befit.cli.leak_test"))
    ]
    told = "befit.testing is for tests, benchmarks, the demo and the leak test:"
    assert not users, "\n".join([told, *users])


def test_the_console_knows_the_product_only_over_http() -> None:
    reaching = [
        f"{source.at(node)} imports {target}"
        for source, node, target in _own_imports()
        if source.room == "console" and _room(target) not in CONSOLE_MAY_IMPORT
    ]
    assert not reaching, "\n".join(["the console speaks HTTP to the gateway:", *reaching])


def test_own_imports_stand_at_the_top_of_the_file() -> None:
    late = [
        f"{source.at(node)} imports {target}"
        for source, node, target in _own_imports()
        if node not in source.tree.body
    ]
    assert not late, "\n".join(["own imports stand at the top of the file:", *late])


def _own_imports() -> Iterator[tuple[Source, ast.Import | ast.ImportFrom, str]]:
    """Each import of a befit module: who, where, and the full name of what it names."""
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{_base(source, node)}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                if name.startswith("befit."):
                    yield source, node, name


def _base(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = source.module.split(".") + ([""] if source.is_package else [])
    return ".".join([*package[: -node.level], *([node.module] if node.module else [])])


def _room(target: str) -> str:
    return target.split(".")[1]


def _is_door(target: str) -> bool:
    """Whether `target` is a package, a name that one exports, or in a top-level module."""
    parent = target.rpartition(".")[0]
    if target in packages():
        return True
    if parent in packages() and parent != "befit":
        return target.rpartition(".")[2] in (exports_of(packages()[parent]) or [])
    return target.count(".") <= 2 and f"befit.{_room(target)}" not in packages()
