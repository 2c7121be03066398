import asyncio
import base64
import logging
import struct
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from befit.catalog import Capability, ModelCard, Via
from befit.errors import (
    ModelFailure,
    ModelRefused,
    ModelTimeout,
    ModelUnreachable,
    StreamBroken,
)
from befit.inference import (
    HttpClient,
    ModelCall,
    OpenAICompatibleProvider,
    Permit,
    TextsCall,
    resolve_key,
)
from befit.messages import ChatChunk, TokenUsage
from befit.testing import Reply, ScriptedUpstream, vector_of
from befit.vocabulary import Zone

MakeCard = Callable[..., ModelCard]
MakeCall = Callable[..., ModelCall]

_KEY = "sk-test-0123456789abcdef"
_TOOL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}


async def _collect(provider: OpenAICompatibleProvider, call: ModelCall) -> list[ChatChunk]:
    return [chunk async for chunk in provider.stream(call)]


def _content(chunks: list[ChatChunk]) -> str:
    deltas = [
        choice["delta"] for chunk in chunks for choice in msgspec.json.decode(chunk.data)["choices"]
    ]
    return "".join(delta.get("content") or "" for delta in deltas)


# Whole answers


async def test_chat_says_text_reason_and_usage(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    reply = Reply(text="It is a cat", cached_tokens=2, reasoning_tokens=1)
    async with ScriptedUpstream(reply) as upstream:
        answer = await provider.chat(make_call(make_card(upstream.url), "What is it?"))
    assert (answer.text, answer.finish_reason, answer.has_tool_calls) == (
        "It is a cat",
        "stop",
        False,
    )
    assert answer.confidence is None
    assert answer.usage == TokenUsage(input=3, cached_input=2, output=4, reasoning=1)
    assert bytes(answer.fields["object"]) == b'"chat.completion"'


async def test_fields_that_befit_does_not_know_pass_untouched(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    body = (
        b'{"model":"mine","messages":[{"role":"user","content":"a","name":"Ann"}],'
        b'"seed": 7,"x_new":{"deep":[1.50,null]},"stream":false,'
        b'"stream_options":{"include_usage":true},"befit":{"data_class":"public"}}'
    )
    async with ScriptedUpstream() as upstream:
        await provider.chat(make_call(make_card(upstream.url), body))
        sent = upstream.requests[0].body
    assert b'"x_new":{"deep":[1.50,null]}' in sent
    assert b'[{"role":"user","content":"a","name":"Ann"}]' in sent
    decoded = msgspec.json.decode(sent)
    assert decoded["model"] == "test-model"
    assert decoded.keys() == {"model", "messages", "seed", "x_new"}


async def test_tool_calls_are_told_and_kept(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(tool_calls=(_TOOL,))) as upstream:
        answer = await provider.chat(make_call(make_card(upstream.url)))
    assert (answer.has_tool_calls, answer.text, answer.finish_reason) == (True, "", "tool_calls")
    message = msgspec.json.decode(answer.fields["choices"])[0]["message"]
    assert message["tool_calls"] == [_TOOL]


async def test_missing_usage_is_unknown(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(says_usage=False)) as upstream:
        card = make_card(upstream.url)
        assert (await provider.chat(make_call(card))).usage is None
        assert all(chunk.usage is None for chunk in await _collect(provider, make_call(card)))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"<html>busy</html>", "not OpenAI's format.*<html>busy</html>"),
        (b'{"choices":[]}', "without choices"),
        (b'{"choices":[{"message":{"content":7}}]}', "not OpenAI's format"),
        (b'{"choices":[{"message":{"content":"a"}', "not OpenAI's format"),
        (b"\xff\xfe", "not OpenAI's format"),
        (b"", "not OpenAI's format"),
    ],
)
async def test_wrong_answer_is_a_model_failure(
    provider: OpenAICompatibleProvider,
    make_card: MakeCard,
    make_call: MakeCall,
    raw: bytes,
    says: str,
) -> None:
    async with ScriptedUpstream(Reply(raw=raw)) as upstream:
        with pytest.raises(ModelFailure, match=says):
            await provider.chat(make_call(make_card(upstream.url)))


async def test_error_object_under_status_200_is_a_refusal(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    raw = b'{"error":{"message":"no capacity","code":503}}'
    async with ScriptedUpstream(Reply(raw=raw)) as upstream:
        for answer in (provider.chat, lambda call: _collect(provider, call)):
            with pytest.raises(ModelRefused, match="no capacity") as caught:
                await answer(make_call(make_card(upstream.url)))
            assert caught.value.upstream_status == 503


@pytest.mark.parametrize(
    ("status", "retry"), [(400, False), (404, False), (429, True), (500, True), (503, True)]
)
async def test_error_status_is_a_refusal_that_says_whether_to_retry(
    provider: OpenAICompatibleProvider,
    make_card: MakeCard,
    make_call: MakeCall,
    status: int,
    retry: bool,
) -> None:
    async with ScriptedUpstream(Reply(status=status, text="because")) as upstream:
        call = make_call(make_card(upstream.url))
        for answer in (provider.chat, lambda call: _collect(provider, call)):
            with pytest.raises(
                ModelRefused, match=f"'mine' answered with status {status}: because"
            ) as e:
                await answer(call)
            assert (e.value.upstream_status, e.value.retry) == (status, retry)
        assert upstream.connections == 1  # a refusal leaves its connection usable


async def test_cut_answer_is_a_failure(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(cut_after=0)) as upstream:
        with pytest.raises(ModelFailure, match="cut its answer"):
            await provider.chat(make_call(make_card(upstream.url)))


async def test_whole_answer_may_take_longer_than_a_first_token(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(delay_s=0.15)) as upstream:
        card = make_card(upstream.url, first_token_timeout_s=0.05, total_timeout_s=10.0)
        assert (await provider.chat(make_call(card))).text == "ok"
        with pytest.raises(ModelTimeout):
            upstream.script(Reply(delay_s=30))
            await provider.chat(make_call(make_card(upstream.url, total_timeout_s=0.1)))


# Streams


async def test_stream_relays_events_as_they_came_and_ends_with_usage(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(text="It is a cat", reasoning_tokens=1)) as upstream:
        chunks = await _collect(provider, make_call(make_card(upstream.url), "What is it?"))
        sent = upstream.requests[0].json
        await _collect(provider, make_call(make_card(upstream.url), "What is it?"))
        assert upstream.connections == 1
    assert _content(chunks) == "It is a cat"
    assert [chunk.tokens for chunk in chunks] == [0, 1, 1, 1, 1, 0, 0]
    assert chunks[-2].finish_reason == "stop"
    assert chunks[-1].is_usage_only
    assert chunks[-1].usage == TokenUsage(input=3, output=4, reasoning=1)
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


async def test_other_stream_options_are_kept(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    body = (
        b'{"model":"mine","messages":[{"role":"user","content":"a"}],"stream":true,'
        b'"stream_options":{"include_usage":false,"include_obfuscation":false}}'
    )
    async with ScriptedUpstream() as upstream:
        await _collect(provider, make_call(make_card(upstream.url), body))
        sent = upstream.requests[0].json
    assert sent["stream_options"] == {"include_usage": True, "include_obfuscation": False}


async def test_tool_calls_stream(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(tool_calls=(_TOOL,))) as upstream:
        chunks = await _collect(provider, make_call(make_card(upstream.url)))
    assert b"look_up" in chunks[1].data
    assert chunks[1].tokens == 1
    assert chunks[2].finish_reason == "tool_calls"


@pytest.mark.parametrize("events", [0, 1])
async def test_stream_cut_before_its_first_token_lets_a_fallback_take_over(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall, events: int
) -> None:
    async with ScriptedUpstream(Reply(text="a b c", cut_after=events)) as upstream:
        chunks: list[ChatChunk] = []
        with pytest.raises(ModelFailure) as caught:
            async for chunk in provider.stream(make_call(make_card(upstream.url))):
                chunks += [chunk]  # kept also where the stream then fails
    assert not isinstance(caught.value, StreamBroken)
    assert chunks == []


async def test_stream_cut_after_its_first_token_is_broken(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(text="a b c", cut_after=3)) as upstream:
        chunks: list[ChatChunk] = []
        with pytest.raises(StreamBroken, match="cut its answer"):
            async for chunk in provider.stream(make_call(make_card(upstream.url))):
                chunks += [chunk]  # kept also where the stream then fails
    assert _content(chunks) == "a b "


async def test_stream_that_ends_cleanly_but_too_early_is_broken(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(text="a b c", says_end=False)) as upstream:
        with pytest.raises(StreamBroken, match="ended its stream before its answer"):
            await _collect(provider, make_call(make_card(upstream.url)))


@pytest.mark.parametrize(("events", "kind"), [(1, ModelRefused), (3, StreamBroken)])
async def test_error_event_is_a_refusal_before_and_a_broken_stream_after_the_first_token(
    provider: OpenAICompatibleProvider,
    make_card: MakeCard,
    make_call: MakeCall,
    events: int,
    kind: type[ModelFailure],
) -> None:
    async with ScriptedUpstream(Reply(text="a b c", error_after=events)) as upstream:
        with pytest.raises(ModelFailure, match="scripted failure") as caught:
            await _collect(provider, make_call(make_card(upstream.url)))
    assert type(caught.value) is kind


async def test_role_without_a_token_does_not_stop_the_first_token_clock(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(text="a b c", token_delay_s=30)) as upstream:
        card = make_card(upstream.url, first_token_timeout_s=0.1)
        with pytest.raises(ModelTimeout, match=r"its first token within 0.1 s"):
            await _collect(provider, make_call(card))
        await asyncio.sleep(0.02)
        assert upstream.disconnects == 1


async def test_stream_slower_than_its_total_time_is_broken(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(text="a " * 100, token_delay_s=0.02)) as upstream:
        card = make_card(upstream.url, first_token_timeout_s=0.1, total_timeout_s=0.2)
        with pytest.raises(StreamBroken, match=r"the whole answer within 0.2 s"):
            await _collect(provider, make_call(card))


async def test_closed_stream_is_seen_by_the_server(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream(Reply(text="a " * 100, token_delay_s=0.02)) as upstream:
        chunks = provider.stream(make_call(make_card(upstream.url)))
        await anext(chunks)
        await chunks.aclose()
        await asyncio.sleep(0.05)
        assert upstream.disconnects == 1


async def test_whole_answer_to_a_stream_request_is_a_failure(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    raw = b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}'
    async with ScriptedUpstream(Reply(raw=raw)) as upstream:
        with pytest.raises(ModelFailure, match="in one piece"):
            await _collect(provider, make_call(make_card(upstream.url)))


# Labels


async def test_labels_become_a_schema_where_the_model_obeys_one(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    capabilities = frozenset({Capability.CHAT, Capability.STRUCTURED_OUTPUT})
    async with ScriptedUpstream('{"label": "refund"}') as upstream:
        card = make_card(upstream.url, capabilities=capabilities)
        answer = await provider.chat(make_call(card, "My money!", ("refund", "other")))
        sent = upstream.requests[0].json["response_format"]
    assert (answer.text, answer.confidence) == ("refund", None)
    message = msgspec.json.decode(answer.fields["choices"])[0]["message"]
    assert message == {"role": "assistant", "content": "refund"}
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"]["properties"]["label"]["enum"] == ["refund", "other"]


async def test_labels_are_left_to_the_prompt_elsewhere(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream("refund") as upstream:
        answer = await provider.chat(make_call(make_card(upstream.url), "My money!", ("refund",)))
        assert "response_format" not in upstream.requests[0].json
    assert answer.text == "refund"


async def test_label_cut_by_a_length_limit_stays_visible_to_the_check(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    capabilities = frozenset({Capability.CHAT, Capability.STRUCTURED_OUTPUT})
    async with ScriptedUpstream(Reply(text='{"label": "ref', finish_reason="length")) as upstream:
        card = make_card(upstream.url, capabilities=capabilities)
        answer = await provider.chat(make_call(card, "My money!", ("refund",)))
    assert (answer.text, answer.finish_reason) == ('{"label": "ref', "length")


# Embeddings, lists, what is not offered


@pytest.mark.parametrize(("via", "encoding"), [(Via.OPENAI, "base64"), (Via.OLLAMA, "float")])
async def test_vectors_are_the_same_from_lists_and_base64(
    provider: OpenAICompatibleProvider,
    make_card: MakeCard,
    permit: Permit,
    via: Via,
    encoding: str,
) -> None:
    texts = ("one text", "another")
    async with ScriptedUpstream() as upstream:
        card = make_card(upstream.url, via=via)
        answer = await provider.embed(TextsCall(permit=permit, card=card, texts=texts))
        assert upstream.requests[0].json["encoding_format"] == encoding
    assert answer.dimensions == 8
    assert [np.frombuffer(row, "<f4").tolist() for row in answer.rows] == [
        vector_of(text) for text in texts
    ]
    assert answer.usage == TokenUsage(input=3)


def _vectors(*items: object) -> bytes:
    return msgspec.json.encode({"data": items})


_NAN = base64.b64encode(struct.pack("<f", float("nan"))).decode()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (_vectors({"embedding": [1.0]}), "1 vectors for 2 texts"),
        (_vectors({"embedding": [1.0]}, {"embedding": [1.0, 2.0]}), "unequal length"),
        (_vectors({"embedding": []}, {"embedding": []}), "empty vectors"),
        (_vectors({"embedding": [1e39]}, {"embedding": [1.0]}), "not finite"),
        (_vectors({"embedding": _NAN}, {"embedding": _NAN}), "not finite"),
        (_vectors({"embedding": "AAA="}, {"embedding": "AAA="}), "not float32"),
        (_vectors({"embedding": "??"}, {"embedding": "??"}), "not base64"),
        (
            _vectors({"embedding": [1.0], "index": 1}, {"embedding": [1.0], "index": 1}),
            "wrong indexes",
        ),
    ],
)
async def test_wrong_vectors_are_a_failure(
    provider: OpenAICompatibleProvider,
    make_card: MakeCard,
    permit: Permit,
    raw: bytes,
    says: str,
) -> None:
    async with ScriptedUpstream() as upstream:
        upstream.script(Reply(raw=raw))
        card = make_card(upstream.url)
        with pytest.raises(ModelFailure, match=says):
            await provider.embed(TextsCall(permit=permit, card=card, texts=("one", "two")))


async def test_vectors_are_put_in_order_and_unreported_usage_is_bounded(
    provider: OpenAICompatibleProvider, make_card: MakeCard, permit: Permit
) -> None:
    raw = _vectors({"embedding": [2.0], "index": 1}, {"embedding": [1.0], "index": 0})
    async with ScriptedUpstream() as upstream:
        upstream.script(Reply(raw=raw))
        answer = await provider.embed(
            TextsCall(permit=permit, card=make_card(upstream.url), texts=("one", "two"))
        )
    assert answer.rows == (struct.pack("<f", 1.0), struct.pack("<f", 2.0))
    assert answer.usage.input == len("onetwo")


async def test_models_are_listed(provider: OpenAICompatibleProvider, make_card: MakeCard) -> None:
    async with ScriptedUpstream(models=("a", "b")) as upstream:
        assert await provider.list_models(make_card(upstream.url)) == ("a", "b")


async def test_classification_is_refused(
    provider: OpenAICompatibleProvider, make_card: MakeCard, permit: Permit
) -> None:
    call = TextsCall(permit=permit, card=make_card("http://127.0.0.1:1"), texts=("a",))
    with pytest.raises(ModelRefused, match="no distribution over labels"):
        await provider.classify(call)


# Keys and addresses


async def test_key_travels_in_its_header_and_nowhere_else(
    client: HttpClient,
    make_card: MakeCard,
    make_call: MakeCall,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    provider = OpenAICompatibleProvider(
        client, keys=lambda ref: resolve_key(ref, environ={"MY_KEY": _KEY})
    )
    async with ScriptedUpstream(api_key=_KEY) as upstream:
        card = make_card(upstream.url, key_ref="env:MY_KEY")
        assert (await provider.chat(make_call(card))).text == "ok"
        assert _KEY.encode() not in upstream.requests[0].body
        upstream.script(Reply(status=401, text=f"key {_KEY} and Bearer {_KEY} are wrong"))
        with pytest.raises(ModelRefused) as caught:
            await provider.chat(make_call(card))
        upstream.script(Reply(raw=f"<p>{_KEY}</p>".encode()))
        with pytest.raises(ModelFailure) as other:
            await provider.chat(make_call(card))
    for error in (caught.value, other.value):
        assert _KEY not in f"{error} {error!r} {error.__dict__}"
        assert "***" in str(error)
    assert "check the key" in str(caught.value)
    assert _KEY not in caplog.text


async def test_missing_key_calls_nobody_and_says_what_to_do(
    client: HttpClient, make_card: MakeCard, make_call: MakeCall
) -> None:
    provider = OpenAICompatibleProvider(client, keys=lambda ref: resolve_key(ref, environ={}))
    async with ScriptedUpstream() as upstream:
        card = make_card(upstream.url, key_ref="env:MY_KEY")
        with pytest.raises(ModelFailure, match=r"'mine': .*MY_KEY is not set.*; export") as caught:
            await provider.chat(make_call(card))
        assert upstream.connections == 0
    assert caught.value.retry is False


async def test_long_refusal_is_quoted_short_on_one_line_without_escapes(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    page = b"\x1b[31m<html>\n" + b"word \n" * 5000
    async with ScriptedUpstream(Reply(status=500, raw=page)) as upstream:
        with pytest.raises(ModelRefused) as caught:
            await provider.chat(make_call(make_card(upstream.url)))
    said = str(caught.value).partition("status 500: ")[2]
    assert len(said) <= 300
    assert "\n" not in said
    assert "\x1b" not in said


async def test_external_model_is_never_called_without_encryption(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    card = make_card("http://models.invalid/v1", zone=Zone.EXTERNAL)
    with pytest.raises(ModelFailure, match="without encryption; give it an https url"):
        await provider.chat(make_call(card))


async def test_dead_server_is_unreachable_for_every_call(
    provider: OpenAICompatibleProvider, make_card: MakeCard, make_call: MakeCall
) -> None:
    async with ScriptedUpstream() as upstream:
        card = make_card(upstream.url)
    with pytest.raises(ModelUnreachable, match="model 'mine' cannot be reached") as told:
        await provider.chat(make_call(card))
    assert "127.0.0.1" not in str(told.value)  # callers need not know where it is
    with pytest.raises(ModelUnreachable):
        await _collect(provider, make_call(card))
    with pytest.raises(ModelUnreachable):
        await provider.list_models(card)
