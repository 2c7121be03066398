"""Every package says in one line what it is and names what it offers."""

from __future__ import annotations

import ast
import importlib

from tests.structure.exports import current, pinned
from tests.structure.tree import SRC, exports_of, packages


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in SRC.rglob("*.py")}
    bare = [
        folder.relative_to(SRC).as_posix()
        for folder in sorted(folders)
        if not (folder / "__init__.py").exists()
    ]
    assert not bare, f"without an __init__.py: {bare}"


def test_every_package_has_a_docstring_and_names_its_exports() -> None:
    # befit itself offers its rooms, not names.
    rooms = {name: package for name, package in packages().items() if name != "befit"}
    silent = [name for name, package in rooms.items() if not ast.get_docstring(package.tree)]
    # A docstring alone offers nothing and says so.
    unnamed = [
        name
        for name, package in rooms.items()
        if len(package.tree.body) > 1 and exports_of(package) is None
    ]
    assert not silent, f"without a docstring: {silent}"
    assert not unnamed, f"without a literal __all__: {unnamed}"


def test_public_names_change_only_on_purpose() -> None:
    now, before = current(), pinned()
    changes = [
        f"{name}: added {sorted(added)}, removed {sorted(removed)}"
        for name in sorted(now.keys() | before.keys())
        if (added := set(now.get(name, [])) - set(before.get(name, [])))
        | (removed := set(before.get(name, [])) - set(now.get(name, [])))
        or (name in now) != (name in before)
    ]
    assert not changes, "\n".join(["if this is wanted, run `make exports`:", *changes])


def test_every_exported_name_exists() -> None:
    missing = [
        f"{name}.{export}"
        for name, exports in current().items()
        for export in exports
        if not hasattr(importlib.import_module(name), export)
    ]
    assert not missing, f"in __all__ but not defined: {missing}"
