"""Whole answers of OpenAI-compatible servers: chat, embeddings, lists of models.

Only what Befit reads is decoded; the rest stays the raw JSON that came.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import msgspec

from befit.errors import ModelFailure
from befit.inference.providers.refusals import quote, refusal_inside
from befit.inference.providers.secrets import Secret
from befit.inference.providers.usage import ABSENT, read_usage
from befit.messages import ChatCompletion, ContentPart, Embeddings, TokenUsage

_T = TypeVar("_T")


class _Message(msgspec.Struct, frozen=True):
    content: str | list[ContentPart] | None = None
    tool_calls: list[msgspec.Raw] | None = None
    function_call: msgspec.Raw = ABSENT


class _Choice(msgspec.Struct, frozen=True):
    message: _Message
    finish_reason: str | None = None


class _Chat(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


class _Vector(msgspec.Struct, frozen=True):
    embedding: str | list[float]
    index: int | None = None


class _Vectors(msgspec.Struct, frozen=True):
    data: list[_Vector] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


class ListedModel(msgspec.Struct, frozen=True):
    """One entry of `GET /models`, as far as servers tell."""

    id: str
    owned_by: str | None = None
    max_model_len: int | None = None  # vLLM


class _Models(msgspec.Struct, frozen=True):
    data: list[ListedModel]


class _Label(msgspec.Struct, frozen=True):
    label: str


_decode_chat = msgspec.json.Decoder(_Chat).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_choices = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_decode_vectors = msgspec.json.Decoder(_Vectors).decode
_decode_models = msgspec.json.Decoder(_Models).decode
_decode_label = msgspec.json.Decoder(_Label).decode


def read_chat(body: bytes, *, peer: str, key: Secret | None = None) -> ChatCompletion:
    """A chat completion.

    Raises:
        ModelRefused: the body is an error in spite of its status.
        ModelFailure: it is not a chat completion.
    """
    view = _read(_decode_chat, body, peer=peer, key=key)
    if view.error != ABSENT:
        raise refusal_inside(peer, view.error, key=key)
    if not view.choices:
        raise ModelFailure(f"{peer} answered without choices")
    first = view.choices[0]
    message = first.message
    return ChatCompletion(
        fields=_decode_fields(body),
        text=_text(message.content),
        # Where a server names no reason, it has sent a whole answer nonetheless.
        finish_reason=first.finish_reason or "stop",
        has_tool_calls=bool(message.tool_calls) or message.function_call != ABSENT,
        usage=read_usage(view.usage),
    )


def unwrap_label(answer: ChatCompletion) -> ChatCompletion:
    """The answer `{"label": X}` with the text X, in its raw fields too.

    An answer of another form, such as one cut by a length limit, stays as it is: the
    workflow's check then fails and says so.
    """
    try:
        label = _decode_label(answer.text).label
    except msgspec.DecodeError:
        return answer
    choices = _decode_choices(answer.fields["choices"])
    message = _decode_fields(choices[0]["message"])
    message["content"] = msgspec.Raw(msgspec.json.encode(label))
    choices[0]["message"] = msgspec.Raw(msgspec.json.encode(message))
    raw = msgspec.Raw(msgspec.json.encode(choices))
    return replace(answer, text=label, fields={**answer.fields, "choices": raw})


def read_embeddings(
    body: bytes, texts: tuple[str, ...], *, peer: str, key: Secret | None = None
) -> Embeddings:
    """One float32 row a text, in the order of `texts`, from lists or base64.

    Where the server reports no usage, the bytes of the texts stand in for their tokens,
    which are never more.

    Raises:
        ModelRefused: the body is an error in spite of its status.
        ModelFailure: vectors are missing, of unequal length or not finite.
    """
    view = _read(_decode_vectors, body, peer=peer, key=key)
    if view.error != ABSENT:
        raise refusal_inside(peer, view.error, key=key)
    vectors = view.data or []
    if all(vector.index is not None for vector in vectors):
        vectors = sorted(vectors, key=lambda vector: vector.index or 0)
        if [vector.index for vector in vectors] != list(range(len(vectors))):
            raise ModelFailure(f"{peer} answered with wrong indexes of vectors")
    if len(vectors) != len(texts):
        raise ModelFailure(f"{peer} answered with {len(vectors)} vectors for {len(texts)} texts")
    rows = tuple(_row(vector.embedding, peer) for vector in vectors)
    sizes = {len(row) for row in rows}
    if len(sizes) != 1 or 0 in sizes:
        raise ModelFailure(f"{peer} answered with empty vectors or vectors of unequal length")
    usage = read_usage(view.usage) or TokenUsage(input=sum(len(text.encode()) for text in texts))
    return Embeddings(rows=rows, dimensions=sizes.pop() // 4, usage=usage)


def read_models(body: bytes, *, peer: str, key: Secret | None = None) -> tuple[ListedModel, ...]:
    """The entries of `GET /models`.

    Raises:
        ModelFailure: it is not a list of models.
    """
    return tuple(_read(_decode_models, body, peer=peer, key=key).data)


def _read(decode: Callable[[bytes], _T], body: bytes, *, peer: str, key: Secret | None) -> _T:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        told = quote(body[:2000].decode("utf-8", errors="replace"), key)
        raise ModelFailure(
            f"{peer} answered with what is not OpenAI's format ({error}): {told}"
        ) from None


def _text(content: str | list[ContentPart] | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content or () if part.type == "text" and part.text)


def _row(embedding: str | list[float], peer: str) -> bytes:
    import numpy as np  # which who never asks for vectors need not load

    if isinstance(embedding, str):
        try:
            raw = base64.b64decode(embedding, validate=True)
        except (binascii.Error, ValueError):
            raise ModelFailure(f"{peer} answered with a vector that is not base64") from None
        if len(raw) % 4:
            raise ModelFailure(f"{peer} answered with a vector that is not float32")
        numbers = np.frombuffer(raw, dtype="<f4")
    else:
        with np.errstate(over="ignore"):  # what overflows is not finite, and refused below
            numbers = np.asarray(embedding, dtype="<f4")
    if not np.isfinite(numbers).all():
        raise ModelFailure(f"{peer} answered with a vector that is not finite")
    return numbers.tobytes()
