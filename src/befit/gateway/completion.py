"""An answer in OpenAI's protocol: a whole body, or events where the caller asked to stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from befit.audit import encode_receipt
from befit.gateway.reply import Header
from befit.messages import ChatRequest
from befit.orchestrator import Answer, befit_object

_NO_DELTA: Mapping[str, object] = {}

_encode = msgspec.json.Encoder(decimal_format="number").encode


class _Choice(msgspec.Struct, frozen=True):
    message: dict[str, msgspec.Raw]
    index: int = 0
    finish_reason: str | None = "stop"
    logprobs: msgspec.Raw | None = None


_decode_choices = msgspec.json.Decoder(list[_Choice]).decode
_decode_tool_calls = msgspec.json.Decoder(list[dict[str, msgspec.Raw]] | None).decode


def whole_body(answer: Answer) -> bytes:
    """The body of a `chat.completion`: the model's own, under the card's name."""
    fields = answer.completion.fields
    standing = answer.standing
    body: dict[str, object] = {
        "id": standing.decision_id,
        "object": "chat.completion",
        "created": 0,
        **fields,
        "befit": befit_of(answer),
    }
    if standing.model is not None:
        body["model"] = standing.model
    return _encode(body)


def answer_headers(answer: Answer) -> tuple[Header, Header]:
    """The decision and the closed receipt, for whoever reads no body."""
    return (
        (b"befit-decision", answer.standing.decision_id.encode()),
        (b"befit-receipt", encode_receipt(answer.receipt).encode()),
    )


def befit_of(answer: Answer) -> dict[str, object]:
    """The `befit` object of a whole answer."""
    told = befit_object(answer.standing, status=answer.status, receipt=answer.receipt)
    told["cost_usd"] = answer.cost_usd
    told["latency_ms"] = round(answer.latency_ms, 3)
    if answer.approval_id is not None:
        told["approval_id"] = answer.approval_id
    if answer.checks:
        told["checks"] = [
            {"name": check.name, "passed": check.passed, "detail": check.detail}
            for check in answer.checks
        ]
    return told


def events_of(answer: Answer, request: ChatRequest) -> Iterator[bytes]:
    """A whole answer as the events of a stream; the last finish carries `befit`.

    Answers that are checked before they may be released come this way.
    """
    common = _chunk_fields(answer)
    choices = _decode_choices(answer.completion.fields["choices"])
    for number, choice in enumerate(choices):
        yield from (_chunk(common, choice.index, delta) for delta in _deltas(choice))
        last = number == len(choices) - 1
        finish: dict[str, object] = {**common, "befit": befit_of(answer)} if last else dict(common)
        end: dict[str, object] = {
            "index": choice.index,
            "delta": _NO_DELTA,
            "finish_reason": choice.finish_reason,
        }
        yield _event(finish | {"choices": [end]})
    usage = answer.completion.fields.get("usage")
    if request.include_usage and usage is not None:
        yield _event({**common, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _chunk_fields(answer: Answer) -> dict[str, object]:
    fields = answer.completion.fields
    kept = {name: fields[name] for name in ("id", "created", "model") if name in fields}
    common: dict[str, object] = {
        "id": answer.standing.decision_id,
        "created": 0,
        **kept,
        "object": "chat.completion.chunk",
    }
    if answer.standing.model is not None:
        common["model"] = answer.standing.model
    return common


def _deltas(choice: _Choice) -> Iterator[Mapping[str, object]]:
    message = dict(choice.message)
    content = message.pop("content", None)
    calls = _decode_tool_calls(message.pop("tool_calls", b"null"))
    yield {"role": "assistant", **message, "content": ""}
    if content is not None and bytes(content) not in {b"null", b'""'}:
        yield {"content": content}
    if calls:
        yield {"tool_calls": [{"index": place, **call} for place, call in enumerate(calls)]}


def _chunk(common: Mapping[str, object], index: int, delta: Mapping[str, object]) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": None}
    return _event({**common, "choices": [choice]})


def _event(body: Mapping[str, object]) -> bytes:
    return b"data: " + _encode(body) + b"\n\n"
