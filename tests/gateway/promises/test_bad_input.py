"""Requests that are wrong on purpose: refused before any model, and never half understood."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.gateway.promises.named import every_limit
from tests.gateway.promises.town import Town, town
from tests.gateway.promises.wire import Heard, exchange, request_of

CHAT = "/v1/chat/completions"
MODEL = "g-device"
HELLO = [{"role": "user", "content": "hello"}]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Trace:
    """What a town has seen so far; `new` says what came since."""

    town: Town
    decisions: int = 0
    calls: int = 0

    async def new(self) -> tuple[int, int]:
        """Decisions and calls of upstreams since the last look."""
        listed = await self.town.operate("decisions.list", {"limit": 500})
        before = self.decisions, self.calls
        self.decisions = len(listed["decisions"])
        self.calls = sum(len(upstream.visits) for upstream in self.town.upstreams.values())
        return self.decisions - before[0], self.calls - before[1]

    async def post(self, body: bytes, key: str | None = None) -> Heard:
        """Ask the chat endpoint."""
        key = self.town.keys["plain"] if key is None else key
        return await exchange(self.town.address, request_of("POST", CHAT, key=key, body=body))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trace]:
    world = every_limit(personal=frozenset()).world
    async with town(world, tmp_path_factory.mktemp("bad")) as found:
        yield Trace(found)


@pytest_asyncio.fixture(loop_scope="module")
async def trace(opened: Trace) -> Trace:
    await opened.new()
    return opened


def _body(**fields: Any) -> bytes:
    return json.dumps({"model": MODEL, "messages": HELLO, **fields}).encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00" * 100, id="zero bytes"),
        pytest.param(_body() + b"\x00", id="a zero byte behind it"),
        pytest.param(_body()[:-1], id="cut"),
        pytest.param(_body() + _body(), id="two documents"),
        pytest.param(_body().replace(b"hello", b"he\xff\xfello"), id="not UTF-8"),
        pytest.param(_body().replace(b"hello", b"\xed\xa0\x80"), id="half a surrogate in UTF-8"),
        pytest.param(b"[" * 100_000, id="nothing but depth"),
        pytest.param(_body().decode().encode("utf-16"), id="UTF-16"),
        pytest.param(_body(messages=[{"role": 1}]), id="a role that is a number"),
        pytest.param(_body(befit={"data_class": "topsecret"}), id="no such class"),
        pytest.param(_body(befit={"tags": ["nonsense"]}), id="no such tag"),
        pytest.param(_body(befit={"unknown": 1}), id="an unknown befit field"),
        pytest.param(_body(befit={"tenant": "other"}), id="another tenant by a field"),
        pytest.param(_body(befit={"principal": "admin"}), id="another principal by a field"),
        pytest.param(_body(befit=[]), id="a befit object that is none"),
        pytest.param(_body(n=-1), id="fewer than no answers"),
        pytest.param(_body(max_tokens=-5), id="fewer than no tokens"),
    ],
)
async def test_what_cannot_be_read_leaves_no_decision(trace: Trace, body: bytes) -> None:
    heard = await trace.post(body)
    assert heard.status == 400, heard
    assert json.loads(heard.body)["error"]["message"]
    assert await trace.new() == (0, 0)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"messages": [{"role": "user", "content": "a\x00b"}]}, id="a zero character"),
        pytest.param({"k" * 200_000: 1}, id="a huge key"),
        pytest.param({"metadata": {f"k{n}": n for n in range(20_000)}}, id="many keys"),
        pytest.param({"user": "\ud800"}, id="half a surrogate, escaped"),
        pytest.param({"seed": 10**400}, id="a number of 400 digits"),
        pytest.param({"model": "../../etc/passwd"}, id="a path for a model"),
        pytest.param({"model": "m\r\nx-injected: 1"}, id="a header in a name"),
        pytest.param({"befit": {"conversation": "c" * 100_000}}, id="a huge conversation id"),
        pytest.param({"befit": {"workflow": "../../befit"}}, id="a path for a workflow"),
    ],
)
async def test_what_is_odd_is_answered_or_refused_but_never_fails(
    trace: Trace, fields: dict[str, Any]
) -> None:
    heard = await trace.post(_body(**fields))
    assert heard.status is not None
    assert heard.status < 500, heard
    assert b"x-injected" not in heard.head
    decisions, _ = await trace.new()
    assert decisions == (heard.decision_id is not None)


@pytest.mark.parametrize("where", ["messages", "metadata", "tools"])
async def test_deep_nesting_is_refused_and_leaves_one_decision_at_most(
    trace: Trace, where: str
) -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    body = _body(**{where: "HERE"}).replace(b'"HERE"', deep)
    heard = await trace.post(body)
    assert heard.status == 400, heard
    assert await trace.new() == (heard.decision_id is not None, 0)


async def test_a_field_that_stands_twice_reaches_the_model_once(trace: Trace) -> None:
    """Else gateway and model may each read another of the two."""
    body = (
        b'{"model": "nobody", "model": "g-device", "messages": '
        b'[{"role": "user", "content": "first", "content": "second"}], "messages": '
        b'[{"role": "user", "content": "third", "content": "fourth"}]}'
    )
    heard = await trace.post(body)
    assert heard.status in {200, 400}
    _, calls = await trace.new()
    assert calls == (heard.status == 200)
    if calls:
        sent = trace.town.upstreams[MODEL].visits[-1].request.body
        assert sent.count(b'"messages"') == sent.count(b'"model"') == sent.count(b'"content"') == 1


def _raw(head: str, body: bytes) -> bytes:
    return f"POST {CHAT} HTTP/1.1\r\nhost: befit\r\n{head}\r\n".encode() + body


_SMUGGLED = request_of("GET", "/v1/models", key="nobody")
_CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(_body()), _body())


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(
            f"content-length: {len(_body())}\r\ntransfer-encoding: chunked\r\n",
            _CHUNKED + _SMUGGLED,
            id="length and chunks",
        ),
        pytest.param(
            f"content-length: 3\r\ncontent-length: {len(_body())}\r\n", _body(), id="two lengths"
        ),
        pytest.param("content-length: +5\r\n", _body() + _SMUGGLED, id="a length with a sign"),
        pytest.param("content-length: -1\r\n", _body(), id="a negative length"),
        pytest.param("content-length: 0x10\r\n", _body(), id="a length in hex"),
        pytest.param(
            "transfer-encoding: chunked, identity\r\n", _CHUNKED + _SMUGGLED, id="two codings"
        ),
        pytest.param("transfer-encoding: xchunked\r\n", _CHUNKED, id="an unknown coding"),
        pytest.param(
            "transfer-encoding: chunked\r\n", b"zz\r\n" + _body() + b"\r\n0\r\n\r\n", id="no size"
        ),
        pytest.param("x-broken\r\n", _body(), id="a header without a colon"),
        pytest.param("x-broken: a\x00b\r\n", _body(), id="a zero byte in a header"),
    ],
)
async def test_a_request_with_two_readings_is_read_in_neither(
    trace: Trace, head: str, body: bytes
) -> None:
    key = f"authorization: Bearer {trace.town.keys['plain']}\r\nconnection: close\r\n"
    heard = await exchange(trace.town.address, _raw(key + head, body))
    answers = heard.head.count(b"HTTP/1.1 ") + heard.body.count(b"HTTP/1.1 ")
    assert answers <= 1, heard
    assert heard.status in {None, 400, 413, 501}, heard
    _, calls = await trace.new()
    assert calls == 0


@pytest.mark.parametrize(
    "authorization",
    [
        "authorization: Bearer {0}\r\nauthorization: Bearer {1}\r\n",
        "authorization: Bearer nobody\r\nauthorization: Bearer {1}\r\n",
        "x-authorization: Bearer {1}\r\nx-forwarded-user: admin\r\n",
        "authorization: Basic {1}\r\n",
        "authorization: Bearer  {0} {1}\r\n",
        "cookie: key={1}\r\n",
    ],
)
async def test_only_the_first_authorization_header_counts(trace: Trace, authorization: str) -> None:
    head = authorization.format(trace.town.keys["plain"], trace.town.keys["admin"])
    request = f"GET /v1/inventory HTTP/1.1\r\nhost: befit\r\nconnection: close\r\n{head}\r\n"
    heard = await exchange(trace.town.address, request.encode())
    assert heard.status in {400, 401, 403}, heard


def _token(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


_CLAIMS = {"iss": "http://127.0.0.1:9/", "sub": "admin", "aud": "befit", "exp": 4_000_000_000}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(_token({"alg": "none"}, _CLAIMS), id="alg none"),
        pytest.param(_token({"alg": "HS256"}, _CLAIMS, b"x" * 32), id="a secret of its own"),
        pytest.param(
            _token({"alg": "RS256", "kid": "k"}, _CLAIMS, b"x" * 256), id="no such issuer"
        ),
        pytest.param(
            _token({"alg": "RS256", "jku": "http://127.0.0.1:9/keys"}, _CLAIMS, b"x" * 256),
            id="keys named by the token",
        ),
        pytest.param("a.b.c", id="no base64"),
        pytest.param("..", id="nothing between dots"),
        pytest.param("a" * 20_000 + ".b.c", id="huge"),
    ],
)
async def test_a_forged_token_is_nobody(trace: Trace, token: str) -> None:
    heard = await trace.post(_body(), token)
    assert heard.status == 401, heard
    assert await trace.new() == (0, 0)


async def test_a_revoked_key_is_nobody_at_its_next_request(trace: Trace) -> None:
    key = await trace.town.operate("keys.create", {"name": "brief"})
    assert (await trace.post(_body(), key["key"])).status == 200
    await trace.town.operate("keys.revoke", {"id": key["id"]})
    await trace.new()
    assert (await trace.post(_body(), key["key"])).status == 401
    assert await trace.new() == (0, 0)
