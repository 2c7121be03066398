"""A real OpenAI-compatible server on loopback that does what a script says.

For tests of whatever calls models, and for the demo's counting peers: real sockets, real
HTTP, no mocks.

    async with ScriptedUpstream("forty-two") as upstream:
        card = ModelCard(..., via=Via.OPENAI, url=upstream.url)
        ...
        assert upstream.connections == 1
        assert upstream.requests[0].json["model"] == "test-model"

Used with plain `with`, it runs in a thread with an event loop of its own.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec

from befit.errors import InvalidRequest
from befit.messages import ChatRequest
from befit.testing.upstream_answers import Reply, embeddings, model_list, stream_events, whole
from befit.testing.upstream_server import Exchange, UpstreamProtocol

Answer = Callable[[ChatRequest], str | Reply]

_START_TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedRequest:
    """One request as it arrived; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:  # a test reads whatever it sent
        """The body, decoded."""
        return msgspec.json.decode(self.body, type=dict[str, Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Guise:
    """What the server passes itself off as: `owned_by` in its list, and further pages."""

    owned_by: str = "befit-test"
    pages: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


class ScriptedUpstream:
    """Answers chat (whole and streamed), embeddings and the list of models.

    Args:
        answer: the text of each chat answer, a `Reply` that says more, or a function
            from the request to either.
        models: the names that `GET /models` lists.
        api_key: when given, other keys get status 401.
        tls: serve https with this context.
        port: 0 takes a free one; after `stop`, `start` listens on the same again.
        guise: what it passes itself off as.

    Attributes:
        requests: what arrived, in order.
        connections: how many were accepted.
        disconnects: how many the client closed while an answer was under way.
        open_connections: how many are open now.
    """

    def __init__(
        self,
        answer: str | Reply | Answer = "ok",
        *,
        models: tuple[str, ...] = ("test-model",),
        api_key: str | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        guise: Guise | None = None,
    ) -> None:
        self.requests: list[ReceivedRequest] = []
        self.connections = 0
        self.disconnects = 0
        self._answer = answer
        self._script: deque[Reply] = deque()
        self._models = models
        self._api_key = api_key
        self._tls = tls
        self._guise = guise or Guise()
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[UpstreamProtocol] = set()
        self._thread: threading.Thread | None = None
        self._stop_thread: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        """The base URL, as a card's `url` takes it."""
        host = "localhost" if self._tls else "127.0.0.1"
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}/v1"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def script(self, *replies: Reply) -> None:
        """Answer the next chat or embeddings requests with these, one each, in order."""
        self._script.extend(replies)

    def answer_with(self, answer: str | Reply | Answer) -> None:
        """Answer from now on as if it had been made with this `answer`."""
        self._answer = answer

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: UpstreamProtocol(self), "127.0.0.1", self._port, ssl=self._tls
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection, as a killed server would."""
        if self._server is not None:
            self._server.close()
            for connection in tuple(self._open):
                connection.abort()
            await self._server.wait_closed()
            self._server = None

    def drop_connections(self) -> None:
        """Close what is open, as a server does with connections that rest too long."""
        for connection in tuple(self._open):
            connection.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="upstream", daemon=True
        )
        self._thread.start()
        if not started.wait(_START_TIMEOUT_S) or self._server is None:
            raise RuntimeError(f"the scripted upstream did not start on port {self._port}")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End the thread's server and its connections; for use with plain `with`."""
        if self._thread is not None and self._thread.is_alive():
            self._stop_thread()
            self._thread.join(_START_TIMEOUT_S)

    async def _serve(self, started: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        self._stop_thread = lambda: loop.call_soon_threadsafe(stop.set)
        try:
            await self.start()
        finally:
            started.set()
        await stop.wait()
        await self.stop()

    # What the protocol tells and asks

    def opened(self, connection: UpstreamProtocol) -> None:
        """Count a connection."""
        self.connections += 1
        self._open.add(connection)

    def closed(self, connection: UpstreamProtocol, *, answering: bool) -> None:
        """Count a client that left before its answer was out."""
        self._open.discard(connection)
        if answering and self._server is not None:
            self.disconnects += 1

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        request = ReceivedRequest(
            method=exchange.method,
            path=exchange.path,
            headers=exchange.headers,
            body=exchange.body,
        )
        self.requests.append(request)
        try:
            await self._route(exchange, request)
        except InvalidRequest as error:
            exchange.send(400, _error(str(error), "invalid_request"))

    async def _route(self, exchange: Exchange, request: ReceivedRequest) -> None:
        page = self._guise.pages.get(request.path)
        if page is not None:
            exchange.send(200, page)
        elif not self._is_authorised(request):
            exchange.send(401, _error("incorrect API key provided", "invalid_api_key"))
        elif request.path == "/v1/models":
            exchange.send(200, model_list(self._models, self._guise.owned_by))
        elif request.path == "/v1/chat/completions":
            await self._answer_chat(exchange)
        elif request.path == "/v1/embeddings":
            await self._answer_embeddings(exchange)
        else:
            exchange.send(404, _error(f"no such path: {request.path}", "not_found"))

    def _is_authorised(self, request: ReceivedRequest) -> bool:
        return self._api_key is None or (
            request.headers.get("authorization") == f"Bearer {self._api_key}"
        )

    async def _answer_chat(self, exchange: Exchange) -> None:
        request = ChatRequest.from_json(exchange.body)
        reply = self._reply(request)
        await asyncio.sleep(reply.delay_s)
        if reply.raw is not None:
            exchange.send(reply.status, reply.raw, content_type=reply.content_type)
        elif reply.status != 200:
            exchange.send(reply.status, _error(reply.text, "scripted"))
        elif request.stream:
            await _stream(exchange, request, reply)
        else:
            body = whole(request, reply)
            exchange.send(200, body, cut=reply.cut_after is not None)

    async def _answer_embeddings(self, exchange: Exchange) -> None:
        reply = self._script.popleft() if self._script else Reply()
        await asyncio.sleep(reply.delay_s)
        if reply.raw is not None:
            exchange.send(reply.status, reply.raw, content_type=reply.content_type)
        elif reply.status != 200:
            exchange.send(reply.status, _error(reply.text, "scripted"))
        else:
            exchange.send(200, embeddings(exchange.body))

    def _reply(self, request: ChatRequest) -> Reply:
        if self._script:
            return self._script.popleft()
        answer = self._answer(request) if callable(self._answer) else self._answer
        return answer if isinstance(answer, Reply) else Reply(text=answer)


async def _stream(exchange: Exchange, request: ChatRequest, reply: Reply) -> None:
    exchange.start_stream()
    for number, event in enumerate(stream_events(request, reply)):
        if reply.cut_after == number:
            exchange.cut()
            return
        if number and reply.token_delay_s:
            await asyncio.sleep(reply.token_delay_s)
        await exchange.send_event(event)
    exchange.end_stream()


def _error(message: str, code: str) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": "error", "code": code}})
