"""The bodies of the scripted upstream: completions, streams, vectors, lists."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from befit.messages import ChatRequest, EmbeddingRequest

DIMENSIONS = 8
"""Numbers in each of the upstream's vectors."""

_PIECES = re.compile(r"\S+\s*|\s+")
_COMMON = {"id": "chatcmpl-test", "created": 1_700_000_000}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """How one request is answered.

    Attributes:
        text: the answer, or the message of an error status.
        chunks: in how many pieces a stream carries the text; None is one a word.
        status: other than 200 answers with an error body.
        delay_s: before the first byte.
        token_delay_s: between two events of a stream.
        cut_after: how many events of a stream are sent before the connection is cut
            (the role's event is the first); a whole answer is cut in its body.
        error_after: how many events are sent before an error event, likewise.
        raw: sent as the body in place of an answer, under `content_type`.
        tool_calls: put in the message in place of its content.
        says_usage: whether usage is reported (in streams only where asked for).
        says_end: whether a stream ends with a finish reason and `[DONE]`.
    """

    text: str = "ok"
    chunks: int | None = None
    status: int = 200
    delay_s: float = 0.0
    token_delay_s: float = 0.0
    cut_after: int | None = None
    error_after: int | None = None
    raw: bytes | None = None
    content_type: str = "application/json"
    tool_calls: tuple[dict[str, Any], ...] = ()  # JSON of the test's own making
    finish_reason: str = "stop"
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    says_usage: bool = True
    says_end: bool = True


def whole(request: ChatRequest, reply: Reply) -> bytes:
    """A `chat.completion`."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.tool_calls:
        message |= {"content": None, "tool_calls": reply.tool_calls}
    finish = "tool_calls" if reply.tool_calls else reply.finish_reason
    body: dict[str, Any] = {
        **_COMMON,
        "object": "chat.completion",
        "model": request.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    if reply.says_usage:
        body["usage"] = _usage(request, reply)
    return msgspec.json.encode(body)


def stream_events(request: ChatRequest, reply: Reply) -> Iterator[bytes]:
    """The events of a stream, without `data: ` and blank lines."""
    for number, event in enumerate(_events(request, reply)):
        if reply.error_after == number:
            yield b'{"error":{"message":"scripted failure","code":500}}'
            return
        yield event


def embeddings(body: bytes) -> bytes:
    """Vectors that depend on the text alone, in the encoding that was asked for."""
    request = EmbeddingRequest.from_json(body)
    data: list[dict[str, Any]] = []
    for index, text in enumerate(request.texts):
        vector = vector_of(text)
        packed = struct.pack(f"<{DIMENSIONS}f", *vector)
        embedding = base64.b64encode(packed).decode() if request.base64 else vector
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    tokens = sum(len(text.split()) for text in request.texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode(
        {"object": "list", "data": data, "model": request.model, "usage": usage}
    )


def vector_of(text: str) -> list[float]:
    """The vector that the upstream gives for a text; exact in float32."""
    return [byte / 256 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]


def model_list(names: tuple[str, ...], owned_by: str) -> bytes:
    """A list of models."""
    data = [
        {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": owned_by}
        for name in names
    ]
    return msgspec.json.encode({"object": "list", "data": data})


def _events(request: ChatRequest, reply: Reply) -> Iterator[bytes]:
    yield _chunk(request, {"role": "assistant", "content": ""})
    for call_index, call in enumerate(reply.tool_calls):
        yield _chunk(request, {"tool_calls": [{"index": call_index, **call}]})
    for piece in () if reply.tool_calls else _pieces(reply):
        yield _chunk(request, {"content": piece})
    if not reply.says_end:
        return
    yield _chunk(request, {}, "tool_calls" if reply.tool_calls else reply.finish_reason)
    if reply.says_usage and request.include_usage:
        body: dict[str, Any] = _stream_common(request)
        body |= {"choices": [], "usage": _usage(request, reply)}
        yield msgspec.json.encode(body)
    yield b"[DONE]"


def _pieces(reply: Reply) -> list[str]:
    if reply.chunks is None:
        return _PIECES.findall(reply.text)
    size, more = divmod(len(reply.text), reply.chunks)
    ends = [0]
    for number in range(reply.chunks):
        ends.append(ends[-1] + size + (number < more))
    return [reply.text[start:end] for start, end in itertools.pairwise(ends)]


def _chunk(request: ChatRequest, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return msgspec.json.encode({**_stream_common(request), "choices": [choice]})


def _stream_common(request: ChatRequest) -> dict[str, Any]:
    return {**_COMMON, "object": "chat.completion.chunk", "model": request.model}


def _usage(request: ChatRequest, reply: Reply) -> dict[str, Any]:
    prompt = sum(len(message.text.split()) for message in request.messages)
    output = len(_PIECES.findall(reply.text))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
    }
