"""Redaction around a call: placeholders go to the model, the caller gets the values back.

A run is redacted once, so that one value has one placeholder whichever model is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import msgspec

from befit.catalog import Workflow
from befit.messages import ChatChunk, ChatCompletion, ChatRequest
from befit.orchestrator.content import Content
from befit.policy.detection import Examination, Restorer, StreamRestorer, redact

_ARGUMENTS = "arguments"
"""A tool call's arguments are JSON inside a JSON text."""

_FIXED = frozenset({"role", "id", "type", "name"})
"""Words of the protocol inside a delta; no placeholder is split over them."""

_decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Redaction:
    """A request with placeholders in place of its findings, and the way back.

    Attributes:
        restorer: for plain texts.
        json_restorer: for texts that are JSON, where a value's quotes must be escaped.
        answers_json: whether the answer's content is JSON, as the request asked.
    """

    request: ChatRequest
    restorer: Restorer
    json_restorer: Restorer
    answers_json: bool

    @classmethod
    def of(cls, content: Content, examination: Examination, workflow: Workflow | None) -> Redaction:
        """Redact what the examination of the content's texts found."""
        done = redact(content.texts, examination.sensitive)
        request = content.with_texts(done.texts)
        wanted = request.response_format
        has_schema = workflow is not None and workflow.output_schema is not None
        return cls(
            request=request,
            restorer=done.restorer,
            json_restorer=done.restorer.inside_json(),
            answers_json=has_schema or (wanted is not None and wanted.type != "text"),
        )

    def restorer_of(self, key: object) -> Restorer:
        """What restores the text under a key of an answer."""
        is_json = key == _ARGUMENTS or (key == "content" and self.answers_json)
        return self.json_restorer if is_json else self.restorer

    def restored(self, completion: ChatCompletion) -> ChatCompletion:
        """The answer as the caller shall see it."""
        choices = self._restored(_decode(completion.fields["choices"]), None)
        fields = {**completion.fields, "choices": msgspec.Raw(_encode(choices))}
        text = self.restorer_of("content").restore(completion.text)
        return replace(completion, fields=fields, text=text)

    def _restored(self, value: object, key: object) -> object:
        if isinstance(value, str):
            return self.restorer_of(key).restore(value)
        if isinstance(value, list):
            return [self._restored(item, key) for item in cast("list[object]", value)]
        if isinstance(value, dict):
            named = cast("dict[str, object]", value)
            return {name: self._restored(item, name) for name, item in named.items()}
        return value


class RestoredStream:
    """Restores the chunks of one stream; a placeholder may be split over several.

    Each text of each choice is followed on its own: content, reasoning, the arguments of
    each tool call. What is held back comes with that choice's finish.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._open: dict[tuple[object, ...], StreamRestorer] = {}

    def restored(self, chunk: ChatChunk) -> tuple[ChatChunk, ...]:
        """The chunk with what can be told by now; a finish is preceded by the rest."""
        if chunk.is_usage_only:
            return (chunk,)
        fields = _decode_object(chunk.data)
        choices = cast("list[dict[str, object]]", _decode(fields.get("choices", b"[]")))
        rest: list[dict[str, object]] = []
        for choice in choices:
            index = choice.get("index", 0)
            choice["delta"] = self._fed(choice.get("delta"), (index,))
            if choice.get("finish_reason") is not None:
                rest += self._ended(index)
        if not rest:
            data = _encode({**fields, "choices": choices})
            return (replace(chunk, data=data),)
        return _in_order(fields, choices, rest, chunk)

    def _fed(self, value: object, path: tuple[object, ...]) -> object:
        if isinstance(value, str):
            return value if path[-1] in _FIXED else self._follow(path).feed(value)
        if isinstance(value, list):
            items = cast("list[object]", value)
            return [
                self._fed(item, (*path, _index(item, place))) for place, item in enumerate(items)
            ]
        if isinstance(value, dict):
            named = cast("dict[str, object]", value)
            return {name: self._fed(item, (*path, name)) for name, item in named.items()}
        return value

    def _follow(self, path: tuple[object, ...]) -> StreamRestorer:
        following = self._open.get(path)
        if following is None:
            following = self._open[path] = self._redaction.restorer_of(path[-1]).stream()
        return following

    def _ended(self, index: object) -> list[dict[str, object]]:
        """Choices that bring what was held back of one choice's texts."""
        rest: list[dict[str, object]] = []
        for path in [path for path in self._open if path[0] == index]:
            held = self._open.pop(path).end()
            if held:
                delta = _at(path[1:], held)
                rest.append({"index": index, "delta": delta, "finish_reason": None})
        return rest


def _in_order(
    fields: dict[str, msgspec.Raw],
    choices: list[dict[str, object]],
    rest: list[dict[str, object]],
    chunk: ChatChunk,
) -> tuple[ChatChunk, ...]:
    """What the finish itself brings, then what was held back before it, then the bare finish."""
    bare = {name: raw for name, raw in fields.items() if name != "usage"}
    brought = [{**choice, "finish_reason": None} for choice in choices if choice["delta"]]
    nothing: dict[str, object] = {}
    ends = [{**choice, "delta": nothing} for choice in choices]
    first = (ChatChunk(data=_encode({**bare, "choices": brought})),) if brought else ()
    return (
        *first,
        ChatChunk(data=_encode({**bare, "choices": rest})),
        replace(chunk, data=_encode({**fields, "choices": ends})),
    )


def _index(item: object, place: int) -> object:
    return cast("dict[str, object]", item).get("index", place) if isinstance(item, dict) else place


def _at(path: tuple[object, ...], text: str) -> object:
    """A delta that holds one text at one path, such as `tool_calls, 0, function, arguments`."""
    if not path:
        return text
    first, *others = path
    inside = _at(tuple(others), text)
    if isinstance(first, int):
        numbered: dict[str, object] = {"index": first}
        is_object = isinstance(inside, dict)
        return [numbered | cast("dict[str, object]", inside) if is_object else inside]
    return {str(first): inside}
