"""docs/reference: the workspace's examples load, and every key stands on some page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from befit.catalog import Workspace, load_catalog
from befit.catalog.model_entry import ModelEntry
from befit.catalog.validation import model_in
from befit.catalog.workflow_file import WorkflowFile
from befit.settings import SettingsFile, examine_workspace

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "workspace.md"
EXAMPLE = re.compile(r"```yaml\n# (?P<file>\S+)\n(?P<text>.*?)```", re.DOTALL)


def _keys(schema: type[BaseModel]) -> Iterator[str]:
    for name, field in schema.model_fields.items():
        yield name
        below = model_in(field.annotation)
        if below is not None:
            yield from _keys(below)


def test_the_examples_are_one_workspace_without_a_problem(tmp_path: Path):
    (tmp_path / "workflows").mkdir()
    examples = list(EXAMPLE.finditer(PAGE.read_text()))
    assert {example["file"] for example in examples} >= {"befit.yaml", "workflows/triage.yaml"}
    for example in examples:
        (tmp_path / example["file"]).write_text(example["text"])
    workspace = Workspace.at(tmp_path)
    assert examine_workspace(workspace).problems == ()
    assert load_catalog(workspace).workflows["triage"].requirements.quality_bar == 0.9


@pytest.mark.parametrize("schema", [SettingsFile, ModelEntry, WorkflowFile])
def test_every_key_stands_on_a_page(schema: type[BaseModel]):
    # A section of its own room is described on that room's page.
    page = "\n".join(path.read_text() for path in sorted(PAGE.parent.glob("*.md")))
    keys = set(_keys(schema)) - {"kind"}  # `check: schema` is the written form of it
    assert len(keys) >= 10
    assert sorted(key for key in keys if not re.search(rf"`[^`]*\b{key}\b[^`]*`", page)) == []
