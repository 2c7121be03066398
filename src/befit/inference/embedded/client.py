"""`EmbeddedProvider`: the embedded models behind the `Provider` protocol."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import msgspec

from befit.catalog import ModelCard
from befit.errors import (
    BefitError,
    ContextTooLong,
    InvalidRequest,
    ModelCrashed,
    ModelFailure,
    ModelRefused,
    ModelTimeout,
    ModelUnreachable,
    NotFound,
    Overloaded,
    PermitDenied,
    StreamBroken,
    WeightsMissing,
    WorkspaceError,
)
from befit.inference.embedded.choice import check_labels
from befit.inference.embedded.connection import Connection
from befit.inference.embedded.labelled import labelled_answer, labelled_chunks
from befit.inference.embedded.wire import (
    Answer,
    Ask,
    ChatAsk,
    ClassifyAsk,
    Delta,
    Done,
    EmbedAsk,
    Failed,
    Labels,
    Reply,
    Status,
    StatusAsk,
    Vectors,
)
from befit.inference.provider import ModelCall, TextsCall
from befit.messages import (
    ChatChunk,
    ChatCompletion,
    Embeddings,
    LabelDistribution,
    TokenUsage,
)

_RETRY_S = 0.05
_BAD_REQUEST = 400
_VECTOR_BYTES = 4
_TEMPERATURE = msgspec.Raw(b"0.2")

_R = TypeVar("_R", bound=Reply)

# What the engine is given of an OpenAI body; its own extensions could reach into the
# slots of other callers.
_HONOURED = (
    "messages", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "response_format",
    "tools", "tool_choice", "parallel_tool_calls", "presence_penalty", "frequency_penalty",
    "logit_bias", "logprobs", "top_logprobs",
)  # fmt: skip

_ERRORS: Mapping[str, type[BefitError]] = {
    kind.code: kind
    for kind in (
        ContextTooLong, InvalidRequest, ModelFailure, NotFound, Overloaded, PermitDenied,
        WeightsMissing, WorkspaceError,
    )
}  # fmt: skip

_read_body = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class EmbeddedProvider:
    """Calls the model process over its Unix socket. Use within one event loop.

        provider = EmbeddedProvider(workspace / ".befit/run/models.sock")
        completion = await provider.chat(ModelCall(permit=permit, card=card, request=request))

    The connection is made by the first call and again after a crash; while the process
    restarts, a call waits for it as long as the card's connect timeout allows.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()

    async def chat(self, call: ModelCall) -> ChatCompletion:
        """A whole answer; a label and its probability where the call or card names labels.

        Raises:
            PermitDenied, ContextTooLong, WeightsMissing, Overloaded: as they say.
            ModelRefused: what the model cannot do, such as several choices or tools.
            ModelCrashed, ModelTimeout, ModelUnreachable: the process, not the request.
        """
        if call.card.specialist:
            distribution, usage = await self._specialist(call)
            return labelled_answer(call.card.name, distribution, usage)
        reply = await self._one(self._chat_ask(call, stream=False), call.card)
        answer = _expected(reply, Answer)
        return ChatCompletion(
            fields=_read_body(answer.body),
            text=answer.text,
            finish_reason=answer.finish_reason,
            has_tool_calls=answer.has_tool_calls,
            confidence=answer.confidence,
            usage=answer.usage,
        )

    async def stream(self, call: ModelCall) -> AsyncIterator[ChatChunk]:
        """The answer as OpenAI's chunks; the last carries the usage. Raises as `chat`.

        After the first chunk every failure is `StreamBroken`. Closing the iterator
        cancels the call.
        """
        if call.card.specialist or call.labels:
            for chunk in labelled_chunks(await self.chat(call)):
                yield chunk
            return
        ask = self._chat_ask(call, stream=True)
        begun = False
        async with aclosing(self._replies(ask, call.card)) as replies:
            try:
                async for reply in replies:
                    if isinstance(reply, Done):
                        return
                    delta = _expected(reply, Delta)
                    begun = True
                    yield ChatChunk(
                        data=delta.data,
                        tokens=delta.tokens,
                        finish_reason=delta.finish_reason,
                        usage=delta.usage,
                        is_usage_only=delta.is_usage_only,
                    )
            except BefitError as error:
                if begun:
                    raise StreamBroken(f"the stream broke: {error}") from error
                raise

    async def embed(self, call: TextsCall) -> Embeddings:
        """One unit vector a text. Raises as `chat`."""
        ask = EmbedAsk(
            permit=call.permit,
            model=call.card.name,
            weights=call.card.weights or call.card.name,
            texts=call.texts,
        )
        vectors = _expected(await self._one(ask, call.card), Vectors)
        width = vectors.dimensions * _VECTOR_BYTES
        rows = tuple(
            vectors.rows[at : at + width] for at in range(0, len(vectors.rows), width or 1)
        )
        return Embeddings(
            rows=rows, dimensions=vectors.dimensions, usage=TokenUsage(input=vectors.tokens)
        )

    async def classify(self, call: TextsCall) -> tuple[LabelDistribution, ...]:
        """One distribution a text, by a specialist's card. Raises as `chat`."""
        return (await self._classified(call)).unpacked()

    async def list_models(self, card: ModelCard) -> tuple[str, ...]:
        """The weights and artefacts in the process's memory."""
        return tuple(model.name for model in (await self.status(card.connect_timeout_s)).models)

    async def status(self, timeout_s: float = 5.0) -> Status:
        """What is loaded and the memory it takes; needs no permit.

        Raises:
            ModelUnreachable, ModelCrashed, ModelTimeout: the process is not up.
        """
        connection = await self._connected(timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                return _expected(await connection.one(StatusAsk()), Status)
        except TimeoutError:
            raise ModelTimeout(f"the model process did not answer in {timeout_s} s") from None

    async def close(self) -> None:
        """Close the connection; calls in flight get `ModelCrashed`."""
        if self._connection:
            await self._connection.close()

    def _chat_ask(self, call: ModelCall, *, stream: bool) -> ChatAsk:
        name = call.card.name
        if call.request.choices > 1:
            raise ModelRefused(
                f"{name!r} gives one choice a call, not {call.request.choices}",
                upstream_status=_BAD_REQUEST,
            )
        check_labels(call.labels, name)
        fields: dict[str, msgspec.Raw | int] = {
            key: raw for key in _HONOURED if (raw := call.request.fields.get(key)) is not None
        }
        # Small models wander at the protocol's 1.0; SmolLM2's own card asks for 0.2.
        fields.setdefault("temperature", _TEMPERATURE)
        limits = (call.request.max_output_tokens, call.card.max_output_tokens)
        if known := [limit for limit in limits if limit]:
            fields["max_tokens"] = min(known)
        return ChatAsk(
            permit=call.permit,
            model=name,
            weights=call.card.weights or name,
            body=msgspec.json.encode(fields),
            labels=call.labels,
            stream=stream,
        )

    async def _specialist(self, call: ModelCall) -> tuple[LabelDistribution, TokenUsage]:
        texts = TextsCall(permit=call.permit, card=call.card, texts=(call.request.text,))
        found = await self._classified(texts)
        return found.unpacked()[0], TokenUsage(input=found.tokens)

    async def _classified(self, call: TextsCall) -> Labels:
        if call.card.specialist is None:
            raise ModelRefused(
                f"{call.card.name!r} is no specialist; it classifies by `chat` with labels",
                upstream_status=_BAD_REQUEST,
            )
        ask = ClassifyAsk(
            permit=call.permit,
            model=call.card.name,
            artefact=call.card.specialist.artefact,
            texts=call.texts,
        )
        return _expected(await self._one(ask, call.card), Labels)

    async def _one(self, ask: Ask, card: ModelCard) -> Reply:
        async with aclosing(self._replies(ask, card, first_token=False)) as replies:
            async for reply in replies:
                return reply
        raise ModelFailure(f"{card.name!r} ended the call without an answer")

    async def _replies(
        self, ask: Ask, card: ModelCard, *, first_token: bool = True
    ) -> AsyncGenerator[Reply]:
        connection = await self._connected(card.connect_timeout_s)
        loop = asyncio.get_running_loop()
        last = loop.time() + card.total_timeout_s
        deadline = min(last, loop.time() + card.first_token_timeout_s) if first_token else last
        async with aclosing(connection.replies(ask)) as replies:
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        reply = await anext(replies, None)
                except TimeoutError:
                    raise ModelTimeout(
                        f"{card.name!r} did not answer within the time of its card"
                    ) from None
                if reply is None:
                    return
                if isinstance(reply, Failed):
                    raise _error(reply)
                deadline = last
                yield reply

    async def _connected(self, timeout_s: float) -> Connection:
        deadline = time.monotonic() + timeout_s  # before the lock: callers wait together
        async with self._connecting:
            if self._connection and not self._connection.is_lost:
                return self._connection
            while True:
                try:
                    self._connection = await _greeted(self._socket)
                except (OSError, ModelCrashed) as error:
                    if time.monotonic() >= deadline:
                        raise ModelUnreachable(
                            f"the model process does not listen at {self._socket}: {error}",
                            next_step="see its log in .befit/logs",
                        ) from None
                    await asyncio.sleep(_RETRY_S)
                else:
                    return self._connection


async def _greeted(socket: Path) -> Connection:
    # A dying process may still accept; only one that answers gets a call.
    connection = await Connection.open(socket)
    try:
        await connection.one(StatusAsk())
    except BaseException:
        await connection.close()
        raise
    return connection


def _expected(reply: Reply, kind: type[_R]) -> _R:
    if isinstance(reply, Failed):
        raise _error(reply)
    if not isinstance(reply, kind):
        raise ModelCrashed(f"the model process answered {type(reply).__name__}")
    return reply


def _error(reply: Failed) -> BefitError:
    if reply.code == ModelRefused.code:
        return ModelRefused(reply.message, upstream_status=reply.upstream_status)
    kind = _ERRORS.get(reply.code, ModelFailure)
    return kind(reply.message, next_step=reply.next_step)
