"""Operations that write the workspace's files: in turn, off the event loop, each taken up once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import befit.catalog.write
from tests.gateway.conftest import House

_HANG_S = 60.0
_THREADS = 2


def added(house: House, name: str) -> dict[str, object]:
    place = {"via": "openai", "url": house.near.url, "model": "test-model", "zone": "onprem"}
    return {"name": name, **place}


async def test_more_edits_at_once_than_there_are_threads_all_come_through(house: House) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    edits = [
        house.operate(f"models.{act}", {"name": name})
        for name in ("near", "far", "vectors")
        for act in ("retire", "promote")
    ]
    async with asyncio.timeout(_HANG_S):  # a guard: where they block one another, all do for good
        told = await asyncio.gather(*edits)
    assert [each["changed"] for each in told] == [True] * len(edits)


async def test_a_model_is_added_while_others_are_edited(house: House) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    async with asyncio.timeout(_HANG_S):
        async with house.platform.editing:
            adding = asyncio.create_task(house.operate("models.add", added(house, "ours")))
            await house.operate("models.list", {})
            text = house.platform.workspace.config_file.read_text()
        assert "ours" not in text
        assert (await adding)["in_force"] is True


async def test_no_file_is_read_or_changed_on_the_event_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[bool]] = {}

    def watched(name: str) -> None:
        real = getattr(befit.catalog.write, name)

        def watch(*args: object, **kwargs: object) -> object:
            is_loop = threading.current_thread() is threading.main_thread()
            seen.setdefault(name, set()).add(is_loop)
            return real(*args, **kwargs)

        monkeypatch.setattr(befit.catalog.write, name, watch)

    names = {"read_files", "read_catalog", "read_document", "set_value", "replace_file"}
    for name in names:
        watched(name)
    await house.operate("models.promote", {"name": "near"})
    config = house.platform.workspace.config_file
    config.write_text(config.read_text().replace("zone: onprem", "zone: private_cloud", 1))
    await house.operate("models.promote", {"name": "near"})
    await house.operate("models.rollback", {"name": "near"})
    await house.operate("models.retire", {"name": "near"})
    await house.operate("models.add", added(house, "ours"))
    assert seen == {name: {False} for name in names}


@pytest.mark.parametrize(("operation", "writes"), [("retire", True), ("promote", False)])
async def test_what_is_in_force_is_read_once_after_an_act(
    house: House, monkeypatch: pytest.MonkeyPatch, operation: str, writes: bool
) -> None:
    shelf, count = house.platform.shelf, 0
    real = shelf.refresh

    async def counted() -> None:
        nonlocal count
        count += 1
        await real()

    monkeypatch.setattr(shelf, "refresh", counted)
    told = await house.operate(f"models.{operation}", {"name": "near"})
    assert (told["file"] is not None, count) == (writes, 1)
    newest = shelf.activations.newest(house.platform.catalog.current.cards["near"])
    assert newest is not None
    assert newest.event == told["event"]
