import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from befit.errors import ModelFailure, ModelTimeout, ModelUnreachable
from befit.inference import HttpClient, PoolLimits
from befit.inference.providers import Endpoint, HttpRequest, Timeouts
from befit.testing import Reply, ScriptedUpstream

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_TIMEOUTS = Timeouts(connect_s=5, total_s=10)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def _get(url: str) -> HttpRequest:
    return HttpRequest(method="GET", url=Endpoint.parse(url), peer="the server")


def _chat(upstream: ScriptedUpstream, *, stream: bool = False) -> HttpRequest:
    body = b'{"model":"m","messages":[{"role":"user","content":"a"}],"stream":%b}'
    return HttpRequest(
        method="POST",
        url=Endpoint.base(upstream.url).at("/chat/completions"),
        peer="the server",
        body=body % (b"true" if stream else b"false"),
    )


async def _body(client: HttpClient, request: HttpRequest, timeouts: Timeouts = _TIMEOUTS) -> bytes:
    with await client.send(request, timeouts) as response:
        return await response.read()


@asynccontextmanager
async def _raw_server(serve: Serve) -> AsyncIterator[str]:
    """A server that speaks whatever bytes a test wants."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def _answering(*answers: bytes) -> Serve:
    """Each request on a connection gets the next of `answers`, then the end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    return serve


async def test_an_answer_that_nobody_read_never_stands_before_the_next_one(
    client: HttpClient,
) -> None:
    """Whoever leaves a stream whose rest has come already leaves it to nobody else."""
    others = b"x" * 300_000  # more than is taken in before reading pauses
    for unread in (b"data: of another\n\n", others):
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(unread), unread)
        async with _raw_server(_answering(whole, _OK)) as url:
            with await client.send(_get(url), _TIMEOUTS):
                await asyncio.sleep(0.05)  # until it has come, or reading has paused
            assert await _body(client, _get(url)) == b"ok"


async def test_calls_in_turn_share_one_connection(client: HttpClient) -> None:
    async with ScriptedUpstream() as upstream:
        for _ in range(5):
            await _body(client, _chat(upstream))
        assert upstream.connections == 1
        assert len(upstream.requests) == 5


async def test_calls_at_once_have_a_connection_each_and_leave_them_for_later(
    client: HttpClient,
) -> None:
    async with ScriptedUpstream(Reply(delay_s=0.05)) as upstream:
        for _ in range(2):
            await asyncio.gather(*(_body(client, _chat(upstream)) for _ in range(4)))
        assert upstream.connections == 4


async def test_pool_never_exceeds_its_bound() -> None:
    client = HttpClient(limits=PoolLimits(connections=2, idle_connections=1))
    async with ScriptedUpstream(Reply(delay_s=0.01)) as upstream:
        await asyncio.gather(*(_body(client, _chat(upstream)) for _ in range(8)))
        assert len(upstream.requests) == 8
        await asyncio.sleep(0.02)
        assert upstream.open_connections == 1  # the idle one beyond the bound was closed
        client.close()


async def test_full_pool_is_a_timeout_that_says_so() -> None:
    client = HttpClient(limits=PoolLimits(connections=1))
    async with ScriptedUpstream(Reply(delay_s=30)) as upstream:
        first = asyncio.create_task(_body(client, _chat(upstream)))
        await asyncio.sleep(0.02)
        with pytest.raises(ModelTimeout, match="all 1 connections to the server were busy"):
            await _body(client, _chat(upstream), Timeouts(connect_s=0.05, total_s=5))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        upstream.script(Reply())
        await _body(client, _chat(upstream))  # the slot is free again
        client.close()


async def test_cancelled_waiter_takes_no_slot_with_it() -> None:
    client = HttpClient(limits=PoolLimits(connections=1))
    async with ScriptedUpstream(Reply(delay_s=0.1)) as upstream:
        tasks = [asyncio.create_task(_body(client, _chat(upstream))) for _ in range(3)]
        await asyncio.sleep(0.02)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _body(client, _chat(upstream))
        assert len(upstream.requests) == 3
        client.close()


async def test_resting_connections_end_after_their_time() -> None:
    client = HttpClient(limits=PoolLimits(idle_s=0.05))
    async with ScriptedUpstream() as upstream:
        await _body(client, _chat(upstream))
        assert upstream.open_connections == 1
        await asyncio.sleep(0.2)
        assert upstream.open_connections == 0
        await _body(client, _chat(upstream))
        client.close()


async def test_connection_that_the_server_closed_at_rest_is_replaced(client: HttpClient) -> None:
    async with ScriptedUpstream() as upstream:
        await _body(client, _chat(upstream))
        upstream.drop_connections()
        await asyncio.sleep(0.02)
        await _body(client, _chat(upstream))
        assert upstream.connections == 2


async def test_request_that_meets_a_dying_connection_is_sent_once_more(client: HttpClient) -> None:
    requests = 0

    async def once_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        writer.write(_OK)
        await reader.readuntil(b"\r\n\r\n")  # the second request meets the end
        requests += 1

    async with _raw_server(once_each) as url:
        assert await _body(client, _get(url)) == b"ok"
        assert await _body(client, _get(url)) == b"ok"
    assert requests == 3


async def test_new_connection_that_dies_without_an_answer_is_not_tried_again(
    client: HttpClient,
) -> None:
    connections = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")

    async with _raw_server(silent) as url:
        with pytest.raises(ModelUnreachable, match="closed the connection without an answer"):
            await _body(client, _get(url))
    assert connections == 1


async def test_used_connection_that_dies_within_an_answer_is_not_tried_again(
    client: HttpClient,
) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with _raw_server(_answering(_OK, cut)) as url:
        assert await _body(client, _get(url)) == b"ok"
        with pytest.raises(ModelFailure, match="cut its answer"):
            await _body(client, _get(url))


async def test_cancelled_call_is_seen_by_the_server(client: HttpClient) -> None:
    async with ScriptedUpstream(Reply(delay_s=30)) as upstream:
        task = asyncio.create_task(_body(client, _chat(upstream)))
        while not upstream.requests:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.02)
        assert upstream.disconnects == 1


async def test_chunks_trailers_and_interim_answers_are_understood(client: HttpClient) -> None:
    answer = (
        b"HTTP/1.1 102 Processing\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )
    async with _raw_server(_answering(answer, _OK)) as url:
        assert await _body(client, _get(url)) == b"abcdefg"
        assert await _body(client, _get(url)) == b"ok"


async def test_answer_without_length_ends_with_its_connection(client: HttpClient) -> None:
    async with _raw_server(_answering(b"HTTP/1.0 200 OK\r\n\r\nall of it")) as url:
        assert await _body(client, _get(url)) == b"all of it"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "did not answer in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, "bytes of headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "cut its answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "cut its answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", "compressed"),
    ],
)
async def test_wrong_answer_is_a_failure_that_says_what(
    client: HttpClient, answer: bytes, says: str
) -> None:
    async with _raw_server(_answering(answer)) as url:
        with pytest.raises(ModelFailure, match=says):
            await _body(client, _get(url))


async def test_second_answer_to_one_request_is_never_taken_for_the_next(
    client: HttpClient,
) -> None:
    smuggled = _OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    async with _raw_server(_answering(smuggled, _OK)) as url:
        for _ in range(3):
            assert await _body(client, _get(url)) == b"ok"


async def test_body_larger_than_the_limit_is_refused(client: HttpClient) -> None:
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
    async with _raw_server(_answering(big)) as url:
        response = await client.send(_get(url), _TIMEOUTS)
        with response, pytest.raises(ModelFailure, match="more than 200000 bytes"):
            await response.read(limit=200_000)


async def test_stream_that_nobody_reads_holds_the_server_back(client: HttpClient) -> None:
    sent = 0
    is_held = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            sent += 65_536
            try:
                await asyncio.wait_for(writer.drain(), 0.3)
            except TimeoutError:
                is_held.set()
                await writer.drain()

    async with _raw_server(endless) as url:
        with await client.send(_get(url), _TIMEOUTS) as response:
            await asyncio.wait_for(is_held.wait(), 10)
            held_at = sent
            read = 0
            while read < held_at + 1_000_000:  # reading sets it going again
                part = await response.next_part()
                assert part is not None
                read += len(part)
    assert held_at < 64 * 1024 * 1024


@pytest.mark.parametrize(
    ("timeouts", "says"),
    [
        (Timeouts(connect_s=5, total_s=0.1), "the whole answer within 0.1 s"),
        (Timeouts(connect_s=5, total_s=9, first_byte_s=0.1), "the first byte .* within 0.1 s"),
    ],
)
async def test_slow_answer_is_a_timeout_and_a_disconnect(
    client: HttpClient, timeouts: Timeouts, says: str
) -> None:
    async with ScriptedUpstream(Reply(delay_s=30)) as upstream:
        with pytest.raises(ModelTimeout, match=says):
            await _body(client, _chat(upstream), timeouts)
        await asyncio.sleep(0.02)
        assert upstream.disconnects == 1


async def test_total_timeout_holds_for_a_body_that_trickles(client: HttpClient) -> None:
    trickle = Reply(text="a " * 100, token_delay_s=0.02)
    async with ScriptedUpstream(trickle) as upstream:
        with pytest.raises(ModelTimeout, match="the whole answer"):
            await _body(
                client,
                _chat(upstream, stream=True),
                Timeouts(connect_s=5, total_s=0.2, first_byte_s=0.1),
            )


async def test_refused_connection_and_unknown_host_are_unreachable(client: HttpClient) -> None:
    async with ScriptedUpstream() as upstream:
        gone = upstream.url
    with pytest.raises(ModelUnreachable, match=r"the server cannot be reached"):
        await _body(client, _get(gone))
    with pytest.raises(ModelUnreachable, match="cannot be reached"):
        await _body(client, _get("http://nowhere.invalid/"))


async def test_server_that_accepts_nothing_is_a_connect_timeout(client: HttpClient) -> None:
    # Its TLS handshake never gets an answer.
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with _raw_server(mute) as url:
        with pytest.raises(ModelTimeout, match=r"did not accept a connection in 0.1 s"):
            await _body(
                client, _get(url.replace("http:", "https:")), Timeouts(connect_s=0.1, total_s=5)
            )


async def test_redirect_is_not_followed(client: HttpClient) -> None:
    moved = (
        b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n"
    )
    async with _raw_server(_answering(moved)) as url:
        with await client.send(_get(url), _TIMEOUTS) as response:
            assert response.status == 302


async def test_proxy_of_the_environment_is_ignored(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with ScriptedUpstream() as upstream:
        assert await _body(client, _chat(upstream))


async def test_closed_client_calls_nobody() -> None:
    client = HttpClient()
    async with ScriptedUpstream() as upstream:
        await _body(client, _chat(upstream))
        client.close()
        await asyncio.sleep(0.02)
        assert upstream.open_connections == 0
        with pytest.raises(ModelUnreachable, match="pool is closed"):
            await _body(client, _chat(upstream))


async def test_line_break_in_a_header_is_refused() -> None:
    request = HttpRequest(
        method="GET",
        url=Endpoint.parse("http://host/"),
        peer="the server",
        headers=(("X", "a\r\nInjected: 1"),),
    )
    with pytest.raises(ValueError, match="line break"):
        request.encode()


def test_context_that_does_not_verify_is_refused() -> None:
    careless = ssl.create_default_context()
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    with pytest.raises(ValueError, match="does not verify"):
        HttpClient(tls=careless)
