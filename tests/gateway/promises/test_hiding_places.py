"""A card number typed anywhere into a request does not reach an external model as it is.

Whatever part of a request goes to the model, its text counts: a place that nobody examines
is a place where content leaves under a class that it does not have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from befit.messages import ChatRequest
from befit.testing import Reply
from befit.vocabulary import DataClass, Zone
from tests.gateway.promises.asking import CARD_DIGITS, CARD_NUMBER
from tests.gateway.promises.town import Town, town
from tests.gateway.promises.wire import Heard, exchange, request_of
from tests.gateway.promises.world import Flow, Model, World

_FAR = Model(
    name="far",
    zone=Zone.EXTERNAL,
    jurisdiction=None,
    stage="approved",
    size="small",
    price_usd="1",
    embeds=False,
    behaviour="good",
)
_VECTORS = Model(**{**vars(_FAR), "name": "vectors", "embeds": True})
_WORLD = World(
    models=(_FAR, _VECTORS),
    flows=(
        Flow(name="assistant", check="none"),
        Flow(name="own", check="none"),
        # What cannot be examined takes the strictest class there is, which here is public.
        Flow(name="open", check="none", highest_class=DataClass.PUBLIC),
    ),
    undeclared=DataClass.INTERNAL,
    rules=(),
    personal=frozenset(),
    poor_usd="1",
    has_workflow_budget=False,
)
_TEXT = f"my card is {CARD_NUMBER}"
_USER = {"role": "user", "content": "hello"}
_TOOL = {"type": "function", "function": {"name": "pay", "parameters": {"type": "object"}}}
_SPOKEN: dict[str, Any] = {"model": "far", "messages": [_USER], "befit": {"data_class": "public"}}
_PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def _messages(*others: dict[str, Any]) -> dict[str, Any]:
    return {**_SPOKEN, "messages": [*others, _USER]}


def _called(arguments: str) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "pay", "arguments": arguments}}
    return _messages(
        _USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    )


PLACES: dict[str, dict[str, Any]] = {
    "the question": _messages({"role": "user", "content": _TEXT}),
    "a part of the question": _messages(
        {"role": "user", "content": [{"type": "text", "text": _TEXT}]}
    ),
    "the system message": _messages({"role": "system", "content": _TEXT}),
    "an earlier answer": _messages(_USER, {"role": "assistant", "content": _TEXT}),
    "a tool's result": _messages({"role": "tool", "tool_call_id": "c", "content": _TEXT}),
    "a refusal": _messages(
        {"role": "assistant", "content": [{"type": "refusal", "refusal": _TEXT}]}
    ),
    "a tool call's arguments": _called(json.dumps({"card": CARD_NUMBER})),
    "a message's name": _messages({**_USER, "name": CARD_DIGITS}),
    "an unknown field of a message": _messages({**_USER, "note": _TEXT}),
    "an unknown field of a part": _messages(
        {"role": "user", "content": [{"type": "text", "text": "hello", "note": _TEXT}]}
    ),
    "a part of an unknown type": _messages(
        {"role": "user", "content": [{"type": "memo", "memo": _TEXT}]}
    ),
    "a number": _messages({**_USER, "card": int(CARD_DIGITS)}),
    "the name of a field": _messages({**_USER, CARD_DIGITS: True}),
    "a tool's description": {
        **_SPOKEN,
        "tools": [{**_TOOL, "function": {**_TOOL["function"], "description": _TEXT}}],
    },
    "a schema's description": {
        **_SPOKEN,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {"type": "object", "description": _TEXT}},
        },
    },
    "the user field": {**_SPOKEN, "user": _TEXT},
    "metadata": {**_SPOKEN, "metadata": {"card": CARD_NUMBER}},
    "a stop sequence": {**_SPOKEN, "stop": [CARD_NUMBER]},
    "a prediction": {**_SPOKEN, "prediction": {"type": "content", "content": _TEXT}},
    "the stream's options": {
        **_SPOKEN,
        "stream": True,
        "stream_options": {"include_usage": True, "note": _TEXT},
    },
    "a text beside a picture that passes itself off as one": {
        **_messages(
            {"role": "user", "content": [{"type": "text", "text": "data: " + _TEXT}, _PICTURE]}
        ),
        "model": "workflow:open",
    },
    "an unknown field": {**_SPOKEN, "note": {"deep": [_TEXT]}},
    "the question, streamed": {
        **_messages({"role": "user", "content": _TEXT}),
        "stream": True,
    },
}
_TWICE = (
    b'{"model": "far", "befit": {"data_class": "public"}, "messages": '
    b'[{"role": "user", "content": "%s", "content": "hello"}]}' % _TEXT.encode()
)
_CLASS_TWICE = (
    b'{"model": "far", "befit": {"data_class": "restricted"}, "befit": {"data_class": "public"}, '
    b'"messages": [{"role": "user", "content": "%s"}]}' % _TEXT.encode()
)


def _bodies() -> Iterator[tuple[str, str, bytes]]:
    for place, body in PLACES.items():
        yield place, "/v1/chat/completions", json.dumps(body).encode()
    yield "a field that stands twice", "/v1/chat/completions", _TWICE
    yield "a class that stands twice", "/v1/chat/completions", _CLASS_TWICE
    texts = {"model": "vectors", "input": ["hello", _TEXT], "befit": {"data_class": "public"}}
    yield "a text to embed", "/v1/embeddings", json.dumps(texts).encode()
    run = {"input": _TEXT, "data_class": "public"}
    yield "a run's input", "/v1/workflows/own/runs", json.dumps(run).encode()


@pytest.mark.parametrize("redacts", [False, True], ids=["kept in", "redacted"])
@pytest.mark.parametrize("spelling", ["with spaces", "zero-width", "full-width", "escaped"])
async def test_no_place_in_a_request_hides_a_card_number(
    spelling: str, redacts: bool, tmp_path: Path
) -> None:
    leaks: list[str] = []
    async with town(replace(_WORLD, redacts=redacts), tmp_path) as found:
        for place, path, body in _bodies():
            await _post(found, path, _respelled(body, spelling))
            leaks += [place for upstream in found.upstreams.values() if _leaked(upstream)]
    assert leaks == []


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_redacted_comes_back_to_whom_it_belongs(
    stream: bool, tmp_path: Path
) -> None:
    body = {**PLACES["the question"], "stream": stream}
    async with town(replace(_WORLD, redacts=True), tmp_path) as found:
        far = found.upstreams["far"]
        far.answer_with(_echoed)
        heard = await _post(found, "/v1/chat/completions", json.dumps(body).encode())
        assert heard.status == 200, heard
        assert len(far.visits) == 1
        assert not _leaked(far)
    assert CARD_DIGITS in _plain_answer(heard.body)


async def test_the_same_places_let_harmless_text_through(tmp_path: Path) -> None:
    harmless = CARD_NUMBER.replace("4111", "forty")
    async with town(_WORLD, tmp_path) as found:
        body = json.dumps(PLACES["the question"]).replace(CARD_NUMBER, harmless)
        assert (await _post(found, "/v1/chat/completions", body.encode())).status == 200
        assert len(found.upstreams["far"].visits) == 1


def _echoed(request: ChatRequest) -> Reply:
    texts = " ".join(message.text for message in request.messages)
    return Reply(text=f"You wrote: {texts}", chunks=40)


def _plain_answer(body: bytes) -> str:
    """The text of an answer, whole or streamed, without its spaces."""
    if body.startswith(b"{"):
        return json.loads(body)["choices"][0]["message"]["content"].replace(" ", "")
    text = ""
    for line in body.split(b"\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[len(b"data: ") :])["choices"]:
                text += choice["delta"].get("content") or ""
    return text.replace(" ", "")


async def _post(found: Town, path: str, body: bytes) -> Heard:
    return await exchange(
        found.address, request_of("POST", path, key=found.keys["plain"], body=body)
    )


def _respelled(body: bytes, spelling: str) -> bytes:
    """The body with its card number written in another way that people read the same."""
    text = body.decode()
    written = {
        "with spaces": CARD_NUMBER,
        "zero-width": CARD_NUMBER.replace(" ", "\\u200b"),
        "full-width": "".join(chr(ord(digit) + 0xFEE0) for digit in CARD_DIGITS),
        "escaped": "".join(f"\\u{ord(character):04x}" for character in CARD_NUMBER),
    }[spelling]
    return text.replace(CARD_NUMBER, written).encode()


def _leaked(upstream: Any) -> bool:
    """Whether what arrived last holds the number in any spelling; forgets what arrived."""
    bodies = [visit.request.body for visit in upstream.visits]
    upstream.visits.clear()
    return any(CARD_DIGITS in _plain(body) for body in bodies)


def _plain(body: bytes) -> str:
    """All text of a JSON body, both of what stands twice, digits in one spelling."""
    return "".join(character for character in _texts(body) if character.isdigit()).translate(
        {0xFF10 + digit: str(digit) for digit in range(10)}
    )


def _texts(body: bytes) -> str:
    found: list[str] = []

    def kept(pairs: list[tuple[str, Any]]) -> list[Any]:
        return [pairs]

    def walk(value: Any) -> None:
        if isinstance(value, (list, tuple)):
            for each in value:
                walk(each)
        else:
            found.append(str(value))

    walk(json.loads(body, object_pairs_hook=kept))
    return "|".join(found)
