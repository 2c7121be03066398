"""Stopping in the middle of answers: they finish, or end in an explicit error."""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx
import openai
import pytest

from befit.gateway.limits import Limits
from befit.testing import Reply
from tests.gateway.conftest import Build, House

HELLO = [{"role": "user", "content": "hello"}]


async def stream_of(house: House):
    return await house.openai().chat.completions.create(model="near", messages=HELLO, stream=True)


async def test_a_stream_under_way_finishes_within_the_drain(build: Build) -> None:
    async with build(limits=Limits(drain_s=20)) as house:
        house.near.script(Reply(text="a b c d e f", token_delay_s=0.05))
        stream = await stream_of(house)
        await anext(aiter(stream))
        house.server.stop()
        rest = [chunk async for chunk in stream]
        assert rest[-1].befit["status"] == "answered"
        await house.serving
        with pytest.raises(openai.APIConnectionError):
            await house.openai().models.list()
        (decision,) = await house.decisions()
        assert decision["status"] == "answered"


@pytest.mark.parametrize("hurried", [False, True], ids=["drain over", "second signal"])
async def test_a_stream_that_outlasts_the_drain_ends_in_an_error_event(
    build: Build, hurried: bool
) -> None:
    async with build(limits=Limits(drain_s=60 if hurried else 0.2)) as house:
        house.near.script(Reply(text="a " * 300, token_delay_s=0.2))
        stream = await stream_of(house)
        await anext(aiter(stream))
        house.server.stop()
        if hurried:
            house.server.stop()
        with pytest.raises(openai.APIError) as caught:
            async for _ in stream:
                pass
        assert caught.value.body["code"] == "overloaded"
        await house.serving
        (decision,) = await house.decisions()
        assert decision["decision_id"] == caught.value.body["decision_id"]
        assert decision["status"] == "cut"


async def test_the_ended_stream_is_well_formed_and_has_no_done(build: Build) -> None:
    async with build(limits=Limits(drain_s=0.1)) as house, house.http() as http:
        house.near.script(Reply(text="a " * 300, token_delay_s=0.2))
        body = {"model": "near", "messages": HELLO, "stream": True}
        async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            house.server.stop()
            rest = [line async for line in lines if line]  # would raise on a torn body
        assert "error" in json.loads(rest[-1].removeprefix("data: "))
        assert "data: [DONE]" not in rest


async def test_a_waiting_request_that_outlasts_the_drain_is_503(build: Build) -> None:
    async with build(limits=Limits(drain_s=0.2)) as house, house.http() as http:
        house.near.script(Reply(delay_s=30))
        waiting = asyncio.create_task(
            http.post("/v1/chat/completions", json={"model": "near", "messages": HELLO})
        )
        while not house.near.requests:
            await asyncio.sleep(0.02)
        house.server.stop()
        answer = await waiting
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        assert answer.headers["connection"] == "close"
        (decision,) = await house.until_closed(1)
        assert decision["status"] == "cut"


async def test_a_client_that_never_reads_does_not_hold_up_the_stop(build: Build) -> None:
    async with build(limits=Limits(drain_s=0.2)) as house:
        house.near.script(Reply(text="w" * 60_000_000, chunks=3_000))
        body = json.dumps({"model": "near", "messages": HELLO, "stream": True}).encode()
        reader, writer = await asyncio.open_connection(*house.address)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: b\r\n"
            + f"authorization: Bearer {house.keys['user']}\r\n".encode()
            + b"content-length: %d\r\n\r\n" % len(body)
            + body
        )
        await reader.readuntil(b"wwww")
        writer.transport.pause_reading()
        house.server.stop()
        async with asyncio.timeout(20):
            await house.serving
        (decision,) = await house.until_closed(1)
        assert decision["status"] == "cut"
        writer.close()


async def test_an_idle_connection_does_not_hold_up_the_stop(build: Build) -> None:
    async with build(limits=Limits(drain_s=60)) as house, house.http() as http:
        await http.get("/healthz")
        house.server.stop()
        async with asyncio.timeout(20):
            await house.serving
        with contextlib.suppress(httpx.HTTPError):
            assert (await http.get("/healthz")).status_code == 503
