"""A label as an answer of OpenAI's protocol: a specialist is asked like any chat model."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from befit.messages import ChatChunk, ChatCompletion, LabelDistribution, TokenUsage
from befit.vocabulary import OUT_OF_SCOPE

_read_body = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def labelled_answer(
    model: str, distribution: LabelDistribution, usage: TokenUsage
) -> ChatCompletion:
    """A completion whose text is the label (`oos` where the specialist abstained)."""
    label = OUT_OF_SCOPE if distribution.abstained else distribution.label
    body = {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": label},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": _usage(usage),
    }
    return ChatCompletion(
        fields=_read_body(msgspec.json.encode(body)),
        text=label,
        finish_reason="stop",
        confidence=distribution.confidence,
        usage=usage,
    )


def labelled_chunks(completion: ChatCompletion) -> Iterator[ChatChunk]:
    """A whole answer as the events of a stream: text, finish reason, usage."""
    usage = completion.usage or TokenUsage()
    head = {name: completion.fields[name] for name in ("id", "created", "model")} | {
        "object": "chat.completion.chunk"
    }
    content = {"role": "assistant", "content": completion.text}
    yield ChatChunk(
        data=_event(head, [{"index": 0, "delta": content, "finish_reason": None}]), tokens=1
    )
    end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": completion.finish_reason}
    yield ChatChunk(data=_event(head, [end]), finish_reason=completion.finish_reason)
    yield ChatChunk(
        data=msgspec.json.encode({**head, "choices": [], "usage": _usage(usage)}),
        usage=usage,
        is_usage_only=True,
    )


def _event(head: dict[str, Any], choices: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode({**head, "choices": choices})


def _usage(usage: TokenUsage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
