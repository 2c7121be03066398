"""The catalog in force: replaced whole when the files change, kept when they are wrong."""

from __future__ import annotations

import os

import pytest

from befit.catalog import CatalogReading, CatalogSource, Examined, Problem
from befit.errors import WorkspaceError

CONFIG = "models: {a: {via: ollama, size: small}}\n"


def test_a_changed_file_is_in_force_at_the_next_look(write_workspace):
    workspace = write_workspace(CONFIG, w="instructions: x\n")
    source = CatalogSource(workspace)
    before = source.declared
    assert not source.reload_if_changed().changed
    (workspace.workflows_dir / "w.yaml").write_text("instructions: y\n")
    reload = source.reload_if_changed()
    assert reload.changed
    assert not reload.problems
    assert source.declared.workflows["w"].instructions == "y"
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
    assert set(source.declared.workflows) == {"w"}
    path.unlink()
    assert source.reload_if_changed().changed
    assert not source.declared.workflows


def test_a_wrong_file_changes_nothing_and_is_told_until_it_is_right(write_workspace):
    workspace = write_workspace(CONFIG, w="instructions: x\n")
    source = CatalogSource(workspace)
    before = source.declared
    path = workspace.workflows_dir / "w.yaml"
    path.write_text("instructons: y\n")
    for _ in range(2):
        reload = source.reload_if_changed()
        assert not reload.changed
        assert "did you mean 'instructions'?" in str(reload.problems[0])
        assert source.declared is before
    path.write_text("instructions: x\n")
    reload = source.reload_if_changed()
    assert not reload.changed
    assert not reload.problems
    assert source.declared is before


def test_a_workspace_whose_files_are_gone_keeps_its_catalog(write_workspace):
    workspace = write_workspace(CONFIG)
    source = CatalogSource(workspace)
    workspace.config_file.unlink()
    assert source.reload_if_changed().problems
    assert set(source.declared.cards) == {"a"}
    workspace.config_file.write_text(CONFIG)
    assert not source.reload_if_changed().problems


@pytest.mark.parametrize("how", ["removed", "unlinked", "dangling"])
def test_a_folder_that_has_gone_takes_nothing_back_until_it_is_there_again(
    write_workspace, how: str
):
    workspace = write_workspace(CONFIG)
    real, folder = workspace.root / "rules-v1", workspace.policies_dir
    real.mkdir()
    (real / "own.cedar").write_text("one")
    folder.symlink_to(real)
    seen: list[CatalogReading] = []

    def examine(reading: CatalogReading) -> Examined:
        return Examined(problems=reading.problems, take=lambda: seen.append(reading))

    source = CatalogSource(workspace, examine=examine)
    gone = workspace.root / "rules-gone"
    if how == "dangling":
        real.rename(gone)
    else:
        folder.unlink()
    workspace.config_file.write_text(CONFIG.replace("small", "large"))
    for _ in range(3):  # told at each look, also where another file is touched
        workspace.config_file.write_text(workspace.config_file.read_text() + "# more\n")
        (problem,) = source.reload_if_changed().problems
        assert problem.file == "policies/"
        assert problem.next_step
        assert source.declared.cards["a"].size == "small"
    assert len(seen) == 1

    if how == "removed":  # whoever means it leaves the folder, empty
        folder.mkdir()
    elif how == "dangling":
        gone.rename(real)
    else:
        folder.symlink_to(real)
    reload = source.reload_if_changed()
    assert (reload.changed, reload.problems) == (True, ())
    assert bool(seen[-1].policy_files) is (how != "removed")


def test_a_workspace_that_never_had_a_folder_needs_none(write_workspace):
    workspace = write_workspace(CONFIG)
    workspace.workflows_dir.rmdir()
    source = CatalogSource(workspace)
    workspace.config_file.write_text(CONFIG + "# why\n")
    assert source.reload_if_changed().problems == ()


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
    taken: list[CatalogReading] = []

    def examine(reading: CatalogReading) -> Examined:
        return Examined(problems=(*reading.problems, *wrong), take=lambda: taken.append(reading))

    source = CatalogSource(workspace, examine=examine)
    before = source.declared
    wrong.append(Problem(what="a wrong value", file="befit.yaml"))
    workspace.config_file.write_text(CONFIG.replace("small", "large"))
    for _ in range(2):
        assert source.reload_if_changed().problems == tuple(wrong)
        assert source.declared is before
        assert len(taken) == 1
    wrong.clear()
    workspace.config_file.write_text(CONFIG.replace("small", "large") + "# mended\n")
    assert source.reload_if_changed().changed
    assert len(taken) == 2


def test_a_look_puts_nothing_in_force_and_one_that_is_lost_is_repeated(write_workspace):
    workspace = write_workspace(CONFIG)
    taken: list[CatalogReading] = []

    def examine(reading: CatalogReading) -> Examined:
        return Examined(problems=reading.problems, take=lambda: taken.append(reading))

    source = CatalogSource(workspace, examine=examine)
    before = source.declared
    workspace.config_file.write_text(CONFIG.replace("small", "large"))
    for _ in range(2):  # whoever asked for the first has been cancelled
        look = source.look()
        assert (source.declared, len(taken)) == (before, 1)
    assert source.take(look).changed
    assert (source.declared, len(taken)) == (look.declared, 2)


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
        lambda reading: (
            seen.append(reading.policy_files["policies/own.cedar"]) or Examined(problems=())
        ),
    )
    monkeypatch.setattr("time.sleep", lambda _s: rules.write_text(whole))
    source.reload_if_changed()
    assert seen == [whole.encode()]
