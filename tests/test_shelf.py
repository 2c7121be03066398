"""Catalog and settings are taken up together or not at all, and problems are told until mended."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from befit.catalog import Workspace
from befit.platform import Platform
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
    before, settings = shelf.source.current, shelf.settings
    changed = _CONFIG.replace("small", "large")
    platform.workspace.config_file.write_text(changed + "undeclared_class: confidental\n")
    for _ in range(3):
        reload = await shelf.reload()
        assert not reload.changed
        assert "undeclared_class" in str(reload.problems[0])
        assert shelf.source.current is before
        assert shelf.settings is settings

    platform.workspace.config_file.write_text(changed + "undeclared_class: confidential\n")
    reload = await shelf.reload()
    assert reload.changed
    assert not reload.problems
    assert shelf.source.current.cards["a"].size is SizeClass.LARGE
    assert shelf.undeclared_class() is DataClass.CONFIDENTIAL


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
    before = shelf.policy
    assert (await platform.stores.policies.get(before.hash)).content == before.rules.content
    assert not (await shelf.reload()).changed
    assert shelf.policy is before

    folder = platform.workspace.policies_dir
    folder.mkdir()
    (folder / "own.cedar").write_text(_RULE.format("a"))
    assert (await shelf.reload()).changed
    assert "own/no-a" in shelf.policy.rules.by_id
    assert shelf.policy.hash != before.hash
    assert await platform.stores.policies.get(shelf.policy.hash) is not None
    assert len(await platform.stores.policies.list()) == 2

    (folder / "own.cedar").unlink()
    assert (await shelf.reload()).changed
    assert shelf.policy.hash == before.hash


async def test_a_wrong_rule_keeps_everything_saved_with_it_back_and_is_told(platform: Platform):
    shelf = platform.shelf
    before, catalog = shelf.policy, shelf.source.current
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
        assert (shelf.policy, shelf.source.current) == (before, catalog)

    (folder / "own.cedar").write_text(_RULE.format("a"))
    assert (await shelf.reload()).changed
    assert "own/no-a" in shelf.policy.rules.by_id
    assert shelf.source.current.cards["a"].size is SizeClass.LARGE


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
    assert "sovereignty/restricted-inside" not in platform.shelf.policy.rules.by_id


async def test_editors_files_and_others_in_the_folder_of_rules_are_not_read(platform: Platform):
    folder = platform.workspace.policies_dir
    folder.mkdir()
    for name in (".own.cedar", "~own.cedar", "own.cedar~", "README.md", "own.cedar.swp"):
        (folder / name).write_text("nonsense")
    reload = await platform.shelf.reload()
    assert (reload.changed, reload.problems) == (False, ())
