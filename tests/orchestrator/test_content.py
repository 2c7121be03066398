"""Every text of a request is examined and can be replaced, wherever it stands."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from befit.messages import ChatRequest
from befit.orchestrator.content import Content

CARD = "4111 1111 1111 1111"


def _request(**fields: object) -> ChatRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **fields}
    return ChatRequest.from_json(msgspec.json.encode(body))


def _escaped_call() -> dict[str, object]:
    escaped = '{"card": "' + "".join(f"\\u{ord(letter):04x}" for letter in CARD) + '"}'
    return {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": escaped}}


def _places() -> dict[str, ChatRequest]:
    call = {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": CARD}}
    parts = [{"type": "text", "text": CARD}]
    return {
        "an earlier message": _request(messages=[{"role": "assistant", "content": CARD}] * 2),
        "a content part": _request(messages=[{"role": "user", "content": parts}]),
        "a tool call's arguments": _request(
            messages=[{"role": "assistant", "content": None, "tool_calls": [call]}]
        ),
        "a tool's description": _request(
            tools=[{"type": "function", "function": {"name": "f", "description": CARD}}]
        ),
        "a field of the caller's own": _request(metadata={"order": {"note": [CARD]}}),
        "a key": _request(metadata={CARD: "x"}),
        "a key of the request": _request(**{CARD: 1}),
        "escaped in a tool call's arguments": _request(
            messages=[{"role": "assistant", "content": None, "tool_calls": [_escaped_call()]}]
        ),
        "the user field": _request(user=CARD),
    }


def test_a_text_is_found_wherever_it_stands() -> None:
    missed = [
        place for place, request in _places().items() if CARD not in Content.of(request).texts
    ]
    assert not missed


def test_a_replaced_text_is_gone_from_wherever_it_stood() -> None:
    for place, request in _places().items():
        content = Content.of(request)
        changed = content.with_texts([text.replace(CARD, "[X]") for text in content.texts])
        sent = msgspec.json.encode(changed.fields).decode()
        assert CARD not in sent, place
        assert "[X]" in sent, place
        assert all(CARD not in message.text for message in changed.messages), place


def test_a_number_may_be_a_card_too() -> None:
    request = _request(metadata={"card": 4111111111111111, "count": 3}, seed=4111111111111111)
    content = Content.of(request)
    assert content.texts.count("4111111111111111") == 2
    changed = content.with_texts(["[X]" if text.isdigit() else text for text in content.texts])
    assert b"4111" not in msgspec.json.encode(changed.fields)
    assert msgspec.json.decode(changed.fields["metadata"])["count"] == 3


def test_where_to_send_is_no_content() -> None:
    request = _request(stream=True, stream_options={"include_usage": True})
    assert "m" not in Content.of(request).texts


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=14), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(extra=_JSON, content=st.text(max_size=30))
def test_replacing_texts_by_themselves_changes_nothing(extra: object, content: str) -> None:
    request = _request(messages=[{"role": "user", "content": content}], extra=extra)
    content = Content.of(request)
    same = content.with_texts(content.texts)
    assert {name: msgspec.json.decode(raw) for name, raw in same.fields.items()} == {
        name: msgspec.json.decode(raw) for name, raw in request.fields.items()
    }
    assert same.messages == request.messages


def test_what_is_sent_is_what_was_examined_where_a_key_stands_twice() -> None:
    hidden = f'{{"role":"user","content":"{CARD}","content":"hello"}}'
    request = ChatRequest.from_json(f'{{"model":"m","messages":[{hidden}]}}'.encode())
    content = Content.of(request)
    assert CARD in "".join(content.texts) or CARD.encode() not in bytes(
        content.as_read.fields["messages"]
    )


def test_short_keys_that_the_protocol_does_not_know_are_content() -> None:
    assert "219-09-9998" in Content.of(_request(metadata={"219-09-9998": 1})).texts


def test_texts_that_a_model_may_read_as_one_are_examined_together() -> None:
    parts = [{"type": "text", "text": "4111 1111"}, {"type": "text", "text": "1111 1111"}]
    request = _request(messages=[{"role": "user", "content": parts}], order=[4111, 1111, 1111])
    assert CARD in Content.of(request).joined
    assert "4111 1111 1111" in Content.of(request).joined


def test_arguments_that_are_json_stay_json_with_another_value() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "x"}'}}
    request = _request(messages=[{"role": "assistant", "content": None, "tool_calls": [call]}])
    content = Content.of(request)
    changed = content.with_texts(['q"q' if text == "x" else text for text in content.texts])
    sent = msgspec.json.decode(changed.fields["messages"])[0]["tool_calls"][0]["function"]
    assert msgspec.json.decode(sent["arguments"]) == {"a": 'q"q'}


def test_a_picture_anywhere_is_something_that_cannot_be_examined() -> None:
    picture = "iVBORw0KGgo" * 60
    hidden = {"role": "user", "content": "hi", "images": [picture]}
    beside = [{"type": "text", "text": "hi", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    assert not Content.of(_request(messages=[hidden])).is_text_only
    assert not Content.of(_request(messages=[{"role": "user", "content": beside}])).is_text_only
    assert Content.of(_request()).is_text_only
