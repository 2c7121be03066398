"""What goes on beside requests keeps going on, and its failures are seen."""

from __future__ import annotations

import asyncio
import logging

import pytest

from befit.gateway import catalog_watch
from befit.gateway.background import Background
from befit.gateway.notices import Notices
from tests.gateway.conftest import House


async def test_work_that_fails_is_told_and_started_again() -> None:
    told: list[str] = []
    notices = Notices(told.append)
    logging.getLogger("befit").addHandler(notices)
    runs, well = [0], asyncio.Event()

    async def work() -> None:
        runs[0] += 1
        if runs[0] < 3:
            raise ZeroDivisionError("nobody expects this")
        well.set()
        await asyncio.Event().wait()

    try:
        async with Background(first_delay_s=0.001) as background:
            background.start("the mill", work)
            await asyncio.wait_for(well.wait(), 20)
            assert background.failing == ("the mill",)
    finally:
        logging.getLogger("befit").removeHandler(notices)
    assert told == ["the mill has failed and starts again"]


async def test_failures_are_forgotten_once_the_work_has_lasted() -> None:
    now, failed = [0.0], asyncio.Event()

    async def work() -> None:
        if failed.is_set():
            await asyncio.Event().wait()
        failed.set()
        raise ZeroDivisionError

    async with Background(first_delay_s=0.001, steady_s=300, clock=lambda: now[0]) as background:
        assert background.failing == ()
        background.start("the mill", work)
        await asyncio.wait_for(failed.wait(), 20)
        await asyncio.sleep(0)
        now[0] = 299
        assert background.failing == ("the mill",)
        now[0] = 301
        assert background.failing == ()


async def test_work_that_has_ended_is_not_started_again() -> None:
    runs = [0]

    async def work() -> None:
        runs[0] += 1

    async with Background(first_delay_s=0) as background:
        background.start("the errand", work)
        for _ in range(20):
            await asyncio.sleep(0)
    assert runs == [1]


async def test_leaving_waits_until_all_work_has_put_its_things_away() -> None:
    away: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            away.append("work")

    with pytest.raises(KeyError):
        async with Background() as background:
            background.start("one", work)
            background.start("two", work)
            await asyncio.sleep(0)
            raise KeyError
    assert away == ["work", "work"]


async def test_a_watch_that_fails_is_seen_at_the_probe_and_changed_files_are_taken_up_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    async def fail() -> None:
        looked.set()
        raise RuntimeError("nobody expects this")

    async with house.http(None) as http:
        assert (await http.get("/readyz")).json()["background"] == "ok"
        with monkeypatch.context() as broken:
            broken.setattr(house.platform.shelf, "reload", fail)
            await asyncio.wait_for(looked.wait(), 20)
        monkeypatch.setattr(catalog_watch, "_LOOK_EVERY_S", 0.01)
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["background"]) == (200, "background_failing")
    assert "later" not in house.platform.catalog.current.workflows
    folder = house.platform.workspace.root / "workflows"
    (folder / "later.yaml").write_text("description: Added later.\n")
    async with asyncio.timeout(20):
        while "later" not in house.platform.catalog.current.workflows:
            await asyncio.sleep(0.02)
