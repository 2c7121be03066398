"""Promises 5 and 6 when callers leave: cancelled anywhere, a decision is closed exactly once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from befit.audit import EventType, verify
from befit.errors import BefitError
from befit.metering import DecisionPage
from befit.orchestrator import Answer
from befit.testing import Reply

_DELAYS_MS = [0.0, 0.2, 0.4, 0.7, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 13, 17, 25]


async def _cancelled_after(work, delay_s: float) -> None:
    task = asyncio.ensure_future(work)
    await asyncio.sleep(delay_s)
    task.cancel()
    try:
        answer = await task
    except (asyncio.CancelledError, BefitError):
        return
    if not isinstance(answer, Answer) and hasattr(answer, "events"):
        await answer.events.aclose()


async def _counts(world) -> list[list[EventType]]:
    await world.platform.orchestrator.drain()
    await world.platform.projector.caught_up()
    rows = await world.platform.stores.usage.decisions(DecisionPage(limit=500))
    events = [await world.platform.projector.events_of("default", row.decision_id) for row in rows]
    return [[event.type for event in one] for one in events]


@pytest.mark.parametrize("kind", ["handle", "stream", "explain"])
async def test_a_caller_who_leaves_at_any_moment_leaves_one_whole_decision(
    tmp_path: Path, open_world, kind: str
):
    async with open_world(tmp_path) as world:
        world.onprem.script(*[Reply(text="green", chunks=3, delay_s=0.004)] * 40)
        orchestrator = world.platform.orchestrator
        for delay_ms in _DELAYS_MS:
            arrival = world.arrival("x", model="onprem", stream=kind == "stream")
            work = (
                orchestrator.explain(arrival) if kind == "explain" else orchestrator.handle(arrival)
            )
            await _cancelled_after(work, delay_ms / 1000)
        for types in await _counts(world):
            assert types.count(EventType.CLOSED) == 1, types
            assert types.count(EventType.RESERVED) == types.count(EventType.SETTLED), types
            assert types[-1] is EventType.CLOSED, types
        assert await world.platform.stores.decisions.unsettled() == ()
    report = verify(tmp_path / ".befit")
    assert report.ok, report.problems


async def test_a_stream_that_nobody_ever_read_is_closed(world):
    answer = await world.stream(model="onprem")
    await answer.events.aclose()
    record = await world.record(answer.standing.decision_id)
    assert record.status == "cut"
    assert record.calls[0].outcome == "cut"


async def test_a_cut_stream_is_settled_at_what_was_sent_and_never_above_its_reservation(world):
    folder = world.platform.workspace.workflows_dir
    (folder / "wordy.yaml").write_text(
        "data_class: public\nescalation: {models: [onprem]}\ninstructions: " + "word " * 600 + "\n"
    )
    await world.platform.shelf.reload()
    world.onprem.script(Reply(text="one two three", chunks=3, token_delay_s=0.05, says_usage=False))
    answer = await world.stream(model="workflow:wordy")
    async for _ in answer.events:
        break
    await answer.events.aclose()
    (call,) = (await world.record(answer.standing.decision_id)).calls
    assert call.usage is not None
    assert call.usage.input is not None
    assert call.usage.input > 3000
    assert call.cost_usd <= call.most_usd


async def test_the_record_names_the_model_whose_answer_waits(world):
    world.onprem.script(Reply(text="blue"))
    world.outside.script(Reply(status=500))
    answer = await world.ask("hello", workflow="triage")
    assert answer.standing.model == "onprem"


async def test_a_model_that_the_budget_cannot_afford_is_passed_over(tmp_path: Path, open_world):
    extra = 'budgets: {workflows: {triage: {usd: "0.004", period: total}}}\n'
    async with open_world(tmp_path, extra=extra) as world:
        (tmp_path / "workflows" / "triage.yaml").write_text(
            "labels: [red, green]\ndata_class: public\n"
            "escalation: {models: [outside, onprem], check: label}\n"
        )
        await world.platform.shelf.reload()
        answer = await world.ask("hello", workflow="triage")
        assert answer.standing.model == "onprem"
        assert world.outside.connections == 0
