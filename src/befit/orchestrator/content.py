"""What of a request goes to a model as content: every text in it, examined and replaced.

    content = Content.of(request)
    content.texts                     # messages, tools, metadata, names..
    content.with_texts(redacted)      # the same request with other texts

A secret may stand anywhere: in a tool call's arguments, in a schema's description, as a
number, as a key. So all strings of all fields count, keys that the protocol does not know and
long numbers included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import msgspec

from befit.errors import InvalidRequest
from befit.messages import ChatRequest, Message
from befit.orchestrator.protocol_words import KEYS, WORDS

_TARGET = frozenset({"model", "stream"})
"""Fields that say where and how to answer; they hold no content."""

_ARGUMENTS = "arguments"
"""A tool call's arguments are JSON inside a JSON text, where a letter has many spellings."""

_BINARY = re.compile(r"(data:[\w.+/-]+;base64,)[A-Za-z0-9+/_=-]*|[A-Za-z0-9+/_-]{256,}={0,2}")
"""A picture, sound or file. It cannot be examined, wherever in a request it stands."""

_BINARY_KEYS = frozenset({"url", "data", "file_data"})
_SHORTEST_NUMBER = 10_000_000
"""A number from here on may be a card's or a phone's."""

_decode = msgspec.json.Decoder().decode
_decode_messages = msgspec.json.Decoder(list[Message]).decode


class _Nested:
    """JSON that stands as a text inside JSON; encoded as one again.

    No dataclass: the encoder would take it for an object.
    """

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def _as_text(nested: _Nested) -> str:
    return _encode(nested.value).decode()


_encode = msgspec.json.Encoder(enc_hook=_as_text).encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """The content of one request, decoded once.

    Attributes:
        texts: every text, in one fixed order; pictures and sound left out.
        joined: what a model may read as one although it stands in several texts; it is
            examined, and cannot be replaced.
        is_text_only: False where something cannot be examined.
        as_read: the request encoded anew. A key that stands twice in one object is read in one
            way here and perhaps in another by a model's server: what is sent must be what was
            examined.
    """

    texts: tuple[str, ...]
    joined: tuple[str, ...]
    is_text_only: bool
    as_read: ChatRequest
    _values: Mapping[str, object]

    @classmethod
    def of(cls, request: ChatRequest) -> Content:
        """Decode what a request brings.

        Raises:
            InvalidRequest: a field that passes through is no JSON that can be read.
        """
        values = {
            name: _read(name, raw) for name, raw in request.fields.items() if name not in _TARGET
        }
        texts = tuple(_texts(values, keep_binary=request.is_text_only))
        encoded = {name: msgspec.Raw(_encode(value)) for name, value in values.items()}
        return cls(
            texts=texts,
            joined=tuple(_joined(values)),
            is_text_only=request.is_text_only and not any(map(_is_binary, texts)),
            as_read=replace(request, fields={**request.fields, **encoded}),
            _values=values,
        )

    def with_texts(self, texts: Sequence[str]) -> ChatRequest:
        """The request with its texts, in the order of `texts`, replaced by these.

        For requests of text alone: others cannot be redacted.
        """
        following = iter(texts)
        changed = cast("dict[str, object]", _replaced(self._values, lambda _: next(following)))
        fields = {name: raw for name, raw in self.as_read.fields.items() if name in _TARGET}
        fields |= {name: msgspec.Raw(_encode(value)) for name, value in changed.items()}
        messages = tuple(_decode_messages(fields["messages"]))
        return replace(self.as_read, fields=fields, messages=messages)


def _read(name: str, raw: msgspec.Raw) -> object:
    try:
        return _opened(_decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{name} is not valid JSON: {error}", param=name) from None
    except RecursionError:
        raise InvalidRequest(f"{name} is nested too deeply", param=name) from None


def _opened(value: object) -> object:
    """The value with every tool call's arguments decoded, where they are JSON."""
    if isinstance(value, list):
        return [_opened(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        named = cast("dict[str, object]", value)
        return {
            key: _arguments(item) if key == _ARGUMENTS else _opened(item)
            for key, item in named.items()
        }
    return value


def _arguments(value: object) -> object:
    if not isinstance(value, str):
        return _opened(value)
    try:
        inner: object = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return value
    if isinstance(inner, dict | list):
        return _Nested(cast("object", inner))
    return value


def _texts(value: object, *, keep_binary: bool) -> Iterator[str]:
    """Every text; where the request brings more than text, its pictures and sounds are none."""
    if isinstance(value, str):
        if value not in WORDS:
            yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _texts(item, keep_binary=keep_binary)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            if key not in KEYS:
                yield key
            if keep_binary or key not in _BINARY_KEYS or not _is_binary(item):
                yield from _texts(item, keep_binary=keep_binary)
    elif isinstance(value, _Nested):
        yield from _texts(value.value, keep_binary=keep_binary)
    elif _is_long_number(value):
        yield str(value)


def _joined(value: object) -> Iterator[str]:
    """The texts of a message's parts as one, and the numbers of a list as one."""
    if isinstance(value, list):
        items = cast("list[object]", value)
        if len(items) > 1:
            parts = [_part(item) for item in items]
            if all(part is not None for part in parts):
                yield " ".join(part for part in parts if part is not None)
        for item in items:
            yield from _joined(item)
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _joined(item)
    elif isinstance(value, _Nested):
        yield from _joined(value.value)


def _part(value: object) -> str | None:
    """One item of a list that may be read as one text, or None."""
    if isinstance(value, dict):
        part = cast("dict[str, object]", value)
        text = part.get("text")
        return text if part.get("type") == "text" and isinstance(text, str) else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)


def _replaced(value: object, change: Callable[[str], str]) -> object:
    """A JSON value with every text changed, in the order of `Content.texts`."""
    if isinstance(value, str):
        return value if value in WORDS else change(value)
    if isinstance(value, list):
        return [_replaced(item, change) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key if key in KEYS else change(key): _replaced(item, change) for key, item in items}
    if isinstance(value, _Nested):
        return _Nested(_replaced(value.value, change))
    if _is_long_number(value):
        text = str(value)
        changed = change(text)
        return value if changed == text else changed
    return value


def _is_binary(value: object) -> bool:
    return isinstance(value, str) and _BINARY.fullmatch(value) is not None


def _is_long_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) >= _SHORTEST_NUMBER
    )
