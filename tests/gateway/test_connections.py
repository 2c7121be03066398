"""Clients that are too big, too many, too slow, malformed, or gone."""

from __future__ import annotations

import asyncio
import json

import pytest

from befit.gateway.limits import Limits
from befit.testing import Reply
from tests.gateway.conftest import Build, House

SMALL = Limits(
    max_body_bytes=10_000,
    max_header_bytes=4_000,
    max_requests=2,
    max_connections=8,
    read_timeout_s=0.3,
    read_bytes_per_s=20_000,
    write_timeout_s=0.5,
    drain_s=5.0,
)


def chat(model: str = "near", *, stream: bool = False, content: str = "hello") -> bytes:
    messages = [{"role": "user", "content": content}]
    return json.dumps({"model": model, "messages": messages, "stream": stream}).encode()


def request(
    house: House, body: bytes, *, length: int | None = None, chunked: bool = False
) -> bytes:
    size = "transfer-encoding: chunked" if chunked else f"content-length: {length or len(body)}"
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: befit\r\n"
        f"authorization: Bearer {house.keys['user']}\r\n{size}\r\n\r\n"
    )
    return head.encode() + body


async def connected(house: House) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*house.address)


async def status_and_error(reader: asyncio.StreamReader) -> tuple[int, dict[str, object]]:
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = json.loads(await reader.readexactly(length))
    return int(head.split()[1]), body["error"]


async def until(condition, *, tries: int = 300) -> None:
    for _ in range(tries):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about")


async def refused(house: House, reason: str) -> int:
    async with house.http(None) as http:
        text = (await http.get("/metrics")).text
    line = next(line for line in text.splitlines() if f'reason="{reason}"' in line)
    return int(line.rpartition(" ")[2])


async def test_a_declared_body_above_the_limit_is_413_before_it_is_sent(build: Build) -> None:
    async with build(limits=SMALL) as house:
        reader, writer = await connected(house)
        writer.write(request(house, b"", length=10_000_000_000))
        status, error = await status_and_error(reader)
        assert (status, error["code"]) == (413, "body_too_large")
        assert "10000 bytes" in error["message"]
        writer.close()
        assert await house.decisions() == []
        assert await refused(house, "body_size") == 1


async def test_a_chunked_body_above_the_limit_is_413_before_its_end(build: Build) -> None:
    async with build(limits=SMALL) as house:
        reader, writer = await connected(house)
        writer.write(request(house, b"", chunked=True))
        for _ in range(3):  # and no end follows
            writer.write(b"1388\r\n" + b"x" * 5_000 + b"\r\n")
        status, _ = await status_and_error(reader)
        assert status == 413
        writer.close()


async def test_a_client_that_sends_first_still_reads_its_413(build: Build) -> None:
    async with build(limits=SMALL) as house, house.http() as http:
        body = chat(content="x" * 2_000_000)
        answer = await http.post("/v1/chat/completions", content=body)
        assert answer.status_code == 413
        assert (await http.get("/v1/models")).status_code == 200


async def test_an_unknown_key_is_refused_before_its_body_is_kept(build: Build) -> None:
    async with build(limits=SMALL) as house:
        reader, writer = await connected(house)
        head = request(house, b"", length=9_000).replace(b"befit_", b"nobody_")
        writer.write(head)
        status, error = await status_and_error(reader)
        assert (status, error["code"]) == (401, "invalid_api_key")
        writer.close()


@pytest.mark.parametrize(
    "trickle",
    [b"POST /v1/chat/completions HTTP/1.1\r\nhost: b", None],
    ids=["headers", "body"],
)
async def test_a_request_that_trickles_in_is_ended_with_408(
    build: Build, trickle: bytes | None
) -> None:
    async with build(limits=SMALL) as house:
        reader, writer = await connected(house)
        writer.write(trickle or request(house, b'{"model":', length=5_000))
        status, _ = await status_and_error(reader)
        assert status == 408
        assert await reader.read() == b""
        assert await refused(house, "slow") == 1
        assert await house.decisions() == []


async def test_a_slow_but_steady_body_is_read_to_its_end(build: Build) -> None:
    async with build(limits=SMALL) as house:
        reader, writer = await connected(house)
        whole = request(house, chat(content="x" * 9_000))
        for start in range(0, len(whole), 1_000):
            writer.write(whole[start : start + 1_000])
            await asyncio.sleep(0.04)  # longer in all than the timeout for a silent one
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_connection_that_never_asks_is_closed(build: Build) -> None:
    async with build(limits=SMALL) as house:
        reader, writer = await connected(house)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_headers_without_end_are_refused(build: Build) -> None:
    async with build(limits=SMALL) as house:
        reader, writer = await connected(house)
        writer.write(b"GET /v1/models HTTP/1.1\r\n" + b"x-filler: 0123456789\r\n" * 400)
        status, _ = await status_and_error(reader)
        assert status == 431
        writer.close()


NEGATIVE = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: -5\r\n\r\n"


@pytest.mark.parametrize("rubbish", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", NEGATIVE])
async def test_what_is_no_http_is_400_in_json(build: Build, rubbish: bytes) -> None:
    async with build(limits=SMALL) as house:
        reader, writer = await connected(house)
        writer.write(rubbish)
        status, error = await status_and_error(reader)
        assert (status, error["type"]) == (400, "invalid_request_error")
        writer.close()


async def test_more_requests_than_the_limit_are_503_with_retry_after(build: Build) -> None:
    async with build(limits=SMALL) as house, house.http() as http:
        house.near.script(Reply(delay_s=1), Reply(delay_s=1))
        waiting = [
            asyncio.create_task(http.post("/v1/chat/completions", content=chat())) for _ in range(2)
        ]
        await until(lambda: len(house.near.requests) == 2)
        third = await http.post("/v1/chat/completions", content=chat())
        probe = await http.get("/healthz")
        assert (third.status_code, third.headers["retry-after"]) == (503, "1")
        assert third.json()["error"]["code"] == "overloaded"
        assert probe.status_code == 200
        assert [(await each).status_code for each in waiting] == [200, 200]
        assert len(await house.decisions()) == 2
        assert await refused(house, "overload") == 1


async def test_more_connections_than_the_limit_are_dropped(build: Build) -> None:
    async with build(limits=SMALL) as house:
        held = [await connected(house) for _ in range(SMALL.max_connections)]
        reader, writer = await connected(house)
        async with asyncio.timeout(10):
            with pytest.raises(ConnectionError):
                while await reader.read(1):
                    pass
                raise ConnectionResetError  # closed in order counts as dropped too
        for _, each in [*held, (reader, writer)]:
            each.close()


async def test_a_client_that_leaves_while_it_waits_cancels_upstream(house: House) -> None:
    house.near.script(Reply(delay_s=30))
    _, writer = await connected(house)
    writer.write(request(house, chat()))
    await until(lambda: len(house.near.requests) == 1)
    writer.close()
    (decision,) = await house.until_closed(1)
    assert decision["status"] == "cut"
    await until(lambda: house.near.open_connections == 0)
    async with house.http(None) as http:
        assert 'befit_cut_total{by="client_left"} 1' in (await http.get("/metrics")).text


async def test_a_client_that_leaves_a_stream_cancels_upstream(house: House) -> None:
    house.near.script(Reply(text="word " * 500, token_delay_s=0.02))
    reader, writer = await connected(house)
    writer.write(request(house, chat(stream=True)))
    await reader.readuntil(b"word")
    writer.close()
    (decision,) = await house.until_closed(1)
    assert decision["status"] == "cut"
    assert decision["tokens"]["output"] > 0
    await until(lambda: house.near.disconnects == 1)


async def test_a_reader_that_stops_reading_is_cut_and_holds_the_upstream_back(
    build: Build,
) -> None:
    async with build(limits=SMALL) as house:
        house.near.script(Reply(text="w" * 60_000_000, chunks=3_000))
        reader, writer = await connected(house)
        writer.write(request(house, chat(stream=True)))
        await reader.readuntil(b"wwww")
        writer.transport.pause_reading()
        (decision,) = await house.until_closed(1)
        assert decision["status"] == "cut"
        assert await refused(house, "unread") == 1
        # 60 MB were on offer; what was counted is what the buffers between could hold.
        assert 0 < decision["tokens"]["output"] < 2_900
        writer.close()


async def test_pipelined_requests_are_answered_in_order(house: House) -> None:
    house.near.script(Reply(text="first"), Reply(text="second"))
    reader, writer = await connected(house)
    writer.write(request(house, chat()) * 2)
    answers = []
    for _ in range(2):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        answers.append(body["choices"][0]["message"]["content"])
    assert answers == ["first", "second"]
    writer.close()
