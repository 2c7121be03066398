"""Completions in OpenAI's form that Befit words itself, or adds something to."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from befit.messages import ChatCompletion, TokenUsage
from befit.orchestrator.run import Run


def worded(run: Run, text: str, *, by: str, usage: TokenUsage | None = None) -> ChatCompletion:
    """A completion of Befit's own words, under the name of the model or person behind them."""
    used = usage or TokenUsage()
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    body = {
        "id": run.decision_id,
        "object": "chat.completion",
        "created": int(run.opened_at),
        "model": by,
        "choices": [choice],
        "usage": {
            "prompt_tokens": used.input,
            "completion_tokens": used.output,
            "total_tokens": used.input + used.output,
        },
    }
    return ChatCompletion(
        fields={name: msgspec.Raw(msgspec.json.encode(value)) for name, value in body.items()},
        text=text,
        finish_reason="stop",
        usage=used,
    )


def with_text(completion: ChatCompletion, text: str) -> ChatCompletion:
    """The same completion with other words in its first choice."""
    choices = msgspec.json.decode(completion.fields["choices"], type=list[dict[str, msgspec.Raw]])
    message = msgspec.json.decode(choices[0]["message"], type=dict[str, msgspec.Raw])
    message["content"] = msgspec.Raw(msgspec.json.encode(text))
    choices[0]["message"] = msgspec.Raw(msgspec.json.encode(message))
    fields = {**completion.fields, "choices": msgspec.Raw(msgspec.json.encode(choices))}
    return replace(completion, fields=fields, text=text)
