"""An edit of `knowledge/acl.yaml` counts once it is noticed; a wrong one changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from befit.catalog import Workspace
from befit.identity import EVERYONE, Principal
from befit.knowledge.access import NOBODY_KNOWN
from befit.platform import Platform
from befit.settings import examine_workspace
from tests.storage.knowledge_rows import document, new

_CONFIG = "models: {a: {via: ollama, size: small}}\n"
MARA = Principal(id="person:P1", name="mara", groups=frozenset({EVERYONE, "hr"}))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "befit.yaml").write_text(_CONFIG)
    (tmp_path / "knowledge").mkdir()
    return Workspace.at(tmp_path)


def opened(workspace: Workspace) -> object:
    return Platform.opened(
        workspace,
        boot_key=secrets.token_bytes(32),
        models_socket=workspace.root / "no-models.sock",
    )


@pytest.fixture
async def platform(workspace: Workspace) -> AsyncIterator[Platform]:
    async with opened(workspace) as platform:
        yield platform


async def _take_in(platform: Platform) -> None:
    stores = platform.stores.knowledge
    nobody = await stores.access.keep("default", "none", "none", NOBODY_KNOWN)
    await stores.documents.put([new(document("K1", path="hr/a.md", acl_id=nobody.acl_id))])


def _readable(platform: Platform) -> bool:
    stores = platform.stores.knowledge
    (placement,) = stores.documents.placements("default", ["K1"]).values()
    return placement.acl_id in stores.access.rights(MARA).acl_ids


async def test_an_edit_counts_when_the_reload_has_ended(platform: Platform) -> None:
    await _take_in(platform)
    assert not _readable(platform)
    file = platform.workspace.access_file
    file.write_text("rules:\n  - {path: 'hr/**', groups: [hr]}\n")
    reload = await platform.shelf.reload()
    assert (reload.changed, reload.problems) == (True, ())
    assert _readable(platform)
    assert platform.shelf.now.access.match("handbook", "hr/a.md") is not None
    file.write_text("rules:\n  - {path: 'hr/**', groups: [it]}\n")
    await platform.shelf.reload()
    assert not _readable(platform)


async def test_a_wrong_edit_changes_nothing_and_is_told(platform: Platform) -> None:
    await _take_in(platform)
    file = platform.workspace.access_file
    file.write_text("rules:\n  - {path: 'hr/**', groups: [hr]}\n")
    await platform.shelf.reload()
    before = platform.shelf.now.access
    file.write_text("rules:\n  - {path: 'hr/**', grups: [it]}\n")
    for _ in range(2):
        (problem,) = (await platform.shelf.reload()).problems
        assert "unknown key 'grups' in knowledge/acl.yaml at rules[0].grups (line 2)" in str(
            problem
        )
        assert platform.shelf.now.access is before
        assert _readable(platform)


async def test_a_file_that_goes_while_befit_runs_takes_nothing_back(platform: Platform) -> None:
    await _take_in(platform)
    file = platform.workspace.access_file
    file.write_text("rules:\n  - {path: 'hr/**', groups: [hr]}\n")
    await platform.shelf.reload()
    file.unlink()
    (problem,) = (await platform.shelf.reload()).problems
    assert str(problem) == (
        "a file that has gone in knowledge/acl.yaml; put it back; "
        "where it shall say nothing, write: rules: []"
    )
    assert _readable(platform)
    file.write_text("rules: []\n")
    assert (await platform.shelf.reload()).problems == ()
    assert not _readable(platform)


async def test_what_was_edited_while_nothing_ran_counts_from_the_start(
    workspace: Workspace,
) -> None:
    async with opened(workspace) as platform:
        await _take_in(platform)
    workspace.access_file.write_text("rules:\n  - {path: 'hr/**', groups: [hr]}\n")
    async with opened(workspace) as platform:
        assert _readable(platform)
    workspace.access_file.unlink()
    async with opened(workspace) as platform:
        assert not _readable(platform)


def test_check_tells_what_is_wrong_with_the_file(workspace: Workspace) -> None:
    workspace.access_file.write_text("rules:\n  - {groups: [hr]}\n")
    examination = examine_workspace(workspace)
    assert [str(each) for each in examination.problems] == [
        "missing key 'path' in knowledge/acl.yaml at rules[0].path (line 2)"
    ]
    assert examination.access is None
    workspace.access_file.unlink()
    assert examine_workspace(workspace).problems == ()


def test_other_files_beside_it_are_not_befits_to_read(workspace: Workspace) -> None:
    (workspace.root / "knowledge" / "handbook.md").write_text("Pumps leak.")
    assert examine_workspace(workspace).problems == ()
