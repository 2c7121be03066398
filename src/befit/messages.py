"""Chat, embedding and classification messages as every room passes them on.

The OpenAI body stays as received: `ChatRequest.fields` maps each top-level field to
its raw JSON, so what Befit does not know passes through untouched, and only what
routing needs is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec

from befit.errors import InvalidRequest, nearest
from befit.vocabulary import DataClass, Tag


class ContentPart(msgspec.Struct, frozen=True):
    """One part of a message's content; only text parts are decoded."""

    type: str
    text: str | None = None


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a conversation, as far as routing reads it."""

    role: str
    content: str | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        """The message's text; parts that are not text contribute nothing."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or () if part.text)

    @property
    def is_text_only(self) -> bool:
        """False where a part is an image, audio or a file, which cannot be examined."""
        return not isinstance(self.content, list) or all(
            part.type in {"text", "refusal"} for part in self.content
        )


class _SchemaFormat(msgspec.Struct, frozen=True):
    name: str = "output"
    schema: dict[str, Any] | None = None  # a JSON Schema is open by nature


class ResponseFormat(msgspec.Struct, frozen=True):
    """OpenAI's `response_format`: text, json_object or json_schema."""

    type: str
    json_schema: _SchemaFormat | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    """OpenAI's `stream_options`."""

    include_usage: bool = False


class _BefitObject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    workflow: str | None = None
    data_class: str | None = None
    tags: list[str] = []
    collection: str | None = None
    conversation: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BefitOptions:
    """What a request says beyond OpenAI's protocol, in its `befit` object."""

    workflow: str | None = None
    data_class: DataClass | None = None
    tags: frozenset[Tag] = frozenset()
    collection: str | None = None
    conversation: str | None = None


class _ChatView(msgspec.Struct, frozen=True):
    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[msgspec.Raw] | None = None
    response_format: ResponseFormat | None = None
    n: int | None = None
    befit: _BefitObject | None = None


class _EmbeddingView(msgspec.Struct, frozen=True):
    model: str
    input: str | list[str]
    encoding_format: str | None = None
    dimensions: int | None = None
    befit: _BefitObject | None = None


_decode_chat = msgspec.json.Decoder(_ChatView).decode
_decode_embedding = msgspec.json.Decoder(_EmbeddingView).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_raw_messages = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_messages = msgspec.json.Decoder(list[Message]).decode


@dataclass(frozen=True, kw_only=True)  # no slots: what is derived is derived once
class ChatRequest:
    """One chat completion request: raw fields beside what routing reads of them.

    Attributes:
        fields: every top-level field of the OpenAI body as raw JSON, without `befit`.
        model: a card's name, `workflow:NAME` or `auto`.
        max_output_tokens: the caller's limit, when one was given.
        choices: how many answers were asked for (`n`).
    """

    fields: Mapping[str, msgspec.Raw]
    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    include_usage: bool = False
    max_output_tokens: int | None = None
    has_tools: bool = False
    response_format: ResponseFormat | None = None
    choices: int = 1
    befit: BefitOptions = field(default_factory=BefitOptions)

    @classmethod
    def from_json(cls, body: bytes) -> ChatRequest:
        """Decode a request body.

        Raises:
            InvalidRequest: with the field's path, when the JSON or a type is wrong.
        """
        view = _decoded(_decode_chat, body)
        if not view.messages:
            raise InvalidRequest("messages is empty", param="messages")
        if view.n is not None and view.n < 1:
            raise InvalidRequest(f"n is {view.n}; it must be at least 1", param="n")
        limit = view.max_completion_tokens or view.max_tokens
        if limit is not None and limit < 1:
            raise InvalidRequest(
                f"max_tokens is {limit}; it must be at least 1", param="max_tokens"
            )
        fields = _decode_fields(body)
        fields.pop("befit", None)
        return cls(
            fields=fields,
            model=view.model,
            messages=tuple(view.messages),
            stream=bool(view.stream),
            include_usage=bool(view.stream_options and view.stream_options.include_usage),
            max_output_tokens=limit,
            has_tools=bool(view.tools),
            response_format=view.response_format,
            choices=view.n or 1,
            befit=_options(view.befit),
        )

    @classmethod
    def from_text(cls, text: str, *, model: str, befit: BefitOptions | None = None) -> ChatRequest:
        """A request of one user message, as `befit ask` makes it."""
        messages = (Message(role="user", content=text),)
        return cls(
            fields={"messages": msgspec.Raw(msgspec.json.encode(messages))},
            model=model,
            messages=messages,
            befit=befit or BefitOptions(),
        )

    @cached_property
    def text(self) -> str:
        """The last user message's text: what a workflow is matched on and a label decided on."""
        for message in reversed(self.messages):
            if message.role == "user":
                return message.text
        return self.messages[-1].text

    @cached_property
    def input_bytes(self) -> int:
        """Bytes of messages, tools and formats: a bound above their token count."""
        counted = ("messages", "tools", "response_format", "functions")
        return sum(len(bytes(raw)) for name in counted if (raw := self.fields.get(name)))

    @cached_property
    def is_text_only(self) -> bool:
        """False where content cannot be examined and so takes the strictest class."""
        return all(message.is_text_only for message in self.messages)

    @property
    def raw_messages(self) -> list[msgspec.Raw]:
        """The messages as they came, one for each of `messages`."""
        return _decode_raw_messages(bytes(self.fields["messages"]))

    def with_system(self, instructions: str) -> ChatRequest:
        """The request with a workflow's instructions put before its messages."""
        return self.with_messages(Message(role="system", content=instructions), *self.raw_messages)

    def with_messages(self, *messages: Message | msgspec.Raw) -> ChatRequest:
        """The request with these messages in place of its own; raw ones stay as they are."""
        encoded = msgspec.json.encode(messages)
        return replace(
            self,
            fields={**self.fields, "messages": msgspec.Raw(encoded)},
            messages=tuple(_decode_messages(encoded)),
        )

    def with_field(self, name: str, value: object) -> ChatRequest:
        """The request with one top-level field set to `value`, encoded as JSON."""
        return replace(self, fields={**self.fields, name: msgspec.Raw(msgspec.json.encode(value))})


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingRequest:
    """One embeddings request. `texts` holds one or many inputs."""

    model: str
    texts: tuple[str, ...]
    base64: bool = False
    befit: BefitOptions = field(default_factory=BefitOptions)

    @classmethod
    def from_json(cls, body: bytes) -> EmbeddingRequest:
        """Decode a request body.

        Raises:
            InvalidRequest: with the field's path, when the JSON or a type is wrong.
        """
        view = _decoded(_decode_embedding, body)
        texts = (view.input,) if isinstance(view.input, str) else tuple(view.input)
        if view.dimensions is not None:
            raise InvalidRequest("the size of vectors cannot be chosen", param="dimensions")
        if not texts or not all(texts):
            raise InvalidRequest("input is empty or holds an empty text", param="input")
        return cls(
            model=view.model,
            texts=texts,
            base64=view.encoding_format == "base64",
            befit=_options(view.befit),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUsage:
    """Tokens by class. `cached_input` is a part of `input`, `reasoning` one of `output`."""

    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            input=self.input + other.input,
            cached_input=self.cached_input + other.cached_input,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatCompletion:
    """A whole answer of a model.

    Attributes:
        fields: the OpenAI response body's top-level fields as raw JSON.
        text: the first choice's content; empty where it only calls tools.
        confidence: probability of the answer where the model states one (labels).
        usage: None where the model reported none.
    """

    fields: Mapping[str, msgspec.Raw]
    text: str
    finish_reason: str
    has_tool_calls: bool = False
    confidence: float | None = None
    usage: TokenUsage | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatChunk:
    """One event of a streamed answer.

    Attributes:
        data: the event's JSON as the client gets it (without `data: `).
        tokens: how many output tokens it carries at least (0 for role or usage chunks).
        usage: set on the chunk that reports it.
        is_usage_only: the chunk that `include_usage` adds, with no choices.
    """

    data: bytes
    tokens: int = 0
    finish_reason: str | None = None
    usage: TokenUsage | None = None
    is_usage_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Embeddings:
    """Vectors, one a text, as little-endian float32 rows of `dimensions` numbers."""

    rows: tuple[bytes, ...]
    dimensions: int
    usage: TokenUsage


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelDistribution:
    """Probabilities over a workflow's labels for one text, most probable first.

    `abstained` is the model's own verdict that the text is out of its scope or that
    its confidence lies below its calibrated threshold.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    abstained: bool = False

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[0]

    @property
    def confidence(self) -> float:
        """Its probability."""
        return self.probabilities[0]


def _decoded(decode: Any, body: bytes) -> Any:  # one of the two view decoders
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None


def _invalid(detail: str) -> InvalidRequest:
    _, _, path = detail.partition(" - at `$")
    param = path.rstrip("`").lstrip(".") or None
    unknown = detail.partition("unknown field `")[2].partition("`")[0]
    hint = nearest(unknown, _BefitObject.__struct_fields__) if unknown else None
    return InvalidRequest(detail, param=param, next_step=hint)


def _options(view: _BefitObject | None) -> BefitOptions:
    if view is None:
        return BefitOptions()
    try:
        data_class = DataClass.from_word(view.data_class) if view.data_class else None
        tags = frozenset(Tag(tag) for tag in view.tags)
    except ValueError as error:
        raise InvalidRequest(f"befit: {error}", param="befit") from None
    return BefitOptions(
        workflow=view.workflow,
        data_class=data_class,
        tags=tags,
        collection=view.collection,
        conversation=view.conversation,
    )
