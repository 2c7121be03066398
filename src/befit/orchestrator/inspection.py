"""Embedding before a class is known: on this machine alone, under an inspection permit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from befit.catalog import Capability, Catalog, ModelCard
from befit.inference import TextsCall
from befit.messages import Embeddings, TokenUsage
from befit.orchestrator.calls import Calls
from befit.orchestrator.run import Run
from befit.vocabulary import Purpose

MOST_CHARACTERS = 2000
"""How much of a text is embedded; the embedder reads no more of it anyway."""


class Inspection:
    """Turns texts into vectors while nobody knows yet where they may go."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def embed(
        self, run: Run, embedder: ModelCard, texts: Sequence[str]
    ) -> NDArray[np.float32]:
        """A unit vector for each text, from one call.

        Raises:
            Forbidden: policy does not let the model read what nobody has classed.
            ModelFailure, WeightsMissing, Overloaded: the call failed.
        """
        permitted = await self._calls.reserve_inspection(run, embedder, purpose=Purpose.MATCH)
        cut = tuple(text[:MOST_CHARACTERS] for text in texts)
        async with self._calls.settling(run, permitted) as settlement:
            embeddings = await self._calls.caller.embed(
                TextsCall(permit=permitted.permit, card=embedder, texts=cut)
            )
            settlement.usage = embeddings.usage or TokenUsage()
        return vectors_of(embeddings)


def embedder_of(catalog: Catalog) -> ModelCard | None:
    """The card that embeds in process: the vectors of collections are of it."""
    cards = (card for card in catalog.cards.values() if card.is_in_process)
    return next((card for card in cards if Capability.EMBEDDINGS in card.capabilities), None)


def vectors_of(embeddings: Embeddings) -> NDArray[np.float32]:
    """A row for each text."""
    flat = np.frombuffer(b"".join(embeddings.rows), dtype="<f4")
    return flat.reshape(len(embeddings.rows), embeddings.dimensions)
