"""An answer in OpenAI's protocol: a whole body, or events where the caller asked to stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from befit.gateway.reply import Header
from befit.messages import ChatRequest
from befit.orchestrator import Answer, befit_object, citation_object
from befit.vocabulary import Status

_NO_DELTA: Mapping[str, object] = {}

_encode = msgspec.json.Encoder(decimal_format="number").encode


class _Choice(msgspec.Struct, frozen=True):
    message: dict[str, msgspec.Raw]
    index: int = 0
    finish_reason: str | None = "stop"
    logprobs: msgspec.Raw | None = None


_decode_fields = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_decode_message = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_choices = msgspec.json.Decoder(list[_Choice]).decode
_decode_tool_calls = msgspec.json.Decoder(list[dict[str, msgspec.Raw]] | None).decode


class OutgoingAnswer:
    """A whole answer on its way out. Its receipt is encoded once, for body and header."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._befit = _befit_of(answer)

    @property
    def headers(self) -> tuple[Header, Header]:
        """The decision and the closed receipt, for whoever reads no body."""
        return (
            (b"befit-decision", self._answer.standing.decision_id.encode()),
            (b"befit-receipt", str(self._befit["receipt"]).encode()),
        )

    def body(self) -> bytes:
        """A `chat.completion`: the model's own, under the card's name."""
        standing = self._answer.standing
        body: dict[str, object] = {
            "id": standing.decision_id,
            "object": "chat.completion",
            "created": 0,
            **self._answer.completion.fields,
            "befit": self._befit,
        }
        annotations = _annotations(self._answer)
        if annotations:
            body["choices"] = _annotated(self._answer.completion.fields["choices"], annotations)
        if standing.model is not None:
            body["model"] = standing.model
        return _encode(body)

    def events(self, request: ChatRequest) -> Iterator[bytes]:
        """The answer as a stream's events; the last finish carries `befit`.

        Answers that are checked before they may be released come this way.
        """
        fields = self._answer.completion.fields
        common = _chunk_fields(self._answer)
        choices = _decode_choices(fields["choices"])
        annotations = _annotations(self._answer)
        for number, choice in enumerate(choices):
            yield from (_chunk(common, choice.index, delta) for delta in _deltas(choice))
            if annotations and number == 0:
                yield _chunk(common, choice.index, {"annotations": annotations})
            last = number == len(choices) - 1
            end: dict[str, object] = {
                "index": choice.index,
                "delta": _NO_DELTA,
                "finish_reason": choice.finish_reason,
            }
            told: dict[str, object] = {"befit": self._befit} if last else {}
            yield _event({**common, **told, "choices": [end]})
        usage = fields.get("usage")
        if request.include_usage and usage is not None:
            yield _event({**common, "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"


def _befit_of(answer: Answer) -> dict[str, object]:
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


def _annotations(answer: Answer) -> list[dict[str, object]]:
    """The citations in OpenAI's form: which characters of the answer rest on which document.

    Its one kind of annotation is `url_citation`; what it cannot say stands beside it.
    """
    grounds = answer.standing.grounds
    if grounds is None or answer.status is not Status.ANSWERED:
        return []
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": each.url,
                "title": each.citation.title or each.citation.doc_id,
                "start_index": each.start,
                "end_index": each.end,
            },
            "befit": citation_object(each),
        }
        for each in grounds.cited
    ]


def _annotated(
    choices: msgspec.Raw, annotations: list[dict[str, object]]
) -> list[Mapping[str, object]]:
    first, *others = _decode_fields(choices)
    message = _decode_message(first["message"])
    told = {**first, "message": {**message, "annotations": annotations}}
    return [told, *others]


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
