"""`ModelCaller`: the one point through which models are called (promise 1).

caller = ModelCaller(PermitGate(boot_key), {Via.OPENAI: provider})
answer = await caller.chat(ModelCall(permit=permit, card=card, request=request))
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from typing import TypeVar

from befit.catalog import ModelCard, Via
from befit.errors import ModelFailure, WorkspaceError
from befit.inference.health import BreakerRules, Clock, Health, HealthBook
from befit.inference.permit import PermitGate
from befit.inference.provider import ModelCall, Provider, TextsCall
from befit.messages import ChatChunk, ChatCompletion, Embeddings, LabelDistribution

_T = TypeVar("_T")


class ModelCaller:
    """Admits a call's permit for the card's name, then calls the card's provider.

    It learns each model's health on the way. It refuses no call for bad health: that is
    routing's to decide, and a request that names a model is for that model alone.

    Args:
        gate: counts and verifies permits in this process.
        providers: one for each kind of server in use.
        rules: when a failing model counts as unhealthy.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        gate: PermitGate,
        providers: Mapping[Via, Provider],
        *,
        rules: BreakerRules | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._gate = gate
        self._providers = providers
        self._book = HealthBook(rules or BreakerRules(), clock)

    async def chat(self, call: ModelCall) -> ChatCompletion:
        """A whole answer. Cancelling the task cancels the call upstream.

        Raises:
            PermitDenied: nothing was called.
            ModelFailure: the call failed.
        """
        provider = self._admit(call)
        return await self._watch(call.card.name, provider.chat(call))

    async def stream(self, call: ModelCall) -> AsyncGenerator[ChatChunk, None]:
        """An answer as it comes; close the iterator to cancel upstream.

        The permit is used when the first chunk is asked for.

        Raises:
            PermitDenied: nothing was called.
            ModelFailure: before the first chunk.
            StreamBroken: after it.
        """
        provider = self._admit(call)
        name = call.card.name
        self._book.begin(name)
        chunks = provider.stream(call)
        try:
            async for chunk in chunks:
                yield chunk
        except ModelFailure as error:
            self._book.fail(name, error)
            raise
        finally:
            # An abandoned generator is otherwise closed whenever the collector comes by.
            await _close(chunks)
        self._book.succeed(name)

    async def embed(self, call: TextsCall) -> Embeddings:
        """One vector a text; one use of the permit.

        Raises:
            PermitDenied: nothing was called.
            ModelFailure: the call failed.
        """
        provider = self._admit(call)
        return await self._watch(call.card.name, provider.embed(call))

    async def classify(self, call: TextsCall) -> tuple[LabelDistribution, ...]:
        """One distribution over labels a text; one use of the permit.

        Raises:
            PermitDenied: nothing was called.
            ModelFailure: the call failed, or the model gives no distributions.
        """
        provider = self._admit(call)
        return await self._watch(call.card.name, provider.classify(call))

    async def list_models(self, card: ModelCard) -> tuple[str, ...]:
        """The names that the card's server offers. Generates nothing, needs no permit.

        Raises:
            ModelFailure: the server cannot be asked.
        """
        try:
            names = await self._provider(card).list_models(card)
        except ModelFailure as error:
            self._book.fail(card.name, error)
            raise
        self._book.reachable(card.name)
        return names

    def health(self, card_name: str) -> Health:
        """How the model has fared in recent calls; routing's hard constraint."""
        return self._book.health(card_name)

    def _admit(self, call: ModelCall | TextsCall) -> Provider:
        provider = self._provider(call.card)
        self._gate.admit(call.permit, call.card.name)
        return provider

    def _provider(self, card: ModelCard) -> Provider:
        provider = self._providers.get(card.via)
        if provider is None:
            raise WorkspaceError(f"model {card.name!r} is via {card.via}, which is not wired")
        return provider

    async def _watch(self, name: str, answer: Awaitable[_T]) -> _T:
        self._book.begin(name)
        try:
            result = await answer
        except ModelFailure as error:
            self._book.fail(name, error)
            raise
        self._book.succeed(name)
        return result


async def _close(chunks: AsyncIterator[ChatChunk]) -> None:
    if isinstance(chunks, AsyncGenerator):
        await chunks.aclose()
