"""The catalog in force: replaced whole when the files change, kept when they are wrong."""

from __future__ import annotations

import os

import pytest

from befit.catalog import CatalogReading, CatalogSource, Problem
from befit.errors import WorkspaceError

CONFIG = "models: {a: {via: ollama, size: small}}\n"


def test_a_changed_file_is_in_force_at_the_next_look(write_workspace):
    workspace = write_workspace(CONFIG, w="instructions: x\n")
    source = CatalogSource(workspace)
    before = source.current
    assert not source.reload_if_changed().changed
    (workspace.workflows_dir / "w.yaml").write_text("instructions: y\n")
    reload = source.reload_if_changed()
    assert reload.changed
    assert not reload.problems
    assert source.current.workflows["w"].instructions == "y"
    assert before.workflows["w"].instructions == "x"


def test_a_change_of_the_same_size_and_time_is_seen(write_workspace):
    workspace = write_workspace(CONFIG, w="instructions: x\n")
    source = CatalogSource(workspace)
    path = workspace.workflows_dir / "w.yaml"
    times = path.stat()
    path.write_text("instructions: y\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert source.reload_if_changed().changed


def test_files_added_and_removed_are_seen(write_workspace):
    workspace = write_workspace(CONFIG)
    source = CatalogSource(workspace)
    path = workspace.workflows_dir / "w.yaml"
    path.write_text("instructions: x\n")
    assert source.reload_if_changed().changed
    assert set(source.current.workflows) == {"w"}
    path.unlink()
    assert source.reload_if_changed().changed
    assert not source.current.workflows


def test_a_wrong_file_changes_nothing_and_is_told_until_it_is_right(write_workspace):
    workspace = write_workspace(CONFIG, w="instructions: x\n")
    source = CatalogSource(workspace)
    before = source.current
    path = workspace.workflows_dir / "w.yaml"
    path.write_text("instructons: y\n")
    for _ in range(2):
        reload = source.reload_if_changed()
        assert not reload.changed
        assert "did you mean 'instructions'?" in str(reload.problems[0])
        assert source.current is before
    path.write_text("instructions: x\n")
    reload = source.reload_if_changed()
    assert not reload.changed
    assert not reload.problems
    assert source.current is before


def test_a_workspace_whose_files_are_gone_keeps_its_catalog(write_workspace):
    workspace = write_workspace(CONFIG)
    source = CatalogSource(workspace)
    workspace.config_file.unlink()
    assert source.reload_if_changed().problems
    assert set(source.current.cards) == {"a"}
    workspace.config_file.write_text(CONFIG)
    assert not source.reload_if_changed().problems


def test_a_comment_is_no_change(write_workspace):
    workspace = write_workspace(CONFIG)
    source = CatalogSource(workspace)
    workspace.config_file.write_text(CONFIG + "# why\n")
    assert not source.reload_if_changed().changed


def test_a_first_catalog_that_is_wrong_is_an_error(write_workspace):
    with pytest.raises(WorkspaceError, match="models"):
        CatalogSource(write_workspace("models: 5\n"))


def test_what_other_rooms_find_wrong_keeps_the_whole_catalog_back(write_workspace):
    workspace = write_workspace(CONFIG)
    wrong: list[Problem] = []

    def examine(reading: CatalogReading) -> tuple[Problem, ...]:
        return (*reading.problems, *wrong)

    source = CatalogSource(workspace, examine=examine)
    before = source.current
    wrong.append(Problem(what="a wrong value", file="befit.yaml"))
    workspace.config_file.write_text(CONFIG.replace("small", "large"))
    for _ in range(2):
        assert source.reload_if_changed().problems == tuple(wrong)
        assert source.current is before
    wrong.clear()
    workspace.config_file.write_text(CONFIG.replace("small", "large") + "# mended\n")
    assert source.reload_if_changed().changed


def test_a_file_that_is_still_being_written_is_not_taken_for_whole(
    write_workspace, monkeypatch: pytest.MonkeyPatch
):
    workspace = write_workspace(CONFIG)
    source = CatalogSource(workspace)
    rules = workspace.policies_dir / "own.cedar"
    rules.parent.mkdir()
    whole = "permit (principal, action, resource);\nforbid (principal, action, resource);\n"
    rules.write_text(whole[:38])  # an editor has come so far
    seen: list[bytes] = []
    monkeypatch.setattr(
        source,
        "_examine",
        lambda reading: seen.append(reading.policy_files["policies/own.cedar"]) or (),
    )
    monkeypatch.setattr("time.sleep", lambda _s: rules.write_text(whole))
    source.reload_if_changed()
    assert seen == [whole.encode()]
