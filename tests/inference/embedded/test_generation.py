"""The generator through provider, socket and process: the real SmolLM2."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import jsonschema
import msgspec
import pytest

from befit.errors import ContextTooLong, ModelRefused, Overloaded
from befit.inference.embedded import MAX_LABELS
from befit.inference.embedded.generator import MAX_WAITING

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


async def test_whole_answer_is_an_openai_completion_with_usage(running, provider) -> None:
    answer = await provider.chat(running.chat("Say hello.", max_tokens=8, temperature=0))
    body = {name: msgspec.json.decode(raw) for name, raw in answer.fields.items()}
    assert body["object"] == "chat.completion"
    assert body["model"] == "smollm2-135m"
    assert body["choices"][0]["message"] == {"role": "assistant", "content": answer.text}
    assert answer.text
    assert answer.usage.output == body["usage"]["completion_tokens"] <= 8
    assert answer.usage.input == body["usage"]["prompt_tokens"] > 0


async def test_stream_says_what_the_whole_answer_says_and_ends_with_usage(
    running, provider
) -> None:
    same = {"max_tokens": 12, "temperature": 0, "seed": 1}
    whole = await provider.chat(running.chat("Name three colours.", **same))
    chunks = [c async for c in provider.stream(running.chat("Name three colours.", **same))]
    bodies = [msgspec.json.decode(chunk.data) for chunk in chunks]
    assert {body["object"] for body in bodies} == {"chat.completion.chunk"}
    assert len({body["id"] for body in bodies}) == 1
    said = [b["choices"][0]["delta"].get("content") or "" for b in bodies if b["choices"]]
    assert "".join(said) == whole.text
    assert chunks[-1].is_usage_only
    assert chunks[-1].usage.output == whole.usage.output
    assert 0 < sum(chunk.tokens for chunk in chunks) <= whole.usage.output
    assert [c.finish_reason for c in chunks if c.finish_reason] == [whole.finish_reason]


async def test_length_stop_is_visible(running, provider) -> None:
    answer = await provider.chat(running.chat(max_tokens=3))
    assert (answer.finish_reason, answer.usage.output) == ("length", 3)


async def test_card_limit_caps_what_the_request_asks_for(running, provider) -> None:
    call = running.chat(max_tokens=50)
    call = replace(call, card=replace(call.card, max_output_tokens=2))
    assert (await provider.chat(call)).usage.output == 2


async def test_same_seed_gives_the_same_words(running, provider) -> None:
    calls = [running.chat("Invent a name.", max_tokens=8, seed=7, temperature=1) for _ in range(3)]
    await provider.chat(calls[0])  # the prompt is in a slot's memory from here on
    first, second = [(await provider.chat(call)).text for call in calls[1:]]
    assert first == second


async def test_json_schema_is_obeyed(running, provider) -> None:
    response_format = {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}}
    call = running.chat("Describe a person.", response_format=response_format, max_tokens=80)
    answer = await provider.chat(call)
    assert answer.finish_reason == "stop"
    jsonschema.validate(msgspec.json.decode(answer.text), SCHEMA)


async def test_stop_words_end_the_answer(running, provider) -> None:
    call = running.chat("Count: 1 2 3", max_tokens=40, temperature=0)
    text = (await provider.chat(call)).text
    word = text.split()[2]
    call = running.chat("Count: 1 2 3", max_tokens=40, temperature=0, stop=[word])
    stopped = await provider.chat(call)
    assert word not in stopped.text
    assert stopped.finish_reason == "stop"


async def test_labels_give_one_of_them_with_its_probability(running, provider) -> None:
    labels = ("card lost", "exchange rate", "greeting")
    answer = await provider.chat(running.chat("Good morning!", labels=labels))
    assert answer.text in labels
    assert 1 / len(labels) <= answer.confidence <= 1
    assert answer.finish_reason == "stop"
    assert msgspec.json.decode(answer.fields["choices"])[0]["message"]["content"] == answer.text


async def test_labels_stream_as_one_chunk_that_carries_the_label(running, provider) -> None:
    labels = ("yes", "no")
    chunks = [c async for c in provider.stream(running.chat("Is water wet?", labels=labels))]
    first = msgspec.json.decode(chunks[0].data)
    assert first["choices"][0]["delta"]["content"] in labels
    assert chunks[-1].is_usage_only


async def test_as_many_labels_as_letters_and_no_more(running, provider) -> None:
    labels = tuple(f"label {number}" for number in range(MAX_LABELS + 1))
    assert (await provider.chat(running.chat("?", labels=labels[:-1]))).text in labels
    with pytest.raises(ModelRefused, match=f"at most {MAX_LABELS} labels"):
        await provider.chat(running.chat("?", labels=labels))


async def test_too_long_an_input_names_limit_and_tokens(running, provider) -> None:
    with pytest.raises(ContextTooLong, match=r"has \d{4} tokens; 'smollm2-135m' takes 4096"):
        await provider.chat(running.chat("word " * 5000))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"n": 2}, "one choice"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "no place for tools"),
        ({"temperature": "hot"}, "temperature"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"type": "nonsense"}},
                }
            },
            "nonsense",
        ),
    ],
)
async def test_what_it_cannot_do_is_refused_with_the_reason(
    running, provider, fields, reason
) -> None:
    with pytest.raises(ModelRefused, match=reason) as refusal:
        await provider.chat(running.chat(**fields))
    assert not refusal.value.retry


async def test_four_answers_are_generated_at_once(running, provider, eventually) -> None:
    tasks = [asyncio.create_task(provider.chat(running.chat(max_tokens=200))) for _ in range(6)]

    async def four_busy() -> bool:
        generator = (await provider.status()).models[0]
        return (generator.busy, generator.waiting) == (4, 2)

    await eventually(four_busy)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def idle(provider) -> bool:
    generator = (await provider.status()).models[0]
    return (generator.busy, generator.waiting) == (0, 0)


@pytest.mark.parametrize("prompt", ["Tell a long story.", "word " * 3500])
async def test_a_caller_that_goes_away_frees_its_slot(
    running, provider, eventually, prompt
) -> None:
    task = asyncio.create_task(provider.chat(running.chat(prompt, max_tokens=1000)))

    async def busy() -> bool:
        return (await provider.status()).models[0].busy == 1

    await eventually(busy)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: idle(provider))


async def test_leaving_a_stream_frees_its_slot(running, provider, eventually) -> None:
    stream = provider.stream(running.chat(max_tokens=1000))
    await anext(stream)
    await stream.aclose()
    await eventually(lambda: idle(provider))


async def test_more_callers_than_may_wait_are_turned_away(running, provider, eventually) -> None:
    most = 4 + MAX_WAITING
    permit = running.permit(calls=most + 1)
    tasks = [
        asyncio.create_task(provider.chat(running.chat(permit=permit, max_tokens=500)))
        for _ in range(most)
    ]

    async def full() -> bool:
        return (await provider.status()).models[0].waiting == MAX_WAITING

    await eventually(full)
    with pytest.raises(Overloaded):
        await provider.chat(running.chat(permit=permit))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await eventually(lambda: idle(provider))
