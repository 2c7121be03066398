"""What `befit init` writes loads as it is and touches nothing of the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from befit.catalog import AnswerMode, Capability, Knowledge, Workspace, load_catalog, write_template
from befit.errors import Conflict, WorkspaceError
from befit.knowledge.access import AccessRules, read_access_rules
from befit.settings import examine_workspace, load_settings
from befit.vocabulary import DataClass, Impact, Zone


def test_a_fresh_workspace_has_no_problem(tmp_path: Path):
    written = write_template(tmp_path / "deep" / "ws")
    assert all(path.is_file() for path in written)
    workspace = Workspace.at(tmp_path / "deep" / "ws")
    assert examine_workspace(workspace).problems == ()
    catalog = load_catalog(workspace)
    assert set(catalog.cards) == {"smollm2-135m", "minilm-l6"}
    assert {card.zone for card in catalog.cards.values()} == {Zone.DEVICE}
    assert Capability.EMBEDDINGS in catalog.cards["minilm-l6"].capabilities
    assert set(catalog.workflows) == {"assistant", "ask-documents"}
    assert all(flow.impact is Impact.LOW for flow in catalog.workflows.values())
    assert catalog.workflows["ask-documents"].knowledge == Knowledge(mode=AnswerMode.QUOTE)


def test_the_example_loads_once_it_is_renamed(tmp_path: Path):
    write_template(tmp_path)
    example = tmp_path / "workflows" / "triage.yaml.example"
    example.rename(example.with_suffix(""))
    workspace = Workspace.at(tmp_path)
    assert examine_workspace(workspace).problems == ()
    assert load_catalog(workspace).workflows["triage"].ends_at_person


def test_the_rules_of_readers_say_nothing_until_they_are_edited(tmp_path: Path):
    write_template(tmp_path)
    raw = (tmp_path / "knowledge" / "acl.yaml").read_bytes()
    assert read_access_rules(raw, file="acl.yaml").rules == AccessRules()
    lines = raw.decode().replace("rules: []", "").splitlines()
    start = lines.index("# rules:")
    example = "\n".join(line.removeprefix("# ") for line in lines[start : lines.index("#", start)])
    rules = read_access_rules(example.encode(), file="acl.yaml").rules
    assert rules is not None
    assert [rule.path for rule in rules.rules] == ["people/salaries/**", "people/**", "**"]


def test_the_chosen_class_is_written(tmp_path: Path):
    write_template(tmp_path, undeclared_class=DataClass.PUBLIC)
    assert load_settings(Workspace.at(tmp_path)).undeclared_class is DataClass.PUBLIC
    assert "# The data class of requests" in (tmp_path / "befit.yaml").read_text()


def test_a_workspace_is_not_written_over(tmp_path: Path):
    write_template(tmp_path)
    (tmp_path / "befit.yaml").write_text("models: {}\n")
    with pytest.raises(Conflict, match=r"befit\.yaml exists"):
        write_template(tmp_path)
    assert (tmp_path / "befit.yaml").read_text() == "models: {}\n"


def test_other_files_of_the_folder_stay(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".gitignore").write_text("*.log")
    write_template(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[0] == "*.log"
    assert ".befit/" in lines


def test_a_folder_that_ignores_befit_already_is_left_so(tmp_path: Path):
    (tmp_path / ".gitignore").write_text("/.befit\n")
    assert tmp_path / ".gitignore" not in write_template(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "/.befit\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises((Conflict, WorkspaceError)):
        write_template(tmp_path / "file" / "ws")
