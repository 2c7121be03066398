"""Embeddings for a caller: the same staircase for one named model, without a route."""

from __future__ import annotations

import hashlib

import msgspec

from befit.errors import InvalidRequest
from befit.inference import TextsCall
from befit.messages import ChatRequest, Message
from befit.orchestrator import ending
from befit.orchestrator.account import Intent
from befit.orchestrator.answer import EmbeddingAnswer
from befit.orchestrator.arrival import EmbeddingArrival, Kind
from befit.orchestrator.calls import Calls
from befit.orchestrator.closings import Closings
from befit.orchestrator.eligibility import Eligibility, refusal
from befit.orchestrator.naming import AUTO, named_card
from befit.orchestrator.opening import Opening
from befit.orchestrator.run import Run
from befit.vocabulary import Purpose


class EmbeddingStaircase:
    """Embeds texts with one named model under one decision."""

    def __init__(
        self, opening: Opening, eligibility: Eligibility, calls: Calls, closings: Closings
    ) -> None:
        self._opening = opening
        self._eligibility = eligibility
        self._calls = calls
        self._closings = closings

    async def handle(self, arrival: EmbeddingArrival) -> EmbeddingAnswer:
        """Vectors for the texts.

        Raises:
            BefitError: as `Orchestrator.handle`.
        """
        principal = await self._opening.authenticate(arrival.caller)
        request = arrival.request
        run = self._opening.open(principal, _as_chat(arrival), Kind.EMBEDDINGS, arrival.source)
        async with ending.closing(run, self._closings):
            if request.model != AUTO:
                run.named_model = named_card(run.catalog, request.model)
            if request.befit.collection is not None:
                raise InvalidRequest(
                    "embeddings ask no documents",
                    next_step="leave the collection out, or search it: POST /v1/knowledge/search",
                    param="befit.collection",
                )
            if request.befit.workflow is not None:
                run.workflow = run.catalog.find_workflow(request.befit.workflow)
            await self._opening.classify(run)
            verdicts = await self._opening.authorise(run, purpose=Purpose.EMBEDDING)
            self._eligibility.plan(run, verdicts)
            return await self._embed(run)

    async def _embed(self, run: Run) -> EmbeddingAnswer:
        if run.route is None or not run.route.models:
            raise refusal(run)
        card = run.answering = run.route.models[0]
        prepared = run.prepared_for(card)
        texts = tuple(message.text for message in prepared.request.messages)
        intent = Intent(purpose=Purpose.EMBEDDING, most_usd=prepared.most_usd)
        call = await self._calls.reserve(run, card, intent)
        async with self._calls.settling(run, call) as settlement:
            embeddings = await self._calls.caller.embed(
                TextsCall(permit=call.permit, card=card, texts=texts)
            )
            settlement.usage = embeddings.usage
        digest = hashlib.sha256(b"".join(embeddings.rows)).hexdigest()
        receipt = await ending.close(run, "answered", output_sha256=digest)
        return EmbeddingAnswer(
            standing=run.standing(),
            embeddings=embeddings,
            receipt=receipt,
            cost_usd=run.cost_usd,
        )


def _as_chat(arrival: EmbeddingArrival) -> ChatRequest:
    """The texts as one message each, so that classing, sizes and hashes are counted alike."""
    request = arrival.request
    messages = tuple(Message(role="user", content=text) for text in request.texts)
    return ChatRequest(
        fields={"messages": msgspec.Raw(msgspec.json.encode(messages))},
        model=request.model,
        messages=messages,
        befit=request.befit,
    )
