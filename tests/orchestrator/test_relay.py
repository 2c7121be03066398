"""Streams: relayed as they come, closed before their end, never ended cleanly when broken."""

from __future__ import annotations

import json

import pytest

from befit.audit import EventType
from befit.errors import ModelFailure
from befit.testing import Reply
from befit.vocabulary import DataClass


def _data(events: list[bytes]) -> list[dict]:
    assert all(event.startswith(b"data: ") and event.endswith(b"\n\n") for event in events)
    return [json.loads(event[6:]) for event in events if event != b"data: [DONE]\n\n"]


async def test_a_stream_ends_with_its_closed_receipt_and_done(world):
    world.onprem.script(Reply(text="one two three", chunks=3))
    answer = await world.stream(model="onprem")
    events = [event async for event in answer.events]
    assert events[-1] == b"data: [DONE]\n\n"
    chunks = _data(events)
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert text == "one two three"
    finish = chunks[-1]
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert finish["befit"]["decision_id"] == answer.standing.decision_id
    assert finish["befit"]["receipt"]


async def test_the_decision_is_closed_before_the_finish_leaves(world):
    world.onprem.script(Reply(text="a b", chunks=2))
    answer = await world.stream(model="onprem")
    async for event in answer.events:
        if b'"finish_reason":"stop"' in event:
            record = await world.record(answer.standing.decision_id)
            assert record.status == "answered"
            break
    else:
        raise AssertionError("no finish came")
    await answer.events.aclose()


async def test_usage_is_kept_from_a_caller_who_did_not_ask_for_it(world):
    answer = await world.stream(model="onprem")
    events = [event async for event in answer.events]
    assert not any(chunk.get("usage") for chunk in _data(events))
    record = await world.record(answer.standing.decision_id)
    assert record.usage is not None
    assert record.usage.output


async def test_a_broken_stream_ends_in_an_error_event_and_never_in_done(world):
    world.onprem.script(Reply(text="one two three four", chunks=4, cut_after=2))
    answer = await world.stream(model="onprem")
    events = [event async for event in answer.events]
    assert b"[DONE]" not in events[-1]
    assert _data(events)[-1]["error"]["code"] == "stream_broken"
    assert len(world.onprem.requests) == 1
    record = await world.record(answer.standing.decision_id)
    assert record.status == "failed"


async def test_a_failure_before_the_first_token_falls_back(world):
    world.onprem.script(Reply(status=503))
    workflows = world.platform.workspace.workflows_dir
    (workflows / "free.yaml").write_text(
        "data_class: public\nescalation: {models: [onprem, outside]}\n"
    )
    await world.platform.shelf.reload()
    answer = await world.stream(model="workflow:free", data_class=DataClass.PUBLIC)
    events = [event async for event in answer.events]
    assert answer.standing.model == "outside"
    assert events[-1] == b"data: [DONE]\n\n"


async def test_a_failure_of_a_named_model_before_the_first_token_is_an_error(world):
    world.onprem.script(Reply(status=503))
    with pytest.raises(ModelFailure):
        await world.stream(model="onprem")


async def test_a_caller_who_leaves_cuts_upstream_and_the_decision(world):
    world.onprem.script(Reply(text="word " * 50, chunks=50, token_delay_s=0.05))
    answer = await world.stream(model="onprem")
    async for _ in answer.events:
        break
    await answer.events.aclose()
    record = await world.record(answer.standing.decision_id)
    assert record.status == "cut"
    assert record.calls[0].outcome == "cut"
    assert record.cost_usd is not None
    assert record.cost_usd > 0


async def test_a_checked_workflow_is_buffered_not_relayed(world):
    answer = await world.platform.orchestrator.handle(
        world.arrival("x", workflow="triage", stream=True)
    )
    assert answer.status == "answered"
    types = [
        event.type
        for event in await world.platform.projector.events_of(
            "default", answer.standing.decision_id
        )
    ]
    assert types[-1] is EventType.CLOSED
