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
    before = shelf.evidence
    platform.workspace.config_file.write_text(_CONFIG.replace("small", "large"))
    with monkeypatch.context() as broken:

        async def refuse() -> None:
            raise OSError("disk")

        broken.setattr(shelf, "refresh", refuse)
        with pytest.raises(OSError, match="disk"):
            await shelf.reload()
    await shelf.reload()
    assert shelf.evidence is not before
