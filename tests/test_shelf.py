"""Catalog and settings are taken up together or not at all, and problems are told until mended."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from befit.catalog import CatalogReading, Workspace
from befit.platform import Platform, Snapshot
from befit.settings import Examination, examine_reading
from befit.vocabulary import DataClass, SizeClass

_CONFIG = "models: {a: {via: ollama, size: small}}\n"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "befit.yaml").write_text(_CONFIG)
    async with Platform.opened(
        Workspace.at(tmp_path),
        boot_key=secrets.token_bytes(32),
        models_socket=tmp_path / "no-models.sock",
    ) as platform:
        yield platform


async def test_a_typo_in_the_settings_keeps_back_the_card_saved_with_it(platform: Platform):
    shelf = platform.shelf
    before, settings = shelf.now.catalog, shelf.now.settings
    changed = _CONFIG.replace("small", "large")
    platform.workspace.config_file.write_text(changed + "undeclared_class: confidental\n")
    for _ in range(3):
        reload = await shelf.reload()
        assert not reload.changed
        assert "undeclared_class" in str(reload.problems[0])
        assert shelf.now.catalog is before
        assert shelf.now.settings is settings

    platform.workspace.config_file.write_text(changed + "undeclared_class: confidential\n")
    reload = await shelf.reload()
    assert reload.changed
    assert not reload.problems
    assert shelf.now.catalog.cards["a"].size is SizeClass.LARGE
    assert shelf.now.undeclared_class is DataClass.CONFIDENTIAL


async def test_evidence_that_could_not_be_read_is_read_at_the_next_look(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    shelf = platform.shelf
    before = shelf.evidence_of("default")
    platform.workspace.config_file.write_text(_CONFIG.replace("small", "large"))
    with monkeypatch.context() as broken:

        async def refuse() -> None:
            raise OSError("disk")

        broken.setattr(shelf, "refresh", refuse)
        with pytest.raises(OSError, match="disk"):
            await shelf.reload()
    await shelf.reload()
    assert shelf.evidence_of("default") is not before


_RULE = (
    '@id("own/no-{0}") @reason("{0} rests") forbid (principal, action == Action::"invoke",'
    ' resource == Model::"{0}");\n'
)


async def test_changed_rules_are_in_force_for_the_next_and_kept_by_their_hash(
    platform: Platform,
):
    shelf = platform.shelf
    before = shelf.now.policy
    assert (await platform.stores.policies.get(before.hash)).content == before.rules.content
    assert not (await shelf.reload()).changed
    assert shelf.now.policy is before

    folder = platform.workspace.policies_dir
    folder.mkdir()
    (folder / "own.cedar").write_text(_RULE.format("a"))
    assert (await shelf.reload()).changed
    assert "own/no-a" in shelf.now.policy.rules.by_id
    assert shelf.now.policy.hash != before.hash
    assert await platform.stores.policies.get(shelf.now.policy.hash) is not None
    assert len(await platform.stores.policies.list()) == 2

    (folder / "own.cedar").unlink()
    assert (await shelf.reload()).changed
    assert shelf.now.policy.hash == before.hash


async def test_a_wrong_rule_keeps_everything_saved_with_it_back_and_is_told(platform: Platform):
    shelf = platform.shelf
    before, catalog = shelf.now.policy, shelf.now.catalog
    folder = platform.workspace.policies_dir
    folder.mkdir()
    (folder / "own.cedar").write_text(_RULE.format("a").replace("invoke", "invok"))
    platform.workspace.config_file.write_text(_CONFIG.replace("small", "large"))
    for _ in range(2):
        reload = await shelf.reload()
        assert not reload.changed
        (problem,) = map(str, reload.problems)
        assert "policies/own.cedar at own/no-a (line 1)" in problem
        assert "did you mean 'invoke'?" in problem
        assert (shelf.now.policy, shelf.now.catalog) == (before, catalog)

    (folder / "own.cedar").write_text(_RULE.format("a"))
    assert (await shelf.reload()).changed
    assert "own/no-a" in shelf.now.policy.rules.by_id
    assert shelf.now.catalog.cards["a"].size is SizeClass.LARGE


async def test_a_chosen_set_that_there_is_not_is_told_with_the_nearest(platform: Platform):
    platform.workspace.config_file.write_text(
        _CONFIG + "policy: {packaged: [baseline, sovreignty]}\n"
    )
    (problem,) = map(str, (await platform.shelf.reload()).problems)
    assert "unknown packaged policy 'sovreignty'" in problem
    assert "befit.yaml at policy.packaged[1] (line 2)" in problem
    assert "did you mean 'sovereignty'?" in problem

    platform.workspace.config_file.write_text(_CONFIG + "policy: {packaged: [baseline]}\n")
    assert (await platform.shelf.reload()).changed
    assert "sovereignty/restricted-inside" not in platform.shelf.now.policy.rules.by_id


async def test_a_folder_of_rules_that_vanishes_keeps_its_rules_in_force(platform: Platform):
    shelf, folder = platform.shelf, platform.workspace.policies_dir
    folder.mkdir()
    (folder / "own.cedar").write_text(_RULE.format("a"))
    await shelf.reload()
    closed = shelf.now.policy
    (folder / "own.cedar").unlink()
    folder.rmdir()
    reload = await shelf.reload()
    (problem,) = map(str, reload.problems)
    assert "a folder that has gone in policies/" in problem
    assert not reload.changed
    assert shelf.now.policy is closed


async def test_no_request_sees_half_a_reload(platform: Platform, monkeypatch: pytest.MonkeyPatch):
    """A rule is lifted in the same edit in which the model is retired: both files close it."""
    shelf, folder = platform.shelf, platform.workspace.policies_dir
    folder.mkdir()
    (folder / "own.cedar").write_text(_RULE.format("a"))
    await shelf.reload()
    before = shelf.now
    platform.workspace.config_file.write_text(
        _CONFIG.replace("small", "small, stage: retired") + "undeclared_class: restricted\n"
    )
    (folder / "own.cedar").write_text("// none\n")
    ready = asyncio.Event()
    readings: list[Snapshot] = []
    loop = asyncio.get_running_loop()

    def examined(reading: CatalogReading, workspace: Workspace) -> Examination:
        found = examine_reading(reading, workspace)
        readings.append(shelf.now)  # in the thread, when all is read and nothing is taken
        loop.call_soon_threadsafe(ready.set)
        time.sleep(0.1)
        return found

    monkeypatch.setattr("befit.platform.shelf.examine_reading", examined)
    seen: list[Snapshot] = []

    async def requests() -> None:
        while not ready.is_set() or len(seen) < 3:
            seen.append(shelf.now)
            await asyncio.sleep(0.01)

    asking = asyncio.create_task(requests())
    await shelf.reload()
    await asking
    after = shelf.now
    assert readings == [before]
    assert {_says(each) for each in seen} <= {_says(before), _says(after)}
    assert _says(before) == ("approved", True, DataClass.INTERNAL)
    assert _says(after) == ("retired", False, DataClass.RESTRICTED)


def _says(now: Snapshot) -> tuple[str, bool, DataClass]:
    card, rules = now.catalog.cards["a"], now.policy.rules.by_id
    return str(card.stage), "own/no-a" in rules, now.undeclared_class


async def test_a_reload_that_is_cancelled_is_made_good_by_the_next(platform: Platform):
    shelf = platform.shelf
    platform.workspace.config_file.write_text(_CONFIG.replace("small", "large"))
    reload = asyncio.create_task(shelf.reload())
    await asyncio.sleep(0)
    reload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reload
    assert (await shelf.reload()).changed
    assert shelf.now.catalog.cards["a"].size is SizeClass.LARGE


async def test_editors_files_and_others_in_the_folder_of_rules_are_not_read(platform: Platform):
    folder = platform.workspace.policies_dir
    folder.mkdir()
    for name in (".own.cedar", "~own.cedar", "own.cedar~", "README.md", "own.cedar.swp"):
        (folder / name).write_text("nonsense")
    reload = await platform.shelf.reload()
    assert (reload.changed, reload.problems) == (False, ())


async def test_a_detector_that_cannot_be_set_up_keeps_the_old_ones_at_work_and_is_told(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shelf, site = platform.shelf, tmp_path / "site"
    before = shelf.now
    facts = site / "shelf_detector-1.dist-info"
    facts.mkdir(parents=True)
    (site / "shelf_detector.py").write_text("def broken():\n    raise ValueError('no model')\n")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf_detector\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[befit.detectors]\nstaff = shelf_detector:broken\n")
    with monkeypatch.context() as installed:
        installed.syspath_prepend(site)
        changed = "detection: {consequences: {IP_ADDRESS: {class: public}}}\n"
        platform.workspace.config_file.write_text(_CONFIG + changed)
        for _ in range(2):
            reload = await shelf.reload()
            (problem,) = map(str, reload.problems)
            assert "detector 'staff' (shelf_detector:broken) cannot be set up" in problem
            assert "ValueError: no model" in problem
            assert (reload.changed, shelf.now) == (False, before)
        assert shelf.now.examine is not None
        assert shelf.now.examine(["jo@example.org"]).types == ("EMAIL_ADDRESS",)
    platform.workspace.config_file.write_text(_CONFIG + changed + "# uninstalled\n")
    assert (await shelf.reload()).problems == ()
    assert "IP_ADDRESS" in shelf.now.settings.detection.consequences


async def test_rules_that_cannot_be_kept_are_not_in_force_and_are_tried_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    shelf = platform.shelf
    before = shelf.now.policy
    rules = platform.workspace.root / "policies"
    rules.mkdir(exist_ok=True)
    (rules / "own.cedar").write_text('@id("own")\nforbid (principal, action, resource);\n')
    with monkeypatch.context() as broken:

        async def refuse(kept: object) -> None:
            raise OSError("the database is full")

        broken.setattr(platform.stores.policies, "keep", refuse)
        with pytest.raises(OSError, match="full"):
            while True:  # a file that has just changed is looked at twice
                await shelf.reload()
        assert shelf.now.policy is before
    while shelf.now.policy is before:
        await shelf.reload()
    assert await platform.stores.policies.get(shelf.now.policy.hash) is not None
