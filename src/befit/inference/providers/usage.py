"""Token classes from the `usage` object of an OpenAI-compatible answer."""

from __future__ import annotations

from typing import Annotated

import msgspec

from befit.messages import TokenUsage

ABSENT = msgspec.Raw(b"null")
"""Raw JSON of a field that is null or was not sent (msgspec has no optional `Raw`)."""

_Count = Annotated[int, msgspec.Meta(ge=0)]


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: _Count | None = None


class _OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: _Count | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    total_tokens: _Count | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


_decode = msgspec.json.Decoder(_Usage).decode


def read_usage(raw: msgspec.Raw) -> TokenUsage | None:
    """The reported usage, or None where there is none or it makes no sense.

    Some servers count reasoning beside `completion_tokens` and only `total_tokens` shows
    it; output is then what the total leaves, because reasoning is a part of output here.
    """
    if raw == ABSENT:
        return None
    try:
        told = _decode(raw)
    except msgspec.DecodeError:
        return None
    if told.prompt_tokens is None and told.total_tokens is None:
        return None
    prompt = told.prompt_tokens or 0
    output = max(told.completion_tokens or 0, (told.total_tokens or 0) - prompt)
    cached = told.prompt_tokens_details and told.prompt_tokens_details.cached_tokens
    reasoning = told.completion_tokens_details and told.completion_tokens_details.reasoning_tokens
    return TokenUsage(
        input=prompt,
        cached_input=min(cached or 0, prompt),
        output=output,
        reasoning=min(reasoning or 0, output),
    )
