"""What of a request goes to a model as content: every text in it, examined and replaced.

    content = Content.of(request)
    content.texts                     # messages, tools, metadata, names..
    content.with_texts(redacted)      # the same request with other texts

A secret may stand anywhere: in a tool call's arguments, in a schema's description, as a
number. So all strings of all fields count, keys and long numbers included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import msgspec

from befit.errors import InvalidRequest
from befit.messages import ChatRequest, Message

_TARGET = frozenset({"model", "stream"})
"""Fields that say where and how to answer; they hold no content."""

_WORDS = frozenset({"system", "developer", "user", "assistant", "tool", "function", "text"})
"""Words of the protocol; one that stands by itself is no content, and most texts are one."""

_BINARY_KEYS = frozenset({"url", "data", "file_data"})
_BINARY = re.compile(r"(data:[\w.+/-]+;base64,)?[A-Za-z0-9+/_-]{64,}={0,2}")
"""A picture, sound or file inside a request. It cannot be examined: its class is the workflow's
strictest, whatever its letters spell."""

_SHORTEST_NUMBER = 10_000_000
"""A number from here on may be a card's or a phone's."""

_SHORTEST_KEY = 12
"""The protocol's own keys are shorter; a number or secret used as a key is not."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_decode_messages = msgspec.json.Decoder(list[Message]).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """The content of one request, decoded once.

    Attributes:
        texts: every text, in one fixed order; pictures and sound left out.
    """

    texts: tuple[str, ...]
    _request: ChatRequest
    _values: Mapping[str, object]

    @classmethod
    def of(cls, request: ChatRequest) -> Content:
        """Decode what a request brings.

        Raises:
            InvalidRequest: a field that passes through is no JSON that can be read.
        """
        values: dict[str, object] = {}
        texts: list[str] = []
        for name, raw in request.fields.items():
            if name in _TARGET:
                continue
            try:
                value: object = _decode(raw)
                found = list(_texts(value, names_binary=not request.is_text_only))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InvalidRequest(f"{name} is not valid JSON: {error}", param=name) from None
            except RecursionError:
                raise InvalidRequest(f"{name} is nested too deeply", param=name) from None
            if found or isinstance(value, list | dict):
                values[name] = value
                texts += found
        return cls(texts=tuple(texts), _request=request, _values=values)

    @property
    def as_read(self) -> ChatRequest:
        """The request as it was read here, encoded anew.

        A key that stands twice in one object is read in one way here and perhaps in another
        by a model's server: what is sent must be what was examined.
        """
        fields = {name: msgspec.Raw(_encode(value)) for name, value in self._values.items()}
        return replace(self._request, fields={**self._request.fields, **fields})

    def with_texts(self, texts: Sequence[str]) -> ChatRequest:
        """The request with its texts, in the order of `texts`, replaced by these.

        For requests of text alone: others cannot be redacted.
        """
        following = iter(texts)
        fields = dict(self._request.fields)
        for name, value in self._values.items():
            fields[name] = msgspec.Raw(_encode(_replaced(value, lambda _: next(following))))
        messages = tuple(_decode_messages(fields["messages"]))
        return replace(self._request, fields=fields, messages=messages)


def _replaced(value: object, change: Callable[[str], str]) -> object:
    """A JSON value with every text changed, in the order of `Content.texts`."""
    if isinstance(value, str):
        return value if value in _WORDS else change(value)
    if isinstance(value, list):
        return [_replaced(item, change) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {
            change(key) if _is_telling(key) else key: _replaced(item, change) for key, item in items
        }
    if _is_long_number(value):
        text = str(value)
        changed = change(text)
        return value if changed == text else changed
    return value


def _texts(value: object, *, names_binary: bool) -> Iterator[str]:
    """Every text; where the request brings more than text, its pictures and sounds are none."""
    if isinstance(value, str):
        if value not in _WORDS:
            yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _texts(item, names_binary=names_binary)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            if _is_telling(key):
                yield key
            if not (names_binary and key in _BINARY_KEYS and _is_binary(item)):
                yield from _texts(item, names_binary=names_binary)
    elif _is_long_number(value):
        yield str(value)


def _is_binary(value: object) -> bool:
    return isinstance(value, str) and _BINARY.fullmatch(value) is not None


def _is_long_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) >= _SHORTEST_NUMBER
    )


def _is_telling(key: str) -> bool:
    return len(key) >= _SHORTEST_KEY
