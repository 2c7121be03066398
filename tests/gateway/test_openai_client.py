"""The official `openai` client, unchanged, against a real gateway."""

from __future__ import annotations

import openai
import pytest
from pydantic import BaseModel

from befit.audit import decode_receipt
from befit.testing import Reply
from befit.testing.upstream_answers import vector_of
from tests.gateway.conftest import House

HELLO = [{"role": "user", "content": "hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


async def test_a_whole_answer_names_its_model_decision_and_closed_receipt(house: House) -> None:
    raw = await house.openai().chat.completions.with_raw_response.create(
        model="near", messages=HELLO
    )
    answer = raw.parse()
    told = answer.befit
    assert answer.choices[0].message.content == "near says so"
    assert answer.model == told["model"] == "near"
    assert (told["status"], told["zone"], told["data_class"]) == ("answered", "onprem", "internal")
    assert raw.headers["befit-decision"] == told["decision_id"]
    assert raw.headers["befit-receipt"] == told["receipt"]
    assert '"type":"closed"' in decode_receipt(told["receipt"]).leaf
    record = await house.record(told["decision_id"])
    assert (record.status, record.model, record.kind) == ("answered", "near", "chat")
    assert float(record.cost_usd) == told["cost_usd"] > 0


async def test_a_stream_opens_with_a_receipt_and_finishes_with_the_closed_one(
    house: House,
) -> None:
    house.near.script(Reply(text="one two three"))
    async with house.openai().chat.completions.with_streaming_response.create(
        model="near", messages=HELLO, stream=True, stream_options={"include_usage": True}
    ) as raw:
        assert '"type":"opened"' in decode_receipt(raw.headers["befit-receipt"]).leaf
        decision_id = raw.headers["befit-decision"]
        chunks = [chunk async for chunk in await raw.parse()]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    finish = next(chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason)
    assert text == "one two three"
    assert finish.befit["decision_id"] == decision_id
    assert '"type":"closed"' in decode_receipt(finish.befit["receipt"]).leaf
    assert chunks[-1].usage.completion_tokens == 3


async def test_a_stream_without_usage_asked_for_carries_none(house: House) -> None:
    stream = await house.openai().chat.completions.create(model="near", messages=HELLO, stream=True)
    chunks = [chunk async for chunk in stream]
    assert all(chunk.usage is None for chunk in chunks)
    assert house.near.requests[-1].json["stream_options"] == {"include_usage": True}


async def test_a_checked_answer_is_streamed_in_one_go_with_its_checks(house: House) -> None:
    house.near.script(Reply(text="red"))
    stream = await house.openai().chat.completions.create(
        model="workflow:triage",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert [chunk.choices[0].delta.content for chunk in chunks[:2]] == ["", "red"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[2].choices[0].finish_reason == "stop"
    assert chunks[2].befit["checks"][0]["passed"] is True
    assert chunks[3].usage is not None
    assert {chunk.model for chunk in chunks} == {"near"}


async def test_an_answer_below_its_check_goes_up_to_the_larger_model(house: House) -> None:
    house.near.script(Reply(text="purple"))
    house.far.script(Reply(text="green"))
    answer = await house.openai().chat.completions.create(
        model="auto", messages=HELLO, extra_body={"befit": {"workflow": "triage"}}
    )
    assert (answer.choices[0].message.content, answer.model) == ("green", "far")
    assert [check["passed"] for check in answer.befit["checks"]] == [False, True]


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_pass_through_both_ways(house: House, stream: bool) -> None:
    house.near.script(Reply(tool_calls=(CALL,)))
    client = house.openai()
    if stream:
        async with client.chat.completions.stream(
            model="near", messages=HELLO, tools=[WEATHER]
        ) as events:
            answer = await events.get_final_completion()
    else:
        answer = await client.chat.completions.create(model="near", messages=HELLO, tools=[WEATHER])
    (called,) = answer.choices[0].message.tool_calls
    assert (called.id, called.function.name) == ("call_1", "weather")
    assert answer.choices[0].finish_reason == "tool_calls"
    assert house.near.requests[-1].json["tools"] == [WEATHER]


async def test_structured_output_parses_into_the_callers_type(house: House) -> None:
    class Colour(BaseModel):
        colour: str

    house.near.script(Reply(text='{"colour": "red"}'))
    answer = await house.openai().chat.completions.parse(
        model="near", messages=HELLO, response_format=Colour
    )
    assert answer.choices[0].message.parsed == Colour(colour="red")
    assert house.near.requests[-1].json["response_format"]["type"] == "json_schema"


async def test_fields_that_befit_does_not_know_reach_the_model_untouched(house: House) -> None:
    await house.openai().chat.completions.create(
        model="near", messages=HELLO, seed=7, extra_body={"mirostat": {"tau": 5.0}}
    )
    sent = house.near.requests[-1].json
    assert (sent["seed"], sent["mirostat"]) == (7, {"tau": 5.0})
    assert sent["model"] == "test-model"
    assert "befit" not in sent


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings_come_in_the_encoding_asked_for(house: House, encoding: str) -> None:
    found = await house.openai().embeddings.create(
        model="vectors", input=["a", "b"], encoding_format=encoding
    )
    vectors = [item.embedding for item in found.data]
    if encoding == "float":
        assert vectors == [vector_of("a"), vector_of("b")]
    else:
        assert all(isinstance(vector, str) for vector in vectors)
    record = await house.record(found.befit["decision_id"])
    assert (record.kind, record.status) == ("embeddings", "answered")


async def test_the_client_reads_base64_embeddings_as_numbers(house: House) -> None:
    found = await house.openai().embeddings.create(model="vectors", input="a")
    assert found.data[0].embedding == vector_of("a")
    assert found.model == "vectors"


async def test_models_are_cards_workflows_and_auto(house: House) -> None:
    models = {model.id: model for model in (await house.openai().models.list()).data}
    assert {"near", "far", "workflow:triage", "auto"} <= models.keys()
    assert (models["far"].befit["zone"], models["far"].befit["size"]) == ("external", "large")
    assert (await house.openai().models.retrieve("workflow:triage")).id == "workflow:triage"
    with pytest.raises(openai.NotFoundError, match="did you mean 'near'"):
        await house.openai().models.retrieve("neer")


async def test_a_key_limited_to_workflows_sees_no_others(house: House) -> None:
    house.keys["narrow"] = await house.key("narrow", workflows=["triage"])
    listed = [model.id for model in (await house.openai("narrow").models.list()).data]
    assert [name for name in listed if name.startswith("workflow:")] == ["workflow:triage"]


async def test_a_high_impact_answer_waits_for_a_person(house: House) -> None:
    answer = await house.openai().chat.completions.create(model="workflow:advice", messages=HELLO)
    assert answer.befit["status"] == "pending_person"
    assert answer.befit["approval_id"].startswith("apr_")
    assert answer.befit["run_id"] in answer.choices[0].message.content
    assert "near says so" not in answer.model_dump_json()
    stream = await house.openai().chat.completions.create(
        model="workflow:advice", messages=HELLO, stream=True
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].befit["status"] == "pending_person"
    assert "near says so" not in "".join(chunk.model_dump_json() for chunk in chunks)
