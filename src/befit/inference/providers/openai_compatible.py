"""OpenAI's wire protocol, which vLLM, Ollama, llama.cpp and LM Studio speak as well.

provider = OpenAICompatibleProvider(HttpClient())
caller = ModelCaller(gate, dict.fromkeys(OPENAI_COMPATIBLE, provider))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec

from befit.catalog import Capability, ModelCard, Via
from befit.errors import BefitError, ModelFailure, ModelRefused, StreamBroken
from befit.inference.provider import ModelCall, TextsCall
from befit.inference.providers.answers import (
    ListedModel,
    read_chat,
    read_embeddings,
    read_models,
    unwrap_label,
)
from befit.inference.providers.chat_stream import ChatStreamReader
from befit.inference.providers.connection import Deadline
from befit.inference.providers.endpoint import DEFAULT_URLS, Endpoint
from befit.inference.providers.http_client import HttpClient, HttpRequest, HttpResponse, Timeouts
from befit.inference.providers.refusals import refusal
from befit.inference.providers.secrets import KeyResolver, Secret, resolve_key
from befit.messages import ChatChunk, ChatCompletion, ChatRequest, Embeddings, LabelDistribution
from befit.vocabulary import Zone

OPENAI_COMPATIBLE = (Via.OPENAI, Via.OLLAMA, Via.VLLM, Via.LLAMACPP, Via.LMSTUDIO)
"""The kinds of servers that `OpenAICompatibleProvider` reaches."""

_JSON = ("Content-Type", "application/json")
_LARGEST_REFUSAL = 64 * 1024
_LARGEST_EMBEDDINGS = 256 * 1024 * 1024
_LIST_TIMEOUT_S = 10.0
_NOT_OFFERED = 405
# The others may not know base64; they would answer with lists, or refuse the field.
_ASKED_FOR_BASE64 = {Via.OPENAI, Via.VLLM}
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class _Server:
    """A card's server for one call: where, under which name in errors, with which key."""

    base: Endpoint
    peer: str
    key: Secret | None

    def request(self, method: str, path: str, *, body: bytes = b"") -> HttpRequest:
        headers: list[tuple[str, str]] = [_JSON] if body else []
        if self.key is not None:
            headers.append(("Authorization", f"Bearer {self.key.reveal()}"))
        return HttpRequest(
            method=method,
            url=self.base.at(path),
            peer=self.peer,
            headers=tuple(headers),
            body=body,
        )


class OpenAICompatibleProvider:
    """Calls models behind `POST {url}/chat/completions` and `/embeddings`.

    A request's fields pass through as they came; `model`, `stream` and
    `stream_options.include_usage` are set here. It never retries: what to do after a
    failure is the orchestrator's to decide.

    Args:
        client: owns the connections; shared by all cards.
        keys: turns a card's `key_ref` into its key, at each call.
    """

    def __init__(self, client: HttpClient, *, keys: KeyResolver = resolve_key) -> None:
        self._client = client
        self._keys = keys
        self._bases: dict[str, Endpoint] = {}

    async def chat(self, call: ModelCall) -> ChatCompletion:
        """A whole answer.

        Labels become a JSON schema where the card states structured output and the
        request has no format of its own; otherwise the prompt must ask for them.

        Raises:
            ModelFailure: see `errors.py` for the kinds.
        """
        card, request = call.card, call.request
        server = self._server(card)
        decides = _decides_by_schema(call)
        if decides:
            request = request.with_field("response_format", _label_format(call.labels))
        body = msgspec.json.encode(_fields(request, card, stream=False))
        timeouts = Timeouts(connect_s=card.connect_timeout_s, total_s=card.total_timeout_s)
        sent = server.request("POST", "/chat/completions", body=body)
        answer = read_chat(
            await self._fetch(server, sent, timeouts), peer=server.peer, key=server.key
        )
        return unwrap_label(answer) if decides else answer

    async def stream(self, call: ModelCall) -> AsyncIterator[ChatChunk]:
        """The answer as it comes. Closing the iterator closes the connection.

        Chunks without output, such as the role's, are held until the first token, so
        that until then a fallback may take over.

        Raises:
            ModelFailure: before the first chunk.
            StreamBroken: after it.
        """
        card = call.card
        server = self._server(card)
        body = msgspec.json.encode(_fields(call.request, card, stream=True))
        sent_at = asyncio.get_running_loop().time()
        first_s = min(card.first_token_timeout_s, card.total_timeout_s)
        timeouts = Timeouts(
            connect_s=card.connect_timeout_s, total_s=card.total_timeout_s, first_byte_s=first_s
        )
        request = server.request("POST", "/chat/completions", body=body)
        reader = ChatStreamReader(server.peer, choices=call.request.choices, key=server.key)
        has_started = False
        with await self._send(server, request, timeouts) as response:
            await _refuse_whole(response, server)
            response.expire(Deadline(sent_at + first_s, "its first token", first_s))
            while not reader.is_done:
                chunks = await _next_chunks(response, reader)
                if chunks and not has_started:
                    has_started = True
                    total_s = card.total_timeout_s
                    response.expire(Deadline(sent_at + total_s, "the whole answer", total_s))
                for chunk in chunks:
                    yield chunk
                if reader.failure is not None:
                    if not has_started:
                        raise reader.failure
                    raise StreamBroken(str(reader.failure)) from reader.failure
            response.finish()

    async def embed(self, call: TextsCall) -> Embeddings:
        """One vector a text, whether the server answers in lists or base64.

        Raises:
            ModelFailure: see `errors.py` for the kinds.
        """
        card = call.card
        server = self._server(card)
        view = {
            "model": card.upstream_model,
            "input": call.texts,
            "encoding_format": "base64" if card.via in _ASKED_FOR_BASE64 else "float",
        }
        request = server.request("POST", "/embeddings", body=msgspec.json.encode(view))
        timeouts = Timeouts(connect_s=card.connect_timeout_s, total_s=card.total_timeout_s)
        body = await self._fetch(server, request, timeouts, limit=_LARGEST_EMBEDDINGS)
        return read_embeddings(body, call.texts, peer=server.peer, key=server.key)

    async def classify(self, call: TextsCall) -> tuple[LabelDistribution, ...]:
        """Refused: the protocol has no classification.

        Raises:
            ModelRefused: always.
        """
        raise ModelRefused(
            f"model {call.card.name!r} via {call.card.via} gives no distribution over labels",
            upstream_status=_NOT_OFFERED,
        )

    async def list_models(self, card: ModelCard) -> tuple[str, ...]:
        """The names that the server offers.

        Raises:
            ModelFailure: see `errors.py` for the kinds.
        """
        return tuple(model.id for model in await self.describe_models(card))

    async def describe_models(self, card: ModelCard) -> tuple[ListedModel, ...]:
        """The entries of `GET /models`, with owner and context where the server tells.

        Raises:
            ModelFailure: see `errors.py` for the kinds.
        """
        server = self._server(card)
        total_s = min(card.total_timeout_s, _LIST_TIMEOUT_S)
        timeouts = Timeouts(connect_s=card.connect_timeout_s, total_s=total_s)
        body = await self._fetch(server, server.request("GET", "/models"), timeouts)
        return read_models(body, peer=server.peer, key=server.key)

    def _server(self, card: ModelCard) -> _Server:
        url = card.url or DEFAULT_URLS.get(card.via, "")
        try:
            base = self._bases.get(url)
            if base is None:
                base = self._bases[url] = Endpoint.base(url)
            key = self._keys(card.key_ref) if card.key_ref else None
        except BefitError as error:
            # A route may go on with another model; this one stays unusable till mended.
            failure = ModelFailure(
                f"model {card.name!r}: {error.message}", next_step=error.next_step
            )
            failure.retry = False
            raise failure from None
        # Without its address: whoever asks reads this, and only administrators may know it.
        peer = f"model {card.name!r}"
        origin = base.origin
        if card.zone is Zone.EXTERNAL and not origin.tls and not origin.is_loopback:
            failure = ModelFailure(
                f"{peer} is external and would be called without encryption",
                next_step="give it an https url",
            )
            failure.retry = False
            raise failure
        return _Server(base=base, peer=peer, key=key)

    async def _send(
        self, server: _Server, request: HttpRequest, timeouts: Timeouts
    ) -> HttpResponse:
        response = await self._client.send(request, timeouts)
        if 200 <= response.status < 300:
            return response
        with response:
            try:
                body = await response.read(limit=_LARGEST_REFUSAL)
            except ModelFailure:
                body = b""  # the status alone says enough
        raise refusal(server.peer, response.status, body=body, key=server.key)

    async def _fetch(
        self,
        server: _Server,
        request: HttpRequest,
        timeouts: Timeouts,
        *,
        limit: int = 32 * 1024 * 1024,
    ) -> bytes:
        with await self._send(server, request, timeouts) as response:
            return await response.read(limit=limit)


async def _next_chunks(response: HttpResponse, reader: ChatStreamReader) -> list[ChatChunk]:
    try:
        part = await response.next_part()
    except ModelFailure as error:
        chunks = reader.end()
        if not reader.is_done:
            reader.failure = error
        return chunks
    return reader.end() if part is None else reader.feed(part)


async def _refuse_whole(response: HttpResponse, server: _Server) -> None:
    """Raise where a server answers a stream request with one JSON document."""
    kind = response.header(b"content-type") or b""
    if kind.lower().startswith(b"application/json"):
        # An error object raises as what it says; anything else is a wrong answer.
        read_chat(await response.read(), peer=server.peer, key=server.key)
        raise ModelFailure(f"{server.peer} answered in one piece though a stream was asked for")


def _fields(request: ChatRequest, card: ModelCard, *, stream: bool) -> dict[str, msgspec.Raw]:
    fields = {**request.fields, "model": _raw(card.upstream_model or card.name)}
    fields.pop("stream", None)
    if not stream:
        fields.pop("stream_options", None)
        return fields
    fields["stream"] = _raw(True)
    options = fields.get("stream_options")
    known = _decode_object(options) if options is not None and bytes(options) != b"null" else {}
    fields["stream_options"] = _raw({**known, "include_usage": True})
    return fields


def _decides_by_schema(call: ModelCall) -> bool:
    return (
        bool(call.labels)
        and Capability.STRUCTURED_OUTPUT in call.card.capabilities
        and "response_format" not in call.request.fields
    )


def _label_format(labels: tuple[str, ...]) -> dict[str, object]:
    schema = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": labels}},
        "required": ["label"],
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": "label", "strict": True, "schema": schema},
    }


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
