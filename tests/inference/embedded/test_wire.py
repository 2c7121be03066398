"""Frames and events: what is sent is what arrives, and nothing else is accepted."""

from __future__ import annotations

import asyncio
import contextlib
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import ContextTooLong, ModelFailure, ModelRefused
from befit.inference import Permit
from befit.inference.embedded.choice import LETTERS, choice_body, read_choice
from befit.inference.embedded.labelled import labelled_answer, labelled_chunks
from befit.inference.embedded.stream import Gathered, read_event
from befit.inference.embedded.wire import (
    Boot,
    ChatAsk,
    EmbedAsk,
    Labels,
    MalformedFrame,
    boot_frame_from,
    decode_ask,
    decode_reply,
    frame,
    read_frame,
)
from befit.messages import LabelDistribution, TokenUsage
from befit.vocabulary import DataClass, Purpose

permits = st.builds(
    Permit,
    permit_id=st.text(),
    tenant=st.text(),
    decision_id=st.text(),
    step=st.text(),
    purpose=st.sampled_from(Purpose),
    data_class=st.sampled_from(DataClass),
    models=st.lists(st.text()).map(tuple),
    reservation_id=st.text(),
    expires_at=st.floats(allow_nan=False),
    calls=st.integers(0, 2**40),
    mac=st.binary(),
)
asks = st.one_of(
    st.builds(
        ChatAsk,
        permit=permits,
        model=st.text(),
        weights=st.text(),
        body=st.binary(),
        labels=st.lists(st.text()).map(tuple),
        stream=st.booleans(),
    ),
    st.builds(
        EmbedAsk,
        permit=permits,
        model=st.text(),
        weights=st.text(),
        texts=st.lists(st.text()).map(tuple),
    ),
)


async def received(data: bytes) -> list[tuple[int, bytes]]:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    found = []
    while (one := await read_frame(reader)) is not None:
        found.append(one)
    return found


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), asks), max_size=4))
def test_asks_arrive_as_they_were_sent_with_their_permit_intact(sent) -> None:
    data = b"".join(frame(call_id, ask) for call_id, ask in sent)
    found = asyncio.run(received(data))
    assert [(call_id, decode_ask(payload)) for call_id, payload in found] == sent


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_frames_or_malformed(data) -> None:
    try:
        for _, payload in asyncio.run(received(data)):
            decode_ask(payload)
    except MalformedFrame:
        pass


@pytest.mark.parametrize("decode", [decode_ask, decode_reply])
@given(payload=st.binary(max_size=100))
def test_a_payload_of_any_kind_is_a_message_or_malformed(decode, payload) -> None:
    with contextlib.suppress(MalformedFrame):
        decode(payload)


def test_text_that_is_no_unicode_is_malformed() -> None:
    with pytest.raises(MalformedFrame):
        decode_ask(b"\x82\xa4type\xa5embed\xa5texts\x91\xa2\xff\xff")


@given(st.lists(st.tuples(st.permutations("abc"), st.booleans())))
def test_packed_distributions_arrive_as_they_were(rows) -> None:
    found = tuple(
        LabelDistribution(labels=tuple(order), probabilities=(0.5, 0.3, 0.2), abstained=abstained)
        for order, abstained in rows
    )
    sent = decode_reply(frame(1, Labels.packed(found, tokens=3))[8:])
    assert sent.unpacked() == found
    assert sent.tokens == 3


def test_the_boot_frame_is_read_and_no_byte_more() -> None:
    boot = Boot(boot_key=b"k" * 32, folder="/f", socket_name="s", artefacts="/a")
    stream = io.BytesIO(frame(0, boot) + b"rest")
    assert boot_frame_from(stream) == boot
    assert stream.read() == b"rest"
    with pytest.raises(MalformedFrame):
        boot_frame_from(io.BytesIO(b""))


def event(**fields: object) -> bytes:
    return msgspec.json.encode({"id": "c1", "created": 1, **fields})


def choice(delta: dict, finish_reason: str | None = None) -> list[dict]:
    return [{"index": 0, "delta": delta, "finish_reason": finish_reason}]


def test_tool_calls_in_pieces_become_whole() -> None:
    gathered = Gathered("m")
    pieces = [
        {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a":'}},
        {"index": 1, "id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": "1}"}},
    ]
    for piece in pieces:
        gathered.add(read_event(event(choices=choice({"tool_calls": [piece]})), "m"))
    gathered.add(read_event(event(choices=choice({}, "tool_calls")), "m"))
    answer = gathered.answer()
    message = msgspec.json.decode(answer.body)["choices"][0]["message"]
    assert answer.has_tool_calls
    assert answer.finish_reason == "tool_calls"
    assert message["content"] is None
    calls = [(call["id"], call["function"]) for call in message["tool_calls"]]
    assert calls == [
        ("t1", {"name": "f", "arguments": '{"a":1}'}),
        ("t2", {"name": "g", "arguments": "{}"}),
    ]


def test_what_a_delta_carries_beyond_our_reading_reaches_the_client() -> None:
    delta = {"content": "x", "a_new_field": {"deep": [1]}}
    sent = read_event(event(choices=choice(delta)), "card").as_delta("card")
    body = msgspec.json.decode(sent.data)
    assert body["choices"][0]["delta"] == delta
    assert body["model"] == "card"
    assert sent.tokens == 1


def test_an_engine_that_ends_without_a_reason_has_failed() -> None:
    gathered = Gathered("m")
    gathered.add(read_event(event(choices=choice({"content": "half an"})), "m"))
    with pytest.raises(ModelFailure, match="without a reason"):
        gathered.answer()


def test_errors_of_the_engine_are_errors_of_ours() -> None:
    too_long = {"code": 400, "message": "..", "type": "exceed_context_size_error",
                "n_prompt_tokens": 9, "n_ctx": 8}  # fmt: skip
    with pytest.raises(ContextTooLong, match="9 tokens; 'm' takes 8"):
        read_event(event(error=too_long), "m")
    with pytest.raises(ModelRefused, match="no") as refusal:
        read_event(event(error={"code": 500, "message": "no"}), "m")
    assert refusal.value.upstream_status == 500
    with pytest.raises(ModelFailure):
        read_event(b"not JSON", "m")


def test_prefill_reports_are_not_passed_on() -> None:
    assert read_event(event(choices=choice({}), prompt_progress={"total": 1}), "m") is None


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=len(LETTERS)))
def test_probabilities_of_letters_are_a_distribution_over_labels(mass) -> None:
    total = sum(mass)
    labels = [f"label {n}" for n in range(len(mass))]
    entries = [{"token": LETTERS[n], "prob": one / total} for n, one in enumerate(mass)]
    ranked = read_choice([{"top_probs": entries}], labels, "m")
    assert {label for label, _ in ranked} == set(labels)
    assert sum(probability for _, probability in ranked) == pytest.approx(1)
    assert [p for _, p in ranked] == sorted((p for _, p in ranked), reverse=True)


def test_a_vocabulary_without_single_letters_is_said_so() -> None:
    for logprobs in ([], [{"top_probs": [{"token": "A", "prob": 0.2}]}]):
        with pytest.raises(ModelFailure, match="cannot choose by letters"):
            read_choice(logprobs, ["a", "b"], "m")


@pytest.mark.parametrize("told", ["Decide.", [{"type": "text", "text": "Decide."}], None])
def test_options_follow_the_instructions_and_leave_the_text_last(told) -> None:
    asked = {"role": "user", "content": "text"}
    body = {"messages": [{"role": "system", "content": told}, asked], "temperature": 0}
    built = choice_body(body, ["one", "two"])
    instructions, last = built["messages"]
    content = instructions["content"]
    assert "A. one\nB. two" in (content if isinstance(content, str) else content[-1]["text"])
    assert told is None or "Decide." in str(content)
    assert last == asked
    assert built["max_tokens"] == 1


def test_options_become_the_instructions_where_there_are_none() -> None:
    asked = {"role": "user", "content": "text"}
    built = choice_body({"messages": [asked]}, ["one", "two"])
    assert [message["role"] for message in built["messages"]] == ["system", "user"]
    assert built["messages"][-1] == asked


@pytest.mark.parametrize("messages", [[], "text", [1]])
def test_a_choice_needs_messages(messages) -> None:
    with pytest.raises(ModelRefused, match="not a list of messages"):
        choice_body({"messages": messages}, ["one", "two"])


@pytest.mark.parametrize("abstained", [False, True])
def test_a_specialists_label_is_a_completion_and_a_stream(abstained) -> None:
    found = LabelDistribution(labels=("a", "b"), probabilities=(0.7, 0.3), abstained=abstained)
    answer = labelled_answer("card", found, TokenUsage(input=5))
    assert answer.text == ("oos" if abstained else "a")
    assert answer.confidence == 0.7
    chunks = list(labelled_chunks(answer))
    bodies = [msgspec.json.decode(chunk.data) for chunk in chunks]
    assert bodies[0]["choices"][0]["delta"] == {"role": "assistant", "content": answer.text}
    assert [chunk.finish_reason for chunk in chunks] == [None, "stop", None]
    assert bodies[2]["usage"] == {"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5}
    assert {body["id"] for body in bodies} == {msgspec.json.decode(answer.fields["id"])}
