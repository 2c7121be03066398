"""Searching documents: the staircase without a model that answers.

`authenticate → open → classify → retrieve → join classes → close → results`
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from befit.audit import Receipt
from befit.catalog import AnswerMode
from befit.identity import Principal
from befit.knowledge.feedback import AskedQuestion, ShownPassage
from befit.knowledge.retrieval import Question
from befit.knowledge.search import Found
from befit.messages import ChatRequest, Message
from befit.orchestrator import ending
from befit.orchestrator.answer import Standing
from befit.orchestrator.arrival import Kind, Source
from befit.orchestrator.closings import Closings
from befit.orchestrator.collaborators import Collaborators
from befit.orchestrator.consultation import Consultation
from befit.orchestrator.opening import Opening
from befit.orchestrator.retrieving import Retrieving
from befit.orchestrator.run import Run
from befit.orchestrator.searching import Scope, Search, Searching, require_unlimited
from befit.vocabulary import Status

_MODEL = "search"
"""What stands in the decision where another request names its model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchArrival:
    """One search; `caller` as in `Arrival`."""

    caller: str | Principal | None
    question: Question
    scope: Scope
    source: Source = Source.HTTP


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchAnswer:
    """What was found, recorded and closed.

    Attributes:
        receipt: of the `closed` event.
    """

    standing: Standing
    found: Found
    receipt: Receipt
    latency_ms: float


class SearchStaircase:
    """Finds passages for who asks, under one decision."""

    def __init__(
        self, rooms: Collaborators, opening: Opening, retrieving: Retrieving, closings: Closings
    ) -> None:
        self._rooms = rooms
        self._opening = opening
        self._retrieving = retrieving
        self._searching = Searching(rooms, retrieving)
        self._closings = closings

    async def handle(self, arrival: SearchArrival) -> SearchAnswer:
        """Search for the caller, by the caller's rights alone.

        Raises:
            NotFound: no such collection.
            Forbidden: the key is limited to workflows, or policy lets no model read the query.
            NoFitModel: no model on this machine embeds.
            IndexDamaged, Overloaded, ModelFailure: nothing could be searched.
        """
        principal = await self._opening.authenticate(arrival.caller)
        request = _as_chat(arrival.question)
        run = self._opening.open(principal, request, Kind.SEARCH, arrival.source)
        async with ending.closing(run, self._closings):
            require_unlimited(principal)
            await self._opening.classify(run)
            found = await self._retrieve(run, arrival)
            return await self._release(run, arrival.question, found)

    async def _retrieve(self, run: Run, arrival: SearchArrival) -> Found:
        question = arrival.question
        scope = await self._searching.resolved(run, arrival.scope)
        (vectors,) = await self._searching.vectors(run, [question])
        search = Search(reader=run.principal, question=question, scope=scope)
        found = await self._searching.find(run, search, vectors)
        run.consultation = Consultation(
            collections=scope.collections,
            mode=AnswerMode.QUOTE,
            question=question,
            vectors=vectors,
            embedder=self._retrieving.embedder(run),
            found=found,
        )
        return found

    async def _release(self, run: Run, question: Question, found: Found) -> SearchAnswer:
        """Close, once all is durable that must outlive the results."""
        await self._searching.release(run, found.passages)
        await self._rooms.feedback.keep(_asked(run, question, found))
        receipt = await ending.close(run, Status.ANSWERED)
        return SearchAnswer(
            standing=run.standing(), found=found, receipt=receipt, latency_ms=run.latency_ms
        )


def _as_chat(question: Question) -> ChatRequest:
    """The question and its conversation as messages, so that all is classed and hashed alike."""
    messages = (*question.history, Message(role="user", content=question.text))
    return ChatRequest(
        fields={"messages": msgspec.Raw(msgspec.json.encode(messages))},
        model=_MODEL,
        messages=messages,
    )


def _asked(run: Run, question: Question, found: Found) -> AskedQuestion:
    return AskedQuestion(
        tenant=run.principal.tenant,
        decision_id=run.decision_id,
        principal_id=run.principal.id,
        workflow=None,
        question=question.text,
        history=question.history,
        passages=tuple(
            ShownPassage(
                collection=each.collection,
                doc_id=each.doc_id,
                passage_id=each.passage_id,
                version=each.version,
            )
            for each in found.passages
        ),
        is_cited=False,
        data_class=run.classification.data_class,
        asked_at=run.opened_at,
    )
