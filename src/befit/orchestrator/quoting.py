"""Quote mode: an embedder on this machine chooses the documents' own sentences."""

from __future__ import annotations

import asyncio

import numpy as np
from numpy.typing import NDArray

from befit.catalog import AnswerMode, ModelCard
from befit.errors import Forbidden
from befit.inference import TextsCall
from befit.knowledge.answers import Quotation, candidate_sentences, quote
from befit.messages import TokenUsage
from befit.orchestrator.account import Intent
from befit.orchestrator.attempt import Attempt
from befit.orchestrator.calls import Calls
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.completions import worded
from befit.orchestrator.consultation import Consultation
from befit.orchestrator.grounding import grounds_of_quotes, nothing_to_read
from befit.orchestrator.inspection import vectors_of
from befit.orchestrator.run import Run
from befit.policy import Form

_IN_PLACE_OF_WRITING = (
    "\n\n(The documents' own words: no written answer could be given that they support.)"
)


class Quoting:
    """Answers by quoting what was found, or says that the documents do not say."""

    def __init__(self, rooms: Collaborators, calls: Calls) -> None:
        self._rooms = rooms
        self._calls = calls

    async def answer(
        self, run: Run, consultation: Consultation, card: ModelCard, intent: Intent
    ) -> Attempt:
        """Quote the passages found. Where there are none, no model is called.

        Raises:
            Forbidden: policy does not let the embedder read them as they are.
            ModelFailure: the call failed.
        """
        found = consultation.found
        sentences = await asyncio.to_thread(candidate_sentences, found)
        if not sentences:
            return nothing_to_read(run, consultation)
        texts = tuple(each.reads for each in sentences)
        vectors, usage = await self._embed(run, card, intent, texts)
        quotation: Quotation = await asyncio.to_thread(
            quote,
            consultation.question,
            found,
            sentences,
            question_vectors=consultation.vectors,
            sentence_vectors=vectors,
            model=self._rooms.quoting,
        )
        consultation.grounds = grounds_of_quotes(quotation, found)
        text = quotation.text
        if quotation.found and consultation.mode is AnswerMode.WRITE:
            text += _IN_PLACE_OF_WRITING
        return Attempt(completion=worded(run, text, by=card.name, usage=usage))

    async def _embed(
        self, run: Run, card: ModelCard, intent: Intent, texts: tuple[str, ...]
    ) -> tuple[NDArray[np.float32], TokenUsage]:
        if run.form_for(card) is Form.REDACTED:
            raise Forbidden(
                f"policy lets {card.name!r} read the passages redacted only: no quote then"
            )
        permitted = await self._calls.reserve(run, card, intent)
        async with self._calls.settling(run, permitted) as settlement:
            embeddings = await self._calls.caller.embed(
                TextsCall(permit=permitted.permit, card=card, texts=texts)
            )
            settlement.usage = embeddings.usage
        return vectors_of(embeddings), embeddings.usage
