"""A workspace of real files, written the way a user writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from befit.catalog import Workspace

WriteWorkspace = Callable[..., Workspace]


@pytest.fixture
def write_workspace(tmp_path: Path) -> WriteWorkspace:
    """`write_workspace(config, triage=text)` writes befit.yaml and workflows/triage.yaml."""

    def write(config: str = "models: {}\n", **workflows: str) -> Workspace:
        root = tmp_path / "workspace"
        (root / "workflows").mkdir(parents=True, exist_ok=True)
        (root / "befit.yaml").write_text(dedent(config))
        for name, text in workflows.items():
            (root / "workflows" / f"{name}.yaml").write_text(dedent(text))
        return Workspace.at(root)

    return write
