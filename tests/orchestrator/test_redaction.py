"""Placeholders go out and values come back, also where a stream splits a placeholder."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from befit.messages import ChatChunk, ChatCompletion, ChatRequest
from befit.orchestrator.content import Content
from befit.orchestrator.redaction import Redaction, RestoredStream
from befit.policy.detection import Examination, Span

CARD = "4111111111111111"
MAIL = "ann@example.org"
TEXT = f"pay {CARD}, tell {MAIL}, again {CARD}"


def _redaction() -> Redaction:
    request = ChatRequest.from_text(TEXT, model="m")
    content = Content.of(request)
    spans = tuple(
        tuple(
            Span(start=at, end=at + len(value), type=kind)
            for kind, value in (("CREDIT_CARD", CARD), ("EMAIL_ADDRESS", MAIL))
            for at in range(len(text))
            if text.startswith(value, at)
        )
        for text in content.texts
    )
    return Redaction.of(content, Examination(spans=spans), None)


def test_what_goes_out_holds_no_value_and_one_placeholder_a_value() -> None:
    sent = _redaction().request.text
    assert CARD not in sent
    assert MAIL not in sent
    assert sent.count("[CREDIT_CARD_1]") == 2


def test_a_whole_answer_has_its_values_back_in_content_and_tool_calls() -> None:
    arguments = '{"card": "[CREDIT_CARD_1]"}'
    message = {
        "role": "assistant",
        "content": "charged [CREDIT_CARD_1]",
        "tool_calls": [{"id": "1", "function": {"name": "pay", "arguments": arguments}}],
    }
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    completion = ChatCompletion(
        fields={"choices": msgspec.Raw(msgspec.json.encode(choices))},
        text="charged [CREDIT_CARD_1]",
        finish_reason="stop",
    )
    restored = _redaction().restored(completion)
    assert restored.text == f"charged {CARD}"
    raw = bytes(restored.fields["choices"]).decode()
    assert raw.count(CARD) == 2
    assert "[CREDIT_CARD_1]" not in raw


ANSWER = "[CREDIT_CARD_1] and [EMAIL_ADDRESS_1] but not [CREDIT_CARD_9] nor [half"
RESTORED = f"{CARD} and {MAIL} but not [CREDIT_CARD_9] nor [half"


def _chunk(delta: dict[str, object], finish: str | None = None, index: int = 0) -> ChatChunk:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return ChatChunk(
        data=msgspec.json.encode({"id": "c", "choices": [choice]}), tokens=1, finish_reason=finish
    )


@given(cuts=st.lists(st.integers(0, len(ANSWER)), max_size=30), at_finish=st.booleans())
def test_a_stream_is_restored_however_it_is_split(cuts: list[int], at_finish: bool) -> None:
    edges = sorted({0, len(ANSWER), *cuts})
    parts = [ANSWER[a:b] for a, b in pairwise(edges)]
    stream = RestoredStream(_redaction())
    chunks = [_chunk({"content": part}) for part in parts]
    if at_finish:
        chunks[-1] = _chunk({"content": parts[-1]}, "stop")
    else:
        chunks.append(_chunk({}, "stop"))
    out = [after for chunk in chunks for after in stream.restored(chunk)]
    text, finishes = "", []
    for chunk in out:
        for choice in msgspec.json.decode(chunk.data)["choices"]:
            assert not finishes, "nothing may follow the finish"
            text += choice["delta"].get("content", "")
            if choice["finish_reason"]:
                finishes.append(choice["finish_reason"])
    assert text == RESTORED
    assert finishes == ["stop"]
    assert [chunk.finish_reason for chunk in out if chunk.finish_reason] == ["stop"]


def test_texts_of_two_choices_and_of_tool_calls_are_followed_apart() -> None:
    stream = RestoredStream(_redaction())

    def call(arguments: str) -> dict[str, object]:
        return {"tool_calls": [{"index": 1, "function": {"arguments": arguments}}]}

    chunks = [
        _chunk({"content": "[CREDIT"}, index=0),
        _chunk({"content": "[EMAIL_"}, index=1),
        _chunk(call('{"card":"[CREDIT_CA'), index=1),
        _chunk({"content": "_CARD_1]"}, index=0),
        _chunk({"content": "ADDRESS_1]"}, index=1),
        _chunk(call('RD_1]"}'), index=1),
        _chunk({"content": "["}, "stop", index=0),
        _chunk({}, "tool_calls", index=1),
    ]
    texts: dict[int, str] = {0: "", 1: ""}
    arguments = ""
    for chunk in [after for each in chunks for after in stream.restored(each)]:
        for choice in msgspec.json.decode(chunk.data)["choices"]:
            texts[choice["index"]] += choice["delta"].get("content", "")
            for told in choice["delta"].get("tool_calls", []):
                assert told["index"] == 1
                arguments += told["function"]["arguments"]
    assert texts == {0: f"{CARD}[", 1: MAIL}
    assert arguments == f'{{"card":"{CARD}"}}'


def test_a_value_with_quotes_keeps_a_tool_calls_arguments_json() -> None:
    secret = 'a"b\\c\nd'
    content = Content.of(ChatRequest.from_text(secret, model="m"))
    spans = tuple(
        (Span(start=0, end=len(text), type="SECRET"),) if text == secret else ()
        for text in content.texts
    )
    redaction = Redaction.of(content, Examination(spans=spans), None)
    call = {"index": 0, "function": {"arguments": '{"v":"[SECRET_1]"}'}}
    chunk = _chunk({"tool_calls": [call], "content": "[SECRET_1]"}, "tool_calls")
    deltas = [
        msgspec.json.decode(after.data)["choices"][0]["delta"]
        for after in RestoredStream(redaction).restored(chunk)
    ]
    arguments = "".join(
        told["function"]["arguments"] for delta in deltas for told in delta.get("tool_calls", [])
    )
    assert msgspec.json.decode(arguments) == {"v": secret}
    assert "".join(delta.get("content", "") for delta in deltas) == secret
