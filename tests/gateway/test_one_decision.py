"""Promise 5: whatever comes in, each accepted request leaves exactly one decision.

Its events follow the grammar, `reserved` stands before the model is called, and `closed` or
`waiting` before the answer ends.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, given, settings

from befit.audit import DecisionGrammar, Event, EventType
from befit.testing import Reply
from tests.gateway.conftest import Build, House

REPLIES = {
    "good": Reply(text="red"),
    "wrong label": Reply(text="purple"),
    "broken": Reply(text="a b c d", cut_after=2),
    "error": Reply(text="no", status=500),
    "refusal": Reply(text="no", status=400),
    "garbage": Reply(raw=b"<html>", content_type="text/html"),
    "late": Reply(text="red", delay_s=1.2),
    "slow stream": Reply(text="word " * 20, token_delay_s=0.05),
}

requests = st.fixed_dictionaries(
    {
        "model": st.sampled_from(
            ["near", "far", "auto", "workflow:triage", "workflow:advice", "workflow:no", "none"]
        ),
        "stream": st.booleans(),
        "data_class": st.sampled_from([None, "public", "restricted"]),
        "replies": st.lists(st.sampled_from(sorted(REPLIES)), min_size=2, max_size=2),
        "leaves_after_s": st.sampled_from([None, None, 0.0, 0.02, 0.2]),
        "is_json": st.sampled_from([True, True, True, False]),
        "has_key": st.sampled_from([True, True, True, False]),
    }
)


def body_of(request: dict[str, Any]) -> bytes:
    body: dict[str, Any] = {
        "model": request["model"],
        "stream": request["stream"],
        "messages": [{"role": "user", "content": "hello"}],
    }
    if request["data_class"]:
        body["befit"] = {"data_class": request["data_class"]}
    encoded = json.dumps(body).encode()
    return encoded if request["is_json"] else encoded[:-1]


def wire(house: House, request: dict[str, Any]) -> bytes:
    key = house.keys["user"] if request["has_key"] else "befit_nobody"
    body = body_of(request)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: befit\r\nconnection: close\r\n"
        f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send(house: House, request: dict[str, Any]) -> bytes | None:
    """Send one request; what came back, or None where the client left first."""
    reader, writer = await asyncio.open_connection(*house.address)
    writer.write(wire(house, request))
    try:
        async with asyncio.timeout(request["leaves_after_s"]):
            return await reader.read()
    except TimeoutError:
        return None
    finally:
        writer.close()


def permit_of(event: Event) -> str | None:
    raw = (event.fields or {}).get("permit_id")
    return None if raw is None else msgspec.json.decode(raw, type=str)


async def events_by_decision(house: House) -> dict[str, list[EventType]]:
    found: dict[str, list[EventType]] = {}
    for decision in await house.decisions():
        events = await house.platform.projector.events_of("default", decision["decision_id"])
        grammar = DecisionGrammar()
        for event in events:
            assert grammar.follow(event.type, permit_of(event)) is None
        found[decision["decision_id"]] = [event.type for event in events]
    return found


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(mix=st.lists(requests, min_size=1, max_size=6))
def test_every_accepted_request_leaves_exactly_one_decision(
    build: Build, tmp_path: Path, mix: list[dict[str, Any]]
) -> None:
    asyncio.run(_check(build, mix, name=secrets.token_hex(4)))


async def _check(build: Build, mix: list[dict[str, Any]], *, name: str) -> None:
    async with build(name=name) as house:
        for request in mix:
            for upstream, reply in zip((house.near, house.far), request["replies"], strict=True):
                upstream.script(REPLIES[reply])
        answers = await asyncio.gather(*(send(house, request) for request in mix))
        accepted = [
            answer
            for request, answer in zip(mix, answers, strict=True)
            if request["has_key"] and request["is_json"]
        ]
        answered = [answer for answer in accepted if answer is not None]
        await _until_quiet(house)
        found = await events_by_decision(house)
        # Whoever left may have gone before their request was read.
        assert len(answered) <= len(found) <= len(accepted)
        for events in found.values():
            _assert_whole(events)
        named = [
            [decision_id for decision_id in found if decision_id.encode() in answer]
            for answer in answered
        ]
        assert all(len(ids) == 1 for ids in named)
        assert len({ids[0] for ids in named}) == len(answered)


def _assert_whole(events: list[EventType]) -> None:
    assert events[0] is EventType.OPENED
    assert events[-1] in {EventType.CLOSED, EventType.WAITING}
    assert events.count(EventType.OPENED) == 1
    assert events.count(EventType.CLOSED) + events.count(EventType.WAITING) == 1
    assert events.count(EventType.RESERVED) == events.count(EventType.SETTLED)


async def _until_quiet(house: House) -> None:
    for _ in range(500):
        found = await house.decisions()
        if all(item["status"] != "open" for item in found):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"still open: {found}")
