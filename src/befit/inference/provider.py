"""`Provider`: one wire protocol behind one interface.

A provider turns a `ModelCall` into bytes for one kind of server and back. It never
decides: permits are checked by `ModelCaller` before it is reached, retries and
fallbacks belong to the orchestrator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from befit.catalog import ModelCard
from befit.inference.permit import Permit
from befit.messages import ChatChunk, ChatCompletion, ChatRequest, Embeddings, LabelDistribution


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCall:
    """One chat call of one model under one permit.

    Attributes:
        request: as the model shall see it, instructions included; its `model` field and
            stream options are set by the provider.
        labels: the closed set of answers; a provider that can decides among them by
            constrained choice and states the confidence.
    """

    permit: Permit
    card: ModelCard
    request: ChatRequest
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TextsCall:
    """One embedding or classification call over many texts under one permit."""

    permit: Permit
    card: ModelCard
    texts: tuple[str, ...]


class Provider(Protocol):
    """What every wire protocol offers. Unsupported calls raise `ModelRefused`."""

    async def chat(self, call: ModelCall) -> ChatCompletion:
        """A whole answer. Cancelling the task cancels the call upstream."""
        ...

    def stream(self, call: ModelCall) -> AsyncIterator[ChatChunk]:
        """An answer as it comes, always ending with a chunk that carries usage if any.

        Closing the iterator cancels upstream. A failure before the first chunk is any
        `ModelFailure`; one after it is `StreamBroken`.
        """
        ...

    async def embed(self, call: TextsCall) -> Embeddings:
        """One vector a text."""
        ...

    async def classify(self, call: TextsCall) -> tuple[LabelDistribution, ...]:
        """One distribution a text (specialists only)."""
        ...

    async def list_models(self, card: ModelCard) -> tuple[str, ...]:
        """The names the server offers; health comes from here and from real calls."""
        ...
