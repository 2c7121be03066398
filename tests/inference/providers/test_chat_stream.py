from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import ModelRefused
from befit.inference.providers.chat_stream import ChatStreamReader
from befit.messages import ChatChunk, ChatRequest, TokenUsage
from befit.testing.upstream_answers import Reply, stream_events

_REQUEST = ChatRequest.from_json(
    b'{"model":"m","messages":[{"role":"user","content":"a b"}],"stream":true,'
    b'"stream_options":{"include_usage":true}}'
)


def _stream(reply: Reply) -> bytes:
    return b"".join(b"data: %b\n\n" % event for event in stream_events(_REQUEST, reply))


def _event(**fields: object) -> bytes:
    return b"data: " + msgspec.json.encode(fields) + b"\n\n"


def _text(chunks: list[ChatChunk]) -> str:
    text = ""
    for chunk in chunks:
        for choice in msgspec.json.decode(chunk.data)["choices"]:
            text += choice["delta"].get("content") or ""
    return text


@given(
    text=st.text(min_size=1, max_size=60),
    chunks=st.integers(1, 8),
    cuts=st.lists(st.integers(0, 5_000), max_size=10),
    end=st.one_of(st.none(), st.integers(0, 5_000)),
)
def test_a_stream_either_arrives_whole_or_fails(
    text: str, chunks: int, cuts: list[int], end: int | None
) -> None:
    """Wherever the connection ends: no clean end without the answer's end."""
    stream = _stream(Reply(text=text, chunks=min(chunks, len(text))))
    sent = stream if end is None else stream[: end % len(stream)]
    places = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    reader = ChatStreamReader("m")
    got: list[ChatChunk] = []
    for start, stop in pairwise(places):
        got += reader.feed(sent[start:stop])
    if not reader.is_done:
        got += reader.end()
    assert reader.is_done is (reader.failure is None)
    has_finished = any(chunk.finish_reason for chunk in got)
    assert reader.is_done is has_finished
    if reader.is_done:
        assert _text(got) == text
    else:
        assert text.startswith(_text(got))
    if end is None:
        assert got[-1].is_usage_only
        assert got[-1].usage is not None


def test_role_is_held_until_the_first_token() -> None:
    reader = ChatStreamReader("m")
    role = _event(choices=[{"delta": {"role": "assistant", "content": ""}}])
    token = _event(choices=[{"delta": {"content": "Yes"}, "finish_reason": None}])
    assert reader.feed(role) == []
    assert [chunk.tokens for chunk in reader.feed(token)] == [0, 1]


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "a"},
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"refusal": "no"},
        {"tool_calls": [{"index": 0, "function": {"name": "f"}}]},
        {"function_call": {"name": "f"}},
        {"content": [{"type": "thinking"}]},
    ],
)
def test_every_kind_of_output_counts_as_a_token(delta: dict[str, object]) -> None:
    (chunk,) = ChatStreamReader("m").feed(_event(choices=[{"delta": delta}]))
    assert chunk.tokens == 1


def test_text_that_looks_like_protocol_is_text() -> None:
    text = '"finish_reason":"stop" "error":{"message":"x"} data: [DONE]\n\n'
    reader = ChatStreamReader("m")
    (chunk,) = reader.feed(_event(choices=[{"delta": {"content": text}, "finish_reason": None}]))
    assert (chunk.finish_reason, chunk.usage, reader.failure) == (None, None, None)


def test_chunks_before_an_error_event_are_handed_out_first() -> None:
    reader = ChatStreamReader("m")
    token = _event(choices=[{"delta": {"content": "a"}}])
    error = _event(error={"message": "out of memory", "code": 503})
    assert len(reader.feed(token + error + token)) == 1
    assert isinstance(reader.failure, ModelRefused)
    assert reader.failure.upstream_status == 503
    assert "out of memory" in str(reader.failure)


def test_finish_reason_ends_a_stream_that_lacks_done() -> None:
    reader = ChatStreamReader("m")
    reader.feed(_event(choices=[{"delta": {"content": "a"}, "finish_reason": "stop"}]))
    reader.end()
    assert reader.is_done


def test_each_of_several_choices_must_finish() -> None:
    reader = ChatStreamReader("m", choices=2)
    reader.feed(_event(choices=[{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]))
    reader.end()
    assert not reader.is_done
    assert reader.failure is not None


def test_event_that_is_no_chunk_is_a_failure_that_quotes_it() -> None:
    reader = ChatStreamReader("m")
    assert reader.feed(b"data: <html>busy</html>\n\n") == []
    assert "<html>busy</html>" in str(reader.failure)


def test_usage_on_the_finishing_chunk_is_read() -> None:
    reader = ChatStreamReader("m")
    usage = {"prompt_tokens": 5, "completion_tokens": 1}
    (chunk,) = reader.feed(
        _event(choices=[{"delta": {"content": "a"}, "finish_reason": "stop"}], usage=usage)
    )
    assert chunk.usage == TokenUsage(input=5, output=1)
    assert not chunk.is_usage_only
